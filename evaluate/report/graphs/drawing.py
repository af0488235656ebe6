"""Drawings of belief graphs, and the curve of a graph's edges by their weight."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from textwrap import wrap
from typing import Final, Literal

import numpy as np
import pandas as pd
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import FancyArrowPatch

from worldgen.evaluate.report.figures.style import COLORS, shortened
from worldgen.evaluate.report.graphs.parts import MOST_LABELLED, Part
from worldgen.evaluate.slag.graphs.drawn import AtThreshold

_LINE: Final = 22
"""The characters of a label's line."""
_LOOKS: Final[Mapping[str, tuple[str, Literal["-", "--"]]]] = {"model": ("model", "-"), "rational": ("agent", "--")}
"""The colour and the line style of each graph's edges."""
_NAMES: Final = {"model": "an edge of the model's", "rational": "an edge of the rational agent's"}
_MARKS: Final = {True: ("better", "o", "right before"), False: ("worse", "s", "wrong before")}


def draw_part(figure: Figure, part: Part) -> None:
    """Draws the nodes and edges of a part; a small one has arrows, and says each node's sentence and label."""
    axes, is_small = figure.add_subplot(), len(part.nodes) <= MOST_LABELLED
    place = dict(zip(part.nodes.index.tolist(), zip(part.x.tolist(), part.y.tolist(), strict=True), strict=True))
    handles = []
    for graph, (color, style) in _LOOKS.items():
        if graph in part.edges:
            its = part.edges[part.edges[graph]]
            ends = [(place[u], place[v]) for u, v in zip(its["source"], its["target"], strict=True)]
            if is_small:
                for start, end in ends:
                    bend = "arc3,rad=0.08" if graph == "model" else "arc3,rad=-0.08"
                    axes.add_patch(FancyArrowPatch(
                        start, end, arrowstyle="-|>", mutation_scale=9, shrinkA=5, shrinkB=6, connectionstyle=bend,
                        color=COLORS[color], linestyle=style, linewidth=1.2,
                    ))  # fmt: skip
            else:
                width = 0.5 if graph == "model" else 1.4
                axes.add_collection(LineCollection(ends, colors=COLORS[color], linestyles=[style], linewidths=width))
            handles.append(Line2D([], [], color=COLORS[color], linestyle=style, label=_NAMES[graph]))
    for is_right, (color, mark, name) in _MARKS.items():
        chosen = (part.nodes["right"] == is_right).to_numpy()
        axes.plot(part.x[chosen], part.y[chosen], mark, color=COLORS[color], markersize=7 if is_small else 4, zorder=3)
        handles.append(Line2D([], [], color=COLORS[color], marker=mark, linestyle="", label=name))
    if is_small:
        for row, x, y in zip(part.nodes.itertuples(), part.x, part.y, strict=True):
            axes.annotate(
                _label(str(row.text), str(row.label)), (x, y), xytext=(0, 7), textcoords="offset points", size=7.5,
                ha="center", va="bottom", zorder=4,
            )  # fmt: skip
    axes.margins(0.16 if is_small else 0.03)
    axes.set_axis_off()
    figure.legend(handles=handles, loc="outside lower center", ncols=len(handles))


def _label(text: str, label: str) -> str:
    """Returns the sentence, of a statement without its quotation marks, and what is right."""
    said = text.removeprefix('"').removesuffix('" is') if text.endswith('" is') else text
    return "\n".join([*wrap(shortened(said, 3 * _LINE), _LINE), f"[y: {shortened(label, _LINE)}]"])


def draw_curve(figure: Figure, curve: Sequence[AtThreshold]) -> None:
    """Draws the number of the model's edges of at least each weight, and how they agree with the rational graph."""
    left, right = figure.subplots(1, 2)
    x = [at.threshold for at in curve]
    left.step(x, [at.edges for at in curve], where="post", color=COLORS["model"])
    left.set(xlabel="least weight", ylabel="edges of the model", ylim=(0, None))
    looks = (("precision", "model", "-"), ("recall", "agent", "--"), ("f1", "ink", ":"))
    for name, color, style in looks:
        found = pd.DataFrame([getattr(at, name) for at in curve])
        right.fill_between(x, found["low"], found["high"], color=COLORS[color], alpha=0.12, linewidth=0)
        right.plot(x, found["mean"], style, color=COLORS[color], label="F1" if name == "f1" else name)
    highest = np.nanmax([[at.precision.high, at.recall.high, at.f1.high] for at in curve])
    right.set(xlabel="least weight", ylabel="agreement with reason", ylim=(0, min(1.0, 1.15 * highest)))
    right.legend()
