"""The command internalize."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import click

from worldgen.errors import UserError
from worldgen.evaluate.commands.stage_command import stage_command

if TYPE_CHECKING:
    from worldgen.evaluate.runs.run import Run


@stage_command("internalize")
@click.option("--experiment", "name", default="set-inclusion", show_default=True, help="set-inclusion, alpha, ...")
@click.option("--seeds", metavar="N,N,...", help="Seeds, one after another.  [default: internalize.seeds]")
def internalize_command(run: Run, name: str, seeds: str | None) -> tuple[dict[str, Any], str]:
    """Carry out an experiment of implicit meta-learning, seed by seed; a stopped training goes on at its next epoch.

    Example: worldgen internalize runs/iml --preset iml-tiny --experiment set-inclusion
    """
    from worldgen.evaluate.stages.internalizing.experiments import EXPERIMENTS
    from worldgen.evaluate.stages.internalizing.run_experiment import internalize

    if name not in EXPERIMENTS:
        raise UserError(f"--experiment {name}: there is no such experiment, take one of {', '.join(EXPERIMENTS)}")
    folder = internalize(_with_seeds(run, seeds), EXPERIMENTS[name])
    return {"results": str(folder)}, (folder / "effects.txt").read_text() + f"\nCurves, tables and figures: {folder}"


def _with_seeds(run: Run, seeds: str | None) -> Run:
    """Returns the run with other seeds. Raises UserError for a text that lists none."""
    if seeds is None:
        return run
    from worldgen.evaluate.runs.config import override

    return replace(run, config=override(run.config, [f"internalize.seeds={seeds}"]))
