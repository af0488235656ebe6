"""The figure of the training: the loss, and what the model knew at each examination."""

from __future__ import annotations

from typing import Final

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import EngFormatter

from worldgen.evaluate.report.figures.style import COLORS

# A panel's title, and for each of its lines the label and the column of the training's history.
EXAMINATIONS: Final = {
    "knowledge of the facts": {
        "truths generated": "generative_accuracy",
        "p(truth)": "truth_probability",
        "error against the agent": "coherence_error",
    },
    "right about statements (chance: 0.5)": {
        "true / false": "stated_accuracy",
        "not": "not_accuracy",
        "and": "and_accuracy",
        "or": "or_accuracy",
    },
}
_MOST_POINTS: Final = 300


def draw_training(figure: Figure, history: pd.DataFrame) -> None:
    """Draws the loss against the tokens seen and, where the model was examined, what it knew of facts and statements.

    `history` has a row for each step; the columns of an examination are empty at the other steps. A line whose column
    is missing is left out: the model has not been compared with the agent yet.
    """
    known = history.dropna(subset=["generative_accuracy"]) if "generative_accuracy" in history else history[:0]
    first, *others = figure.subplots(1, 1 + (len(EXAMINATIONS) if len(known) else 0), squeeze=False)[0]
    blocks = np.array_split(np.arange(len(history)), min(len(history), _MOST_POINTS))
    tokens, loss = ([history[name].to_numpy()[b].mean() for b in blocks] for name in ("tokens", "loss"))
    first.plot(tokens, loss, color=COLORS["ink"], linewidth=1.2)
    first.set(title="training loss, nats a token", ylim=(0, None))
    for axes, (title, lines) in zip(others, EXAMINATIONS.items(), strict=False):
        looks = zip(lines.items(), ("model", "agent", "ink", "muted"), "osD^", strict=False)
        for (label, column), color, marker in looks:
            if column not in known:
                continue
            axes.plot(
                known["tokens"], known[column], marker=marker, markersize=3.5, linewidth=1.2, color=COLORS[color],
                markerfacecolor="none", label=label, clip_on=False,
            )  # fmt: skip
        axes.set(title=title, ylim=(0, 1.0))
        axes.legend(loc="best")
    for axes in (first, *others):
        axes.xaxis.set_major_formatter(EngFormatter(sep=""))
        axes.set(xlabel="tokens", xlim=(0, None))
