"""The commands of SLAG: detect and update."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from worldgen.evaluate.commands.stage_command import stage_command
from worldgen.evaluate.methods.learned_methods import UPDATING

if TYPE_CHECKING:
    from worldgen.evaluate.runs.run import Run


@stage_command("detect")
def detect_command(run: Run) -> tuple[dict[str, Any], str]:
    """Detect the beliefs of the model before any update: consistency, entailment, contrapositives.

    Example: worldgen detect runs/slag
    """
    from worldgen.evaluate.commands import summary
    from worldgen.evaluate.stages.slag.whole import detect

    detect(run)
    return summary.beliefs(run.folder, run.config)


@stage_command("update")
@click.option("--method", type=click.Choice(list(UPDATING)), default="lora", show_default=True)
def update_command(run: Run, method: str) -> tuple[dict[str, Any], str]:
    """Update beliefs of the model by a method, and measure the six update metrics.

    Example: worldgen update runs/slag --method ft
    """
    from worldgen.evaluate.commands import summary
    from worldgen.evaluate.stages.slag.whole import update

    update(run, UPDATING[method])
    return summary.beliefs(run.folder, run.config)
