"""The figures of the report, as SVG: text stays text, the same values give the same bytes.

Labels are users' text in any script: they are never read as mathematics, and a script that matplotlib's font
lacks is measured roughly here and drawn by the browser's fonts.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable
from io import StringIO
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import EngFormatter, LogLocator, NullFormatter
from numpy.typing import NDArray

from worldgen.evaluate.statistics.bootstrap import Interval

# A colour's name is that of the page's CSS variable, so that the inlined figure follows the page into the dark.
COLORS = {"ink": "#1f2a34", "muted": "#66727e", "line": "#d3dae0", "agent": "#2b6ca3", "model": "#c4532f"}
_STYLE: dict[Any, Any] = {
    # A label such as "$x$" is money, not mathematics.
    "text.parse_math": False,
    "svg.fonttype": "none",
    "font.family": ["DejaVu Sans"],
    "font.size": 9,
    "text.color": COLORS["ink"],
    "axes.edgecolor": COLORS["line"],
    "axes.labelcolor": COLORS["muted"],
    "axes.titlesize": 9.5,
    "axes.titlelocation": "left",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": COLORS["line"],
    "grid.linewidth": 0.6,
    "xtick.color": COLORS["line"],
    "ytick.color": COLORS["line"],
    "xtick.labelcolor": COLORS["muted"],
    "ytick.labelcolor": COLORS["muted"],
    "legend.frameon": False,
    "legend.fontsize": 9,
}
# Those of matplotlib's metadata entries that it writes unless told not to.
_NO_METADATA = {"Date": None, "Creator": None, "Format": None, "Type": None}

EFFECTS = {
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
MARKS = {
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
_GAP_BEFORE = ("coh_s1r1", "logic_tf")
_MOST_POINTS = 1000


class Panel(NamedTuple):
    """One probability before and after an edit, as the agent holds it and as the model does."""

    title: str
    question: str
    agent: tuple[float, float]
    model: tuple[float, float]


def svg_of(name: str, inches: tuple[float, float], draw: Callable[[Figure], None]) -> str:
    """What `draw` puts on a figure, as an SVG file; `name` keeps its ids apart from other figures'."""
    with rc_context(_STYLE | {"svg.hashsalt": name}), warnings.catch_warnings():
        # Both are about the shapes of letters, which the browser draws.
        warnings.filterwarnings("ignore", message=r"Glyph .* missing from")
        warnings.filterwarnings("ignore", message=r"Matplotlib currently does not support .* natively")
        figure = Figure(inches, layout="constrained")
        draw(figure)
        file = StringIO()
        figure.savefig(file, format="svg", transparent=True, metadata=_NO_METADATA)
    return file.getvalue()


def for_page(svg: str, described: str) -> str:
    """An SVG file as an element of the page: no prolog, no ids that nothing refers to, the page's colours.

    `described` is for those who do not see it, and must be plain words (it is not escaped).
    """
    element = svg[svg.index("<svg") :].strip()
    element = element.replace("<svg", f'<svg role="img" aria-label="{described}"', 1)
    # In text "<" and ">" are escaped: the pattern meets tags only, and leaves labels as they are.
    return re.sub(r"<[^>]*>", _themed, element)


def shortened(label: str, most: int = 30) -> str:
    """A label that is not longer than `most` characters."""
    return label if len(label) <= most else label[: most - 1].rstrip() + "…"


