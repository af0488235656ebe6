"""The figure of one edit: eight probabilities before and after it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from matplotlib.figure import Figure

from worldgen.evaluate.report.figures.style import COLORS, shortened


class Panel(NamedTuple):
    """One probability (before, after) an edit: the agent's credence and the model's probability."""

    title: str
    question: str
    agent: tuple[float, float]
    model: tuple[float, float]


def draw_one_edit(figure: Figure, panels: Sequence[Panel]) -> None:
    """Draws eight panels in two rows: a line from before to after for the agent, and one for the model.

    The better the edit, the closer the two lines.
    """
    grid = figure.subplots(2, 4, sharex=True, sharey=True)
    for axes, panel in zip(grid.ravel(), panels, strict=True):
        for who, values, marker in (("agent", panel.agent, "s"), ("model", panel.model, "o")):
            color = COLORS[who]
            axes.plot([0, 1], values, color=color, linewidth=1.6, label=who, clip_on=False)
            axes.plot(0, values[0], marker, markersize=6.5, color=color, markerfacecolor="none", clip_on=False)
            axes.plot(1, values[1], marker, markersize=6.5, color=color, clip_on=False)
        axes.set_title(panel.title, weight="bold", pad=23)
        below_title = {"transform": axes.transAxes, "color": COLORS["muted"], "size": 8.5}
        axes.text(0, 1.1, f"p({shortened(panel.question)})", **below_title)
        axes.set(xlim=(-0.25, 1.25), ylim=(0, 1), yticks=(0, 0.25, 0.5, 0.75, 1))
        axes.set_xticks((0, 1), ("before", "after"))
        axes.grid(False, axis="x")
    figure.get_layout_engine().set(h_pad=0.12, w_pad=0.08)  # type: ignore[union-attr, call-arg]
    figure.legend(*grid[0, 0].get_legend_handles_labels(), loc="outside lower right", ncols=2)
