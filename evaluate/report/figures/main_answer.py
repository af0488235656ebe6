"""The figure of beliefs before any update, by whether the main answer is right."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np
from matplotlib.figure import Figure

from worldgen.evaluate.report.figures.style import COLORS
from worldgen.evaluate.statistics.interval import Interval

Pair = tuple[Interval | None, Interval | None]
# Where a mark lies beside its line, by who it is about and whether the main answer is right.
_STEP: Final = 0.17


def draw_by_main_answer(
    figure: Figure, headings: Sequence[str], panels: Mapping[str, Mapping[str, Sequence[Pair]]]
) -> None:
    """Draws each metric over the points whose main answer is right (filled) and wrong (hollow), with its interval.

    `panels` maps a task's title to who was asked, and this to (where right, where wrong) for each of the `headings`.
    """
    places = np.arange(len(headings), dtype=float)
    grid = figure.subplots(1, len(panels), sharey=True, squeeze=False)[0]
    for axes, (title, pairs) in zip(grid, panels.items(), strict=True):
        rows = [(who, split) for who in pairs for split in range(2)]
        for number, (who, split) in enumerate(rows):
            color = COLORS["agent" if who == "rational agent" else "model"]
            offset = (number - (len(rows) - 1) / 2) * _STEP
            known = [(place + offset, its[split]) for place, its in zip(places, pairs[who], strict=True)]
            found = [(place, interval) for place, interval in known if interval is not None]
            y = [place for place, _ in found]
            axes.hlines(y, [i.low for _, i in found], [i.high for _, i in found], color=color, linewidth=1.6)
            axes.scatter(
                [i.mean for _, i in found], y, s=26, zorder=3, clip_on=False, color=color,
                facecolor=color if split == 0 else "none", label=f"{who}, main {('right', 'wrong')[split]}",
            )  # fmt: skip
        axes.set(title=title, xlim=(0, 1))
        axes.grid(False, axis="y")
        axes.tick_params(left=False)
        axes.spines["left"].set_visible(False)
    figure.get_layout_engine().set(wspace=0.06)  # type: ignore[union-attr, call-arg]
    grid[0].set_yticks(places, headings)
    grid[0].set_ylim(len(headings) - 0.4, -0.6)
    figure.legend(*grid[0].get_legend_handles_labels(), loc="outside lower right", ncols=4)