def effects(figure: Figure, groups: dict[str, dict[str, Any]]) -> None:
    """Every metric before and after the edit with its interval; `groups`: heading -> {"pre", "post"} of the scores."""
    places = np.cumsum([0.0] + [1.7 if name in _GAP_BEFORE else 1.0 for name in list(EFFECTS)[1:]])
    panels = figure.subplots(1, len(groups), sharey=True, squeeze=False)[0]
    for axes, (heading, rows) in zip(panels, groups.items(), strict=True):
        for row, offset, color, face in (("pre", -0.16, "muted", "none"), ("post", 0.16, "model", None)):
            cells = [rows[row][name] for name in EFFECTS]
            low, high = [cell["low"] for cell in cells], [cell["high"] for cell in cells]
            axes.hlines(places + offset, low, high, color=COLORS[color], linewidth=1.6)
            axes.scatter(
                [cell["mean"] for cell in cells], places + offset, s=26, zorder=3, clip_on=False,
                color=COLORS[color], facecolor=face or COLORS[color], label=f"{row}-edit",
            )  # fmt: skip
        axes.set(title=heading, xlim=(0, 1))
        axes.grid(False, axis="y")
        axes.tick_params(left=False)
        axes.spines["left"].set_visible(False)
    figure.get_layout_engine().set(wspace=0.06)  # type: ignore[union-attr, call-arg]
    panels[0].set_yticks(places, list(EFFECTS.values()))
    panels[0].set_ylim(places[-1] + 0.6, -0.6)
    figure.legend(*panels[0].get_legend_handles_labels(), loc="outside lower right", ncols=2)


def one_edit(figure: Figure, panels: list[Panel]) -> None:
    """Panels in two rows of four: lines from before to after, the agent's and the model's; alike is ideal."""
    grid = figure.subplots(2, 4, sharex=True, sharey=True)
    for axes, panel in zip(grid.ravel(), panels, strict=True):
        for who, values, marker in (("agent", panel.agent, "s"), ("model", panel.model, "o")):
            color = COLORS[who]
            axes.plot([0, 1], values, color=color, linewidth=1.6, label=who, clip_on=False)
            axes.plot(0, values[0], marker, markersize=6.5, color=color, markerfacecolor="none", clip_on=False)
            axes.plot(1, values[1], marker, markersize=6.5, color=color, clip_on=False)
        axes.set_title(panel.title, weight="bold", pad=23)
        below_title = {"transform": axes.transAxes, "color": COLORS["muted"], "size": 8.5}
        axes.text(0, 1.1, f"p({shortened(panel.question)})", **below_title)  # type: ignore[arg-type]
        axes.set(xlim=(-0.25, 1.25), ylim=(0, 1), yticks=(0, 0.25, 0.5, 0.75, 1))
        axes.set_xticks((0, 1), ("before", "after"))
        axes.grid(False, axis="x")
    figure.get_layout_engine().set(h_pad=0.12, w_pad=0.08)  # type: ignore[union-attr, call-arg]
    figure.legend(*grid[0, 0].get_legend_handles_labels(), loc="outside lower right", ncols=2)


def calibration(figure: Figure, asked: pd.DataFrame, changing: NDArray[np.bool_]) -> None:
    """Model against agent at s1 r2 before and after; `asked` [cases]: agent_ and model_ before and after.

    `changing` marks the cases whose answer ought to change. At most the first thousand cases are drawn.
    """
    asked, changing = asked[:_MOST_POINTS], changing[:_MOST_POINTS]
    for axes, phase in zip(figure.subplots(1, 2, sharex=True, sharey=True), ("before", "after"), strict=True):
        axes.plot([0, 1], [0, 1], color=COLORS["line"], linewidth=1)
        for mask, color, label in ((~changing, "muted", "answer stays"), (changing, "model", "answer ought to change")):
            x, y = asked.loc[mask, f"agent_{phase}"], asked.loc[mask, f"model_{phase}"]
            axes.scatter(x, y, s=24, color=COLORS[color], alpha=0.6, linewidths=0, clip_on=False, label=label)
        axes.set(xlim=(0, 1), ylim=(0, 1), aspect="equal", title=f"{phase} the edit", xlabel="agent's credence")
    figure.axes[0].set_ylabel("model's probability")
    figure.legend(*figure.axes[0].get_legend_handles_labels(), loc="outside lower right", ncols=2)


