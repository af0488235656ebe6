"""The commands of the testbed: edit, tune, trajectory, score, report."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from worldgen.errors import UserError
from worldgen.evaluate.commands.options import InputFile
from worldgen.evaluate.commands.stage_command import METHOD_OPTION, stage_command
from worldgen.evaluate.methods.methods import METHODS

if TYPE_CHECKING:
    from worldgen.evaluate.runs.run import Run


@stage_command("edit")
@METHOD_OPTION
def edit_command(run: Run, method: str) -> tuple[dict[str, Any], str]:
    """Edit the model for every case, ask it before and after, restore it.

    Example: worldgen edit runs/demo --method lora
    """
    from worldgen.evaluate.commands import summary
    from worldgen.evaluate.stages import testbed
    from worldgen.evaluate.stages.slag.optimizers import trained_for

    testbed.edit(run, METHODS[method], trained_for(run, METHODS[method]))
    return summary.stages(run.folder)


@stage_command("tune")
@METHOD_OPTION
@click.option(
    "--grid", multiple=True, required=True, metavar="KEY=VALUE,VALUE,...",
    help="Values of one of the method's settings (repeatable: every combination is tried).",
)  # fmt: skip
def tune_command(run: Run, method: str, grid: tuple[str, ...]) -> tuple[dict[str, Any], str]:
    """Search a grid of settings on held-out cases, by the same score for every method.

    Example: worldgen tune runs/demo --method ft --grid ft.learning_rate=1e-5,1e-4 --grid ft.steps=20,100
    """
    from worldgen.evaluate.methods.tune import in_words
    from worldgen.evaluate.stages.slag.optimizers import training_of
    from worldgen.evaluate.stages.tuning import tune

    found = tune(run, METHODS[method], grid, training_of(run, METHODS[method]))
    return found, in_words(found)


@stage_command("trajectory")
@METHOD_OPTION
def trajectory_command(run: Run, method: str) -> tuple[dict[str, Any], str]:
    """Edit as `edit` does, and again with 0, 1, 2, 5, ... steps: the curves and the table at equal compute.

    Example: worldgen trajectory runs/demo --method lora --set trajectory.steps=[0,10,20]
    """
    from worldgen.evaluate.commands import summary
    from worldgen.evaluate.stages import testbed

    testbed.record_trajectory(run, METHODS[method])
    return summary.stages(run.folder)


@stage_command("score")
@click.option(
    "--measurements", type=InputFile(), metavar="FILE",
    help="Score what another program measured, too: .parquet, .csv or .jsonl (docs/other-programs.md).",
)  # fmt: skip
@click.option("--model", metavar="PATH_OR_ID", help="Ask a causal model of transformers, too, which nobody edits.")
@click.option("--name", help="What to call these.  [default: the file's or the model's name]")
def score_command(
    run: Run, measurements: Path | None, model: str | None, name: str | None
) -> tuple[dict[str, Any], str]:
    """Print the table of every method that was measured.

    Example: worldgen score runs/demo --json
    """
    from worldgen.evaluate.commands import summary
    from worldgen.evaluate.stages import other_programs, testbed

    if measurements is not None and model is not None:
        raise UserError("--measurements and --model are two things to score: give one of them at a time")
    if measurements is not None:
        other_programs.take_measurements(run, measurements, name)
    elif model is not None:
        other_programs.probe_model(run, model, name)
    elif name is not None:
        raise UserError("--name goes with --measurements or --model")
    testbed.score_methods(run)
    return summary.scores(run.folder, with_page=False)


@stage_command("report")
def report_command(run: Run) -> tuple[dict[str, Any], str]:
    """Write the report page, about all that was scored.

    Example: worldgen report runs/demo
    """
    from worldgen.evaluate.stages import testbed
    from worldgen.evaluate.stages.page import make_page
    from worldgen.evaluate.stages.slag import scores as slag_scores
    from worldgen.evaluate.stages.sources import scores as trust_scores

    make_page(run, testbed.SCORES, slag_scores.SCORES, trust_scores.SCORES)
    page = str(run.folder / "report" / "index.html")
    return {"page": page}, page
