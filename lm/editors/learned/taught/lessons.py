"""A lesson about one request: what a learned optimizer reads, and what the changed model is then to say."""

from __future__ import annotations

from dataclasses import dataclass

from worldgen.lm.editors.belief.targets import TargetBatch
from worldgen.lm.texts import Text


@dataclass(frozen=True)
class Lesson:
    """One request with its targets."""

    condition: list[int]
    """The ids of "prediction >> label || input", as `network.conditions_of` gives them."""
    main: Text
    """The input and the label."""
    targets: TargetBatch
    """The beliefs that follow, and what is to be said as before."""
