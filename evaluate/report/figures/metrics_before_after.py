"""The figure of all metrics before and after an edit."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Final

import numpy as np
from matplotlib.figure import Figure

from worldgen.evaluate.metrics import Metric
from worldgen.evaluate.report.figures.style import COLORS
from worldgen.evaluate.statistics.interval import Interval

# The words beside each metric; the first metric of a heading tells the heading too.
_WORDS: Final = {
    "acc_s1r1": "accuracy: the request, s1 r1",
    "acc_s1r2": "same subject, s1 r2",
    "acc_s2r1": "same relation, s2 r1",
    "acc_s2r2": "neither, s2 r2",
    "coh_s1r1": "error against the agent: s1 r1",
    "coh_s1r2": "s1 r2",
    "coh_s2r1": "s2 r1",
    "coh_s2r2": "s2 r2",
    "logic_tf": "error against itself: true / false",
    "logic_not": "not",
    "logic_and": "and",
    "logic_or": "or",
    "logic_commute": "order of and",
}


def draw_metrics(
    figure: Figure, metrics: Sequence[Metric], groups: Mapping[str, Mapping[str, Mapping[str, Interval]]]
) -> None:
    """Draws each metric before and after the edit with its interval, a panel for each group of cases.

    `groups` maps a panel's heading to the group's rows "pre" and "post": a metric's name -> its mean and interval.
    """
    steps = [1.0 if metric.heading == above.heading else 1.7 for above, metric in pairwise(metrics)]
    places = np.cumsum([0.0, *steps])
    panels = figure.subplots(1, len(groups), sharey=True, squeeze=False)[0]
    for axes, (heading, rows) in zip(panels, groups.items(), strict=True):
        for row, offset, color, face in (("pre", -0.16, "muted", "none"), ("post", 0.16, "model", None)):
            cells = [rows[row][metric.name] for metric in metrics]
            low, high = [cell.low for cell in cells], [cell.high for cell in cells]
            axes.hlines(places + offset, low, high, color=COLORS[color], linewidth=1.6)
            axes.scatter(
                [cell.mean for cell in cells], places + offset, s=26, zorder=3, clip_on=False,
                color=COLORS[color], facecolor=face or COLORS[color], label=f"{row}-edit",
            )  # fmt: skip
        axes.set(title=heading, xlim=(0, 1))
        axes.grid(False, axis="y")
        axes.tick_params(left=False)
        axes.spines["left"].set_visible(False)
    figure.get_layout_engine().set(wspace=0.06)  # type: ignore[union-attr, call-arg]
    panels[0].set_yticks(places, [_WORDS[metric.name] for metric in metrics])
    panels[0].set_ylim(places[-1] + 0.6, -0.6)
    figure.legend(*panels[0].get_legend_handles_labels(), loc="outside lower right", ncols=2)
