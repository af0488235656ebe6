"""The commands of SLAG: detect and update."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from worldgen.evaluate.commands.options import InputFile, with_options
from worldgen.evaluate.commands.stage_command import METHOD_OPTION, stage_command
from worldgen.evaluate.methods.methods import METHODS

if TYPE_CHECKING:
    from worldgen.evaluate.runs.run import Run


MODEL_OPTION = click.option(
    "--model", metavar="PATH_OR_ID", help="A causal model of transformers.  [default: the run's model]"
)
_OTHERS = [
    MODEL_OPTION,
    click.option(
        "--points",
        type=InputFile(),
        metavar="FILE.jsonl",
        help="Points of your own (docs/points-files.md).  [default: those of the run's world]",
    ),
]


@stage_command("detect")
@with_options(_OTHERS)
def detect_command(run: Run, model: str | None, points: Path | None) -> tuple[dict[str, Any], str]:
    """Detect the beliefs of the model before any update: consistency, entailment, contrapositives.

    With --model and --points RUN needs no world: your model is asked your points, in a folder of its own in RUN/slag.

    Example: worldgen detect runs/slag
    """
    from worldgen.evaluate.commands import summary
    from worldgen.evaluate.stages.slag.others import sources_of
    from worldgen.evaluate.stages.slag.whole import detect

    its_run, sources = sources_of(run, points, model)
    detect(its_run, sources)
    return summary.beliefs(its_run.folder, run.config)


@stage_command("update")
@METHOD_OPTION
@with_options(_OTHERS)
def update_command(run: Run, method: str, model: str | None, points: Path | None) -> tuple[dict[str, Any], str]:
    """Update beliefs of the model by a method, and measure the six update metrics.

    Example: worldgen update runs/slag --method ft
    """
    from worldgen.evaluate.commands import summary
    from worldgen.evaluate.stages.slag.others import sources_of
    from worldgen.evaluate.stages.slag.whole import update

    its_run, sources = sources_of(run, points, model, METHODS[method])
    update(its_run, METHODS[method], sources)
    return summary.beliefs(its_run.folder, run.config)
