"""The figures of implicit meta-learning: curves by epoch and subset over both stages, and effects by variant."""

from __future__ import annotations

from typing import Final

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from scipy.stats import t as student

from worldgen.evaluate.report.figures.style import COLORS

_LOOKS: Final = {
    "d1": ("D1 consistent, QA", "#2b6ca3", "-"), "d2": ("D2 inconsistent, QA", "#c4532f", "-"),
    "d9": ("D9 inconsistent, QA", "#2b6ca3", ":"), "d10": ("D10 consistent, QA", "#c4532f", ":"),
    "q3": ("QA3 no definition", "#66727e", "-"), "q4": ("QA4 not replaced", "#1f2a34", "-"),
    "d5": ("D5 consistent", "#2b6ca3", "--"), "d6": ("D6 consistent", "#c4532f", "--"),
    "q7": ("QA7 unseen", "#66727e", "--"), "d8": ("D8 new tag", "#1f2a34", "--"),
}  # fmt: skip
"""The label, the colour and the line of each subset: blue is the tag that is right, dashes are stage 2's subsets."""
_PANELS: Final = (
    ("test question", "exact", "exact match of test questions"),
    ("test question", "log_p", "log p of the right answer"),
    ("question", "loss", "loss of training questions, nats a token"),
    ("definition", "loss", "loss of definitions, nats a token"),
)


def draw_curves(figure: Figure, curves: pd.DataFrame) -> None:
    """Draws the means over seeds by epoch, with Student's 95% intervals where there are several seeds.

    `curves` has the columns stage, epoch, subset, kind, seed, exact, log_p, tokens and rational_exact. A thin line is
    what is rational; a vertical one stands between the stages.
    """
    last = int(curves.loc[curves["stage"] == 1, "epoch"].max())
    table = curves.assign(
        at=np.where(curves["stage"] == 2, last, 0) + curves["epoch"], loss=-curves["log_p"] / curves["tokens"]
    )
    for axes, (kind, measure, title) in zip(figure.subplots(2, 2).flat, _PANELS, strict=True):
        for subset, its in table[table["kind"] == kind].groupby("subset", sort=False):
            _draw_subset(axes, str(subset), its, measure)
        if (curves["stage"] == 2).any():
            axes.axvline(last, color=COLORS["muted"], linewidth=0.8)
        axes.set(title=title, xlabel="epoch")
    axes = figure.axes[0]
    lines = {label: line for each in figure.axes for line, label in zip(*each.get_legend_handles_labels(), strict=True)}
    figure.legend([*lines.values()], [*lines], loc="outside lower center", ncols=4)


def _draw_subset(axes: Axes, subset: str, its: pd.DataFrame, measure: str) -> None:
    label, color, line = _LOOKS[subset]
    by_epoch = its.groupby("at")[measure]
    mean, n = by_epoch.mean(), by_epoch.count()
    axes.plot(mean.index, mean, line, color=color, linewidth=1.4, label=label)
    if (n > 1).all():
        half = student.ppf(0.975, n - 1) * by_epoch.std() / np.sqrt(n)
        axes.fill_between(mean.index, mean - half, mean + half, color=color, alpha=0.15, linewidth=0)
    if measure == "exact":
        axes.plot(mean.index, its.groupby("at")["rational_exact"].mean(), color=color, linewidth=0.5)


def draw_variants(figure: Figure, effects: pd.DataFrame) -> None:
    """Draws D1 less D2 after stage 1 and the effect of implicit meta-learning, by variant, with their intervals.

    `effects` has the columns variant, effect, measure, mean, low and high.
    """
    for axes, measure, title in zip(figure.subplots(1, 2), ("exact", "log_p"), ("exact match", "log p"), strict=True):
        for shift, (effect, label, color) in enumerate(
            (
                ("first_gap", "D1 less D2, after stage 1", COLORS["agent"]),
                ("iml", "D5 less D6, gains in stage 2", COLORS["model"]),
            )
        ):
            its = effects[(effects["effect"] == effect) & (effects["measure"] == measure)]
            place = np.arange(len(its)) + 0.2 * shift - 0.1
            axes.vlines(place, its["low"], its["high"], color=color, linewidth=1.2)
            axes.plot(place, its["mean"], "o", color=color, markersize=5, label=label)
        axes.axhline(0, color=COLORS["muted"], linewidth=0.8)
        variants = list(dict.fromkeys(effects["variant"]))
        axes.set_xticks(range(len(variants)), variants, rotation=20)
        axes.set(title=title)
    figure.legend(*figure.axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=2)
