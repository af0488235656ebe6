"""The command that puts several models of one world into one table: seeds."""

from __future__ import annotations

from pathlib import Path

import click

from worldgen.errors import UserError
from worldgen.evaluate.commands.options import JSON_OPTION, RunFolder, existing_config
from worldgen.evaluate.commands.output import print_result
from worldgen.evaluate.commands.summary import belief_tables
from worldgen.storage.manifests import read_manifest


@click.command("seeds")
@click.argument("runs", nargs=-1, required=True, type=RunFolder())
@JSON_OPTION
def seeds_command(runs: tuple[Path, ...], as_json: bool) -> None:
    """Show several models of one world in one table, with intervals over cases and models.

    The runs differ in `model_seed` alone. A table holds what all of them have measured.

    Example: worldgen seeds runs/demo runs/demo-1 runs/demo-2
    """
    from worldgen.evaluate.report.tables import as_text
    from worldgen.evaluate.runs.run import Run
    from worldgen.evaluate.stages.seeds import scores_of_seeds
    from worldgen.evaluate.stages.slag.seeds import beliefs_of_seeds

    if len({run.resolve() for run in runs}) < max(2, len(runs)):
        raise UserError("give two run folders or more, each once: models of one world, with other `model_seed`s")
    opened = [Run(run, existing_config(run), quiet=True) for run in runs]
    have_points = all(read_manifest(run / "slag" / "base") is not None for run in runs)
    have_cases = all(read_manifest(run / "cases") is not None for run in runs)
    edited = scores_of_seeds(opened) if have_cases else []
    detected, updated = beliefs_of_seeds(opened) if have_points else ([], [])
    if not (edited or detected):
        raise UserError("the runs have measured nothing in common: edit by one method in each, or detect in each")
    texts = [as_text(scores) for scores in edited]
    texts += belief_tables(detected, updated, opened[0].config.score.confidence)
    result = {
        "edits": {scores.method: scores.as_json() for scores in edited},
        "detection": [row.as_json() for row in detected],
        "updates": [row.as_json() for row in updated],
    }
    print_result(result, "\n\n".join(texts), as_json)
