"""The command that draws belief graphs."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import click

from worldgen.evaluate.commands.stage_command import UNTRAINED_OPTION, stage_command
from worldgen.evaluate.methods.methods import METHODS

if TYPE_CHECKING:
    from worldgen.evaluate.runs.run import Run


@stage_command("graph")
@UNTRAINED_OPTION
@click.option(
    "--points", type=click.IntRange(min=2), metavar="N", help="Random test points of TF.  [default: all, at most 300]"
)
@click.option("--entailed", is_flag=True, help="Make what follows from them nodes too.")
def graph_command(run: Run, method: str, points: int | None, entailed: bool) -> tuple[dict[str, Any], str]:
    """Draw the model's belief graph: which beliefs change when one is flipped; and the rational agent's.

    Example: worldgen graph runs/slag --method ft --points 100
    """
    from worldgen.evaluate.stages.slag.graph import Wanted, draw_graph

    folder = draw_graph(run, METHODS[method], Wanted(points, entailed))
    text = (folder / "statistics.txt").read_text()
    return json.loads((folder / "statistics.json").read_text()), f"{text}\nNodes, edges and beliefs.graphml: {folder}"
