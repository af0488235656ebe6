"""The figure of trust against rational trust, source by source."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import cycle, product
from typing import Final, NamedTuple

from matplotlib.figure import Figure

from worldgen.evaluate.report.figures.style import COLORS, shortened
from worldgen.evaluate.statistics.interval import Interval

_BEFORE: Final = "before"
_COLORS: Final = ("model", "ink")
_MARKS: Final = "osD^v"


class TrustInSource(NamedTuple):
    """Rational trust in a source, and somebody's trust in it."""

    rational: float
    trust: Interval


def draw_trust(figure: Figure, panels: Mapping[str, Mapping[str, Sequence[TrustInSource]]]) -> None:
    """Draws a panel for each title, in it a mark for each source of each model or method, with its interval.

    A rational mind lies on the diagonal. `panels` maps a title to names, and these to the trust in each source.
    """
    methods = [who for who in dict.fromkeys(who for rows in panels.values() for who in rows) if who != _BEFORE]
    looks = dict(zip(methods, cycle(product(_COLORS, _MARKS)), strict=False)) | {_BEFORE: ("muted", "x")}
    for axes, (title, rows) in zip(figure.subplots(1, len(panels), squeeze=False)[0], panels.items(), strict=True):
        axes.plot([0, 1], [0, 1], color=COLORS["agent"], linewidth=1.2, label="rational")
        for who, sources in rows.items():
            color, mark = looks[who]
            x, found = [source.rational for source in sources], [source.trust for source in sources]
            axes.vlines(
                x, [t.low for t in found], [t.high for t in found], color=COLORS[color], linewidth=1.2, alpha=0.7
            )
            axes.plot(
                x, [t.mean for t in found], mark, markersize=5, color=COLORS[color], clip_on=False, zorder=3,
                label=shortened(who),
            )  # fmt: skip
        axes.set(xlim=(0, 1), ylim=(0, 1), aspect="equal", title=title, xlabel="rational trust")
    figure.axes[0].set_ylabel("trust")
    drawn = {label: line for axes in figure.axes for line, label in zip(*axes.get_legend_handles_labels(), strict=True)}
    figure.legend([*drawn.values()], [*drawn], loc="outside lower right", ncols=len(drawn))
