"""Who defines the variables of a world, and what a rational mind has learned of each tag."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Final

import numpy as np
import pandas as pd

from worldgen.bayes.trust.trust import Trust
from worldgen.evaluate.inquiry.sources import picture
from worldgen.worlds.world import World

_LEGEND: Final = """definitions of variables
true: the share of right definitions in stage 1 that was asked for; right: the share that is
stage 1, stage 2: definitions; learned: what a rational mind has learned of the reliability, with its 95% interval"""


@dataclass(frozen=True)
class DefinerView:
    """A tag of definitions at a glance."""

    tag: str
    reliability: float | None
    """The share of right definitions in stage 1 that was asked for; None for a newcomer."""
    stage1: int
    """The number of its definitions in stage 1."""
    right: int
    """How many of them are right."""
    stage2: int
    """The number of its definitions in stage 2, all of them right."""
    mean: float
    """The posterior mean of the reliability."""
    low: float
    """The lower end of its 95% interval."""
    high: float
    picture: str
    """The posterior density over 0 .. 1, the greatest one as a full block."""


def definer_views(world: World, trust: Trust) -> list[DefinerView]:
    """Returns the tags in order."""
    defined, views = world.definitions, []
    for k, (tag, reliability) in enumerate(zip(defined.tags.labels, defined.reliability.tolist(), strict=True)):
        first, second = ((defined.tag == k) & (defined.stage == stage) for stage in (1, 2))
        learned = trust.reliability(k)
        views.append(
            DefinerView(
                tag, None if np.isnan(reliability) else reliability, int(first.sum()),
                int(defined.right[first].sum()), int(second.sum()), learned.mean(), *learned.interval(),
                picture(learned),
            )
        )  # fmt: skip
    return views


def definers_text(views: Sequence[DefinerView]) -> str:
    """Returns the tags as a table for a terminal."""
    rows = pd.DataFrame([asdict(view) for view in views])
    shown = pd.DataFrame(
        {
            "tag": rows["tag"],
            "true": ["new" if v.reliability is None else f"{v.reliability:.2f}" for v in views],
            "stage 1": rows["stage1"],
            "right": [f"{v.right / v.stage1:.2f}" if v.stage1 else "-" for v in views],
            "stage 2": rows["stage2"],
            "learned": [f"{v.mean:.2f} [{v.low:.2f}, {v.high:.2f}]" for v in views],
            "0 to 1": rows["picture"],
        }
    )
    return f"{_LEGEND}\n\n{shown.to_string(index=False)}"