def training(figure: Figure, history: pd.DataFrame) -> None:
    """Loss against tokens and, where the model was examined, its marks: of the facts, of labelled statements."""
    known = history.dropna(subset=["generative_accuracy"]) if "generative_accuracy" in history else history[:0]
    first, *others = figure.subplots(1, 1 + (len(MARKS) if len(known) else 0), squeeze=False)[0]
    blocks = np.array_split(np.arange(len(history)), min(len(history), 300))
    tokens, loss = ([history[name].to_numpy()[b].mean() for b in blocks] for name in ("tokens", "loss"))
    first.plot(tokens, loss, color=COLORS["ink"], linewidth=1.2)
    first.set(title="training loss, nats a token", ylim=(0, None))
    for axes, (title, lines) in zip(others, MARKS.items(), strict=False):
        for (label, column), color, marker in zip(
            lines.items(), ("model", "agent", "ink", "muted"), "osD^", strict=False
        ):
            axes.plot(
                known["tokens"], known[column], marker=marker, markersize=3.5, linewidth=1.2, color=COLORS[color],
                markerfacecolor="none", label=label, clip_on=False,
            )  # fmt: skip
        axes.set(title=title, ylim=(0, 1.0))
        axes.legend(loc="best")
    for axes in (first, *others):
        _count_tokens(axes)


def tracing(figure: Figure, effects: dict[tuple[str, str], list[Interval]]) -> None:
    """What a site put back brings of the answer, layer by layer; `effects`: (token, kind) -> interval of each layer."""
    tokens = list(dict.fromkeys(token for token, _ in effects))
    panels = figure.subplots(1, len(tokens), sharey=True, squeeze=False)[0]
    looks = {"state": ("muted", "o", 0.0), "mlp": ("model", "s", -0.08), "attention": ("agent", "D", 0.08)}
    for axes, token in zip(panels, tokens, strict=True):
        for kind, (color, marker, aside) in looks.items():
            found = effects[token, kind]
            layers = np.arange(len(found)) + aside
            axes.vlines(layers, [e.low for e in found], [e.high for e in found], color=COLORS[color], linewidth=1.6)
            axes.plot(
                layers, [e.mean for e in found], marker=marker, markersize=4, linewidth=1.2, color=COLORS[color],
                label={"state": "state after the layer", "mlp": "its MLP", "attention": "its attention"}[kind],
            )  # fmt: skip
        axes.set(title=f"at the {token}'s last token", xlabel="layer", xticks=range(len(found)))
        axes.grid(False, axis="x")
    panels[0].set_ylabel("p(answer) brought back")
    figure.legend(*panels[0].get_legend_handles_labels(), loc="outside lower right", ncols=3)


def popularity(figure: Figure, facts: NDArray[np.int64]) -> None:
    """Facts per object against the object's rank, on logarithmic axes; `facts` falls."""
    # Both ends of every step: the thousands of objects with one fact each are a line, not as many points.
    step = np.flatnonzero(np.diff(facts))
    drawn = np.unique(np.r_[0, step, step + 1, len(facts) - 1])
    axes = figure.subplots()
    axes.plot(drawn + 1, facts[drawn], color=COLORS["agent"], linewidth=1.6)
    axes.set(xscale="log", yscale="log", xlabel="rank of the object", title="facts that name the object")
    axes.margins(x=0.01)
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_locator(LogLocator())
        axis.set_major_formatter(EngFormatter(sep=""))
        axis.set_minor_formatter(NullFormatter())


def _count_tokens(axes: Axes) -> None:
    axes.xaxis.set_major_formatter(EngFormatter(sep=""))
    axes.set(xlabel="tokens", xlim=(0, None))


def _themed(tag: re.Match[str]) -> str:
    """A tag with the page's colours, and without the names that matplotlib gives every group."""
    text = re.sub(r'^<g id="[A-Za-z0-9.]+_\d+"', "<g", tag[0])
    for name, color in COLORS.items():
        text = text.replace(color, f"var(--{name})")
    return text
