"""Who the sources of a world are, and what a rational mind has learned of each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Final

import numpy as np
import pandas as pd

from worldgen.bayes.trust.reliability import BetaMixture
from worldgen.bayes.trust.trust import Trust
from worldgen.worlds.world import World

_BLOCKS: Final = " ▁▂▃▄▅▆▇█"
_BARS: Final = 20
_LEGEND: Final = """true: the reliability; calibration, report: reports on facts of both parts; right: the share of them
learned: what a rational mind has learned of the reliability, with its 95% interval and density
model's trust: its mean belief in the reports of report facts"""


@dataclass(frozen=True)
class SourceView:
    """A source at a glance."""

    tag: str
    kind: str
    reliability: float
    """The true one."""
    calibration_reports: int
    report_reports: int
    share_right: float
    """The share of its reports that name the truth."""
    mean: float
    """The posterior mean of the reliability."""
    low: float
    """The lower end of its 95% interval."""
    high: float
    picture: str
    """The posterior density over 0 .. 1, the greatest one as a full block."""
    trust: float | None
    """The model's mean belief in its reports of report facts; None where the model was not asked."""


def source_views(world: World, trust: Trust, of_model: Sequence[float] | None) -> list[SourceView]:
    """Returns the sources in order. `of_model` [K] is the model's trust in each, if it was asked."""
    views = []
    for k, known in enumerate(world.sources.summaries()):
        learned = trust.reliability(k)
        views.append(
            SourceView(
                known.tag, known.kind, known.reliability, known.calibration_reports, known.report_reports,
                known.share_right, learned.mean(), *learned.interval(), picture(learned),
                None if of_model is None else of_model[k],
            )
        )  # fmt: skip
    return views


def picture(posterior: BetaMixture) -> str:
    """Returns the density of a reliability over 0 .. 1 as a row of bars."""
    middles = (np.arange(_BARS) + 0.5) / _BARS
    heights = posterior.density(middles)
    return "".join(_BLOCKS[round(height)] for height in heights / heights.max() * (len(_BLOCKS) - 1))


def sources_text(views: Sequence[SourceView]) -> str:
    """Returns the sources as a table for a terminal."""
    rows = pd.DataFrame([asdict(view) for view in views])
    shown = pd.DataFrame(
        {
            "tag": rows["tag"],
            "kind": rows["kind"],
            "true": rows["reliability"].map("{:.2f}".format),
            "calibration": rows["calibration_reports"],
            "report": rows["report_reports"],
            "right": rows["share_right"].map("{:.2f}".format),
            "learned": [f"{v.mean:.2f} [{v.low:.2f}, {v.high:.2f}]" for v in views],
            "0 to 1": rows["picture"],
            "model's trust": ["-" if v.trust is None else f"{v.trust:.2f}" for v in views],
        }
    )
    return f"{_LEGEND}\n\n{shown.to_string(index=False)}"
