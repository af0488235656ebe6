"""The README's figure: what the agent and the model believe before and after one edit of a run.

    worldgen run runs/demo --preset tiny
    python benchmarks/one_edit.py runs/demo docs/results/one-edit-lora-2026-11-24.svg

The edit is the one that the report page tells in full. For the request, and for the question whose answer follows from
it, the figure shows the probability of the agent's new answer.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

import click
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from worldgen.evaluate.asking.measurements import read_measurements
from worldgen.evaluate.report.figures.edit_panels import Panel
from worldgen.evaluate.report.figures.style import COLORS
from worldgen.evaluate.report.figures.svg import svg_of
from worldgen.evaluate.report.one_edit import Example, most_telling_edit
from worldgen.evaluate.runs.load import finished, load_world
from worldgen.evaluate.testbed.cases import load_cases
from worldgen.storage.files import write_text

WHO: Final = {"agent": "rational agent", "model": "language model"}
INCHES: Final = (7.3, 3.0)
PALE: Final = 0.35
BAR: Final = 0.36
WHITE: Final = '<rect width="100%" height="100%" fill="#ffffff"/>'


@click.command()
@click.argument("run", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.argument("svg", type=click.Path(dir_okay=False, path_type=Path))
@click.option("--method", default="lora", show_default=True)
def main(run: Path, svg: Path, method: str) -> None:
    """Draw the edit of RUN that its report page tells in full, and print which edit it is."""
    example = example_of(run, method)
    write_text(svg, on_white(svg_of("one-edit", INCHES, lambda figure: draw(figure, example))))
    print(f"{example.names.subject} {example.names.relation}: {example.names.truth} -> {example.names.requested}")
    for answer in example.answers[:2]:
        print(f"{answer.prompt}: agent {' -> '.join(answer.agent)}; model {' -> '.join(answer.model)}")
    for panel in example.panels[:2]:
        (agent, model) = (" -> ".join(f"{p:.4f}" for p in values) for values in (panel.agent, panel.model))
        print(f"p({panel.question}): agent {agent}; model {model}")


def example_of(run: Path, method: str) -> Example:
    """Returns the edit of a run that the report page tells in full."""
    cases = finished(run / "cases")
    probes = pd.read_parquet(cases / "probes.parquet")
    measured = read_measurements(finished(run / "edits" / method))
    replies = probes.merge(measured, on=["case", "name"], how="inner", validate="one_to_one")
    return most_telling_edit(load_world(run), load_cases(cases / "cases.parquet"), replies)


def draw(figure: Figure, example: Example) -> None:
    """Draws four pairs of bars: agent and model, before and after, for the request and for what follows from it."""
    left, right = figure.subplots(1, 2, sharey=True)
    request, downstream = example.panels[:2]
    _draw_pairs(left, "The request", f"“{example.answers[0].prompt} {request.question}”", request)
    _draw_pairs(right, "What follows from it", f"“{example.answers[1].prompt} {downstream.question}”", downstream)
    left.set_ylabel("probability")
    figure.get_layout_engine().set(w_pad=0.1, h_pad=0.1, wspace=0.08)  # type: ignore[union-attr, call-arg]


def _draw_pairs(axes: Axes, title: str, question: str, panel: Panel) -> None:
    for place, (who, values) in enumerate((("agent", panel.agent), ("model", panel.model))):
        for offset, value, alpha, when in ((-BAR / 2, values[0], PALE, "before"), (BAR / 2, values[1], 1, "after")):
            axes.bar(place + offset, value, BAR * 0.92, color=COLORS[who], alpha=alpha)
            axes.text(place + offset, value + 0.02, f"{value:.2f}", ha="center", size=9)
            axes.text(place + offset, -0.04, when, ha="center", va="top", size=8.5, color=COLORS["muted"])
        axes.text(place, -0.15, WHO[who], ha="center", va="top", size=9.5, weight="bold", color=COLORS[who])
    axes.set_title(title, weight="bold", size=10.5, pad=22)
    axes.text(0, 1.06, question, transform=axes.transAxes, size=8.5, color=COLORS["muted"])
    axes.set(xlim=(-0.6, 1.6), ylim=(0, 1.08), xticks=(), yticks=(0, 0.5, 1))


def on_white(svg: str) -> str:
    """Returns an SVG file with a white ground, and with a sans-serif font where the reader has not matplotlib's."""
    ground = svg.index(">", svg.index("<svg")) + 1
    return f"{svg[:ground]}\n {WHITE}{svg[ground:]}".replace("'DejaVu Sans'", "'DejaVu Sans', Verdana, sans-serif")


if __name__ == "__main__":
    main()
