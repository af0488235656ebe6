"""A measured quantity, and how tables show it."""

from __future__ import annotations

import itertools
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Metric:
    """One measured quantity: its name in files, the words of its column, and whether more of it is better."""

    name: str
    """The name in JSON and CSV files, such as "acc_s1r1"."""
    heading: str
    """The words above the group of columns that this one belongs to, such as "Generative accuracy"."""
    label: str
    """The words above this column, such as "s1 r1"."""
    short: str
    """The word above this column in a terminal, such as "s1r1"."""
    better: Literal["more", "less"]

    @property
    def arrow(self) -> str:
        """The direction in which this metric improves."""
        return "↑" if self.better == "more" else "↓"

    @property
    def full_heading(self) -> str:
        """The heading with the direction: "Generative accuracy ↑"."""
        return f"{self.heading} {self.arrow}"


def by_heading(metrics: Iterable[Metric]) -> dict[str, tuple[Metric, ...]]:
    """Returns the metrics under their full headings. Metrics of one heading stand side by side."""
    grouped = itertools.groupby(metrics, key=lambda metric: metric.full_heading)
    return {heading: tuple(its) for heading, its in grouped}
