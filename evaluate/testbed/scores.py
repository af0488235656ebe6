"""The scores of a method: means with intervals by group of cases, the cost of an edit, as JSON and as CSV."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from worldgen.evaluate.statistics.interval import Interval
from worldgen.lm.editions import Mode
from worldgen.storage.manifests import INPUTS, MANIFEST

if TYPE_CHECKING:
    import pandas as pd

    from worldgen.evaluate.statistics.intervals import IntervalMethod

Cells = Mapping[str, Interval]
"""A metric's name -> its mean over the cases of a group, with its interval."""

ROWS: Final = ("pre", "post", "delta")


@dataclass(frozen=True)
class GroupScores:
    """The scores of one group of cases; no cells where the group is empty."""

    n: int
    """The number of cases in the group."""
    pre: Cells
    """Every metric of the model before the edits."""
    post: Cells
    """Every metric of the model after the edits."""
    delta: Cells
    """The difference after - before of every metric, taken case by case."""
    methods: Mapping[str, Mapping[str, IntervalMethod]] = field(default_factory=dict)
    """How the interval of each cell was found: a row's name ("pre") -> a metric's name -> the method."""

    def rows(self) -> dict[str, Cells]:
        """Returns the three rows by name, in the order of the table."""
        return {"pre": self.pre, "post": self.post, "delta": self.delta}


@dataclass(frozen=True)
class EditCost:
    """The cost of an edit."""

    steps: int
    """The most gradient steps that an edit took."""
    seconds_per_edit: float
    """Mean wall-clock seconds."""
    flops_per_edit: float
    """Mean floating-point operations, counted; those of asking the questions are not in them."""
    peak_bytes: int
    """The most memory that was held."""


@dataclass(frozen=True)
class MethodScores:
    """The scores of one method, as scores/METHOD.json holds them."""

    method: str
    cases: int
    confidence: float
    """The probability of the intervals: 0.95 for 95% intervals."""
    groups: Mapping[str, GroupScores]
    """The scores of each group, by the group's name (`GROUPS`)."""
    cost: EditCost | None = None
    """The cost of an edit; None where nobody knows it (the replies of another program)."""
    mode: Mode | None = None
    """How several requests were made; None where nobody knows."""
    requests: int | None = None
    """How many requests each edited model holds; None where nobody knows."""
    steps: int | None = None
    """The most steps that an edit was allowed; None for a method that takes none."""
    trajectory: tuple[MethodScores, ...] = ()
    """The scores of the same method with fewer steps, rising; what says how they were made is not repeated in them."""
    downstream: str | None = None
    """How the agent that labelled the cases reads downstream facts (`Reading.text`); None where nobody knows."""
    asks_the_agent: bool = False
    """Whether the method asks the rational agent at every edit."""

    def as_json(self) -> dict[str, Any]:
        """Returns the record of scores/METHOD.json."""
        manner: dict[str, Any] = {} if self.mode is None else {"mode": self.mode, "requests": self.requests}
        manner |= {} if self.downstream is None else {"downstream": self.downstream}
        manner |= {"asks_the_agent": True} if self.asks_the_agent else {}
        shorter = [{"steps": each.steps} | each._measured() for each in self.trajectory]
        return self._measured() | manner | {"steps": self.steps, "trajectory": shorter}

    def _measured(self) -> dict[str, Any]:
        """Returns the part of the record that a trajectory's entries have too."""
        return {
            "method": self.method,
            "cases": self.cases,
            "confidence": self.confidence,
            "groups": {name: _group_as_json(group) for name, group in self.groups.items()},
            "cost": asdict(self.cost) if self.cost else {},
        }

    @staticmethod
    def from_json(record: Mapping[str, Any]) -> MethodScores:
        """Returns the scores that `as_json` made this record of."""
        return MethodScores(
            method=record["method"],
            cases=record["cases"],
            confidence=record["confidence"],
            groups={name: _group_from_json(group) for name, group in record["groups"].items()},
            cost=EditCost(**record["cost"]) if record["cost"] else None,
            mode=record.get("mode"),
            requests=record.get("requests"),
            downstream=record.get("downstream"),
            asks_the_agent=record.get("asks_the_agent", False),
            steps=record["steps"],
            trajectory=tuple(MethodScores.from_json(shorter) for shorter in record.get("trajectory", ())),
        )


def as_table(scores: MethodScores) -> pd.DataFrame:
    """Returns scores/METHOD.csv: one line for each group, row and metric."""
    import pandas as pd  # slow to import, and whoever asks the agent imports this file

    lines = [
        {"group": name, "n": group.n, "row": row, "metric": metric, **interval._asdict()}
        for name, group in scores.groups.items()
        for row, cells in group.rows().items()
        for metric, interval in cells.items()
    ]
    return pd.DataFrame(lines, columns=["group", "n", "row", "metric", "mean", "low", "high"])


def _group_as_json(group: GroupScores) -> dict[str, Any]:
    rows = group.rows().items()
    cells = {row: {name: cell._asdict() for name, cell in cells.items()} for row, cells in rows}
    return {"n": group.n} | cells | {"intervals": group.methods}


def _group_from_json(record: Mapping[str, Any]) -> GroupScores:
    pre, post, delta = ({name: Interval(**interval) for name, interval in record[row].items()} for row in ROWS)
    return GroupScores(record["n"], pre, post, delta, record.get("intervals", {}))


def read_scores(folder: Path) -> Iterator[MethodScores]:
    """Yields the scores of every method that a folder of scores holds, in the order of their names."""
    for path in sorted(folder.glob("*.json")):
        if path.name not in (MANIFEST, INPUTS):
            yield MethodScores.from_json(json.loads(path.read_text()))
