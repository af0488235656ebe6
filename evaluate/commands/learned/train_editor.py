"""The command train-editor."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from worldgen.evaluate.commands.stage_command import stage_command
from worldgen.evaluate.methods.methods import LEARNED, METHODS

if TYPE_CHECKING:
    from worldgen.evaluate.runs.run import Run


@stage_command("train-editor")
@click.option("--method", type=click.Choice(LEARNED), default="slag", show_default=True)
def train_editor_command(run: Run, method: str) -> tuple[dict[str, Any], str]:
    """Train a learned optimizer on points of training subjects. A training that was stopped goes on.

    Example: worldgen train-editor runs/slag --method ke
    """
    from worldgen.evaluate.commands import summary
    from worldgen.evaluate.stages.slag.optimizers import train_editor

    train_editor(run, METHODS[method])
    return summary.stages(run.folder)
