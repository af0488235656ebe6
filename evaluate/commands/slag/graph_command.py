"""The command that draws belief graphs."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from worldgen.errors import UserError
from worldgen.evaluate.commands.beliefs import MODEL_OPTION
from worldgen.evaluate.commands.stage_command import METHOD_OPTION, stage_command
from worldgen.evaluate.methods.methods import METHODS

if TYPE_CHECKING:
    from worldgen.evaluate.runs.run import Run


@stage_command("graph")
@METHOD_OPTION
@click.option(
    "--task", type=click.Choice(["tf", "gen"]), default="tf", show_default=True, help="Whose points are nodes."
)
@click.option(
    "--points",
    multiple=True,
    metavar="N|FILE.jsonl",
    help="N random test points; points of your own; give it twice for both.  [default: all, at most 300]",
)
@click.option("--entailed", is_flag=True, help="Make what follows from them nodes too (tf).")
@MODEL_OPTION
def graph_command(
    run: Run, method: str, task: str, points: tuple[str, ...], entailed: bool, model: str | None
) -> tuple[dict[str, Any], str]:
    """Draw the model's belief graph: which beliefs change when one is flipped; and the rational agent's.

    --workers and --engine ray share the nodes out. With points of your own there is no rational agent.

    Example: worldgen graph runs/slag --method ft --points 100
    """
    from worldgen.evaluate.slag.points import Task
    from worldgen.evaluate.stages.slag.graph import Given, Wanted, draw_graph

    number, file = _number_or_file(points)
    folder = draw_graph(run, METHODS[method], Wanted(number, entailed, Task(task)), Given(file, model))
    text = (folder / "statistics.txt").read_text()
    return json.loads((folder / "statistics.json").read_text()), f"{text}\nNodes, edges and beliefs.graphml: {folder}"


def _number_or_file(points: Sequence[str]) -> tuple[int | None, Path | None]:
    """Returns how many points are wanted, and the file that has them; None for what was not said."""
    numbers = [int(text) for text in points if text.isdecimal()]
    files = [Path(text) for text in points if not text.isdecimal()]
    if len(numbers) > 1 or len(files) > 1:
        raise UserError("--points takes one number and one file at most")
    if any(number < 2 for number in numbers):
        raise UserError(f"--points {numbers[0]}: a belief graph needs two points at least")
    if missing := [file for file in files if not file.is_file()]:
        raise UserError(f"--points {missing[0]}: there is no such file, and it is no number of points")
    return next(iter(numbers), None), next(iter(files), None)
