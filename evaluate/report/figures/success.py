"""The figure of update success against the consistency of the belief before the update."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

from matplotlib.figure import Figure

from worldgen.evaluate.report.figures.style import COLORS, shortened
from worldgen.evaluate.statistics.interval import Interval

PANELS_A_ROW: Final = 2


class SuccessPanel(NamedTuple):
    """The success of a method's single updates: for each bin of consistency its name, points and share of successes."""

    title: str
    bins: Sequence[tuple[str, int, Interval]]
    pearson: float | None
    """The correlation over all points; None if consistency or success never varies."""
    left_out: int
    """The points in no bin."""


def draw_success(figure: Figure, panels: Sequence[SuccessPanel]) -> None:
    """Draws a panel for each method and task: the success of each bin with its interval, nothing without points.

    Source: Hase et al., 2021, Figure 6.
    """
    rows = -(-len(panels) // PANELS_A_ROW)
    grid = figure.subplots(rows, min(len(panels), PANELS_A_ROW), sharey=True, squeeze=False).ravel()
    for axes, panel in zip(grid, panels, strict=False):
        found = [(place, share) for place, (_, points, share) in enumerate(panel.bins) if points]
        places = [place for place, _ in found]
        axes.vlines(places, [s.low for _, s in found], [s.high for _, s in found], color=COLORS["model"], linewidth=1.6)
        axes.plot(places, [s.mean for _, s in found], "o", markersize=6, color=COLORS["model"], clip_on=False, zorder=3)
        axes.set_xticks(range(len(panel.bins)), [f"{name}\nn = {points}" for name, points, _ in panel.bins], size=8)
        told = "no ρ" if panel.pearson is None else f"ρ = {panel.pearson:.2f}"
        axes.set_title(f"{shortened(panel.title, 50)}: {told}", pad=9)
        axes.set(ylim=(0, 1), xlim=(-0.5, len(panel.bins) - 0.5))
        axes.set_xlabel("consistency before the update" + (f" ({panel.left_out} in no bin)" if panel.left_out else ""))
        axes.grid(False, axis="x")
    for axes in grid[len(panels) :]:
        axes.set_visible(False)
    for axes in grid[::PANELS_A_ROW]:
        axes.set_ylabel("update success")
    figure.get_layout_engine().set(h_pad=0.1, w_pad=0.08)  # type: ignore[union-attr, call-arg]
