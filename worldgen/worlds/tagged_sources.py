"""The sources of a world: their tags, how reliable they are, and every report that they give.

A *report* is a source's claim about a fact: it names one object as the fact's truth. A source reports a fact at most
once; the corpus says the report in several sentences. `worldgen.worlds.reporting` draws all of this.
Calibration facts and report facts are X1 and X2 of Krasheninnikov et al. 2024.

Shapes: K sources, F facts of the world, N reports.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from pathlib import Path
from typing import get_args

import numpy as np
from numpy.typing import NDArray

from worldgen.arrays import Ids
from worldgen.facts import Vocabulary
from worldgen.grammar import Place
from worldgen.storage.files import read_columns, write_table


class Part(IntEnum):
    """The part that a fact plays in what the corpus tells about its sources."""

    UNREPORTED = 0
    """Only untagged sentences are about it."""
    CALIBRATION = 1
    """Untagged sentences and reports are about it: it shows how reliable its reporters are."""
    REPORT = 2
    """Only reports are about it: who believes it believes its reporters."""


@dataclass(frozen=True)
class Reports:
    """The claims of the sources, sorted by (fact, source). Facts are numbered as in the world."""

    fact: Ids  # [N]
    source: Ids  # [N]
    object: Ids  # [N]
    """The object that the source names."""
    error: NDArray[np.bool_]  # [N]
    """Whether that object is not the truth."""
    tagged: Ids  # [N]
    """The number of the corpus's sentences that say the report with its tag."""
    untagged: Ids  # [N]
    """The number of the corpus's sentences that say it with the tag left out: to a reader they are from nobody."""

    def __len__(self) -> int:
        return len(self.fact)

    def where(self, rows: NDArray) -> Reports:
        """Returns some of the reports, chosen by a mask or by their places."""
        return Reports(**{name: column[rows] for name, column in vars(self).items()})


@dataclass(frozen=True)
class SourceSummary:
    """A source at a glance. Its reports are on calibration facts and on report facts."""

    tag: str
    kind: str
    """In which way it may err, in words."""
    reliability: float
    calibration_reports: int
    report_reports: int
    share_right: float
    """The share of its reports that name the truth."""


@dataclass(frozen=True)
class TaggedSources:
    """The sources of a world; a source's number is its place."""

    tags: Vocabulary
    """The tags by which the corpus names the sources: words that no other name contains."""
    reliability: NDArray[np.float64]  # [K]
    """The probability that a source's report is the truth. A copier has that of the source that it copies."""
    liar: NDArray[np.bool_]  # [K]
    """Whether the source's errors come from a table, the same every time."""
    original: Ids  # [K]
    """The source whose reports it says: itself, or the source that it copies."""
    place: Place
    """Where the tag stands in a sentence."""
    part: NDArray[np.int8]
    """[F]: the `Part` of each fact. Empty in a world without sources."""
    reports: Reports

    def __len__(self) -> int:
        return len(self.tags)

    def kind(self, source: int) -> str:
        """Returns in words in which way a source may err."""
        if self.original[source] != source:
            return f"copier of {self.tags[self.original[source]]}"
        return "coherent liar" if self.liar[source] else "independent errors"

    def summaries(self) -> list[SourceSummary]:
        """Returns a summary of each source."""
        calibrates = self.part[self.reports.fact] == Part.CALIBRATION
        summaries = []
        for k, tag in enumerate(self.tags.labels):
            its = self.reports.source == k
            summaries.append(
                SourceSummary(
                    tag, self.kind(k), float(self.reliability[k]),
                    int((its & calibrates).sum()), int((its & ~calibrates).sum()),
                    float(1 - self.reports.error[its].mean()),
                )
            )  # fmt: skip
        return summaries

    def save(self, folder: Path) -> None:
        """Writes sources, source_facts and reports as Parquet; nothing where there are no sources."""
        if not len(self):
            return
        columns = {"reliability": self.reliability, "liar": self.liar, "original": self.original}
        write_table(folder / "sources.parquet", {"tag": self.tags.labels, **columns, "place": [self.place] * len(self)})
        write_table(folder / "source_facts.parquet", {"part": self.part})
        write_table(folder / "reports.parquet", dict(vars(self.reports)))

    @staticmethod
    def load(folder: Path) -> TaggedSources:
        """Reads the files that `save` wrote; returns no sources where there are none."""
        if not (folder / "sources.parquet").exists():
            return NO_SOURCES
        columns = read_columns(folder / "sources.parquet")
        (place,) = set(columns["place"].tolist())
        assert place in get_args(Place)
        return TaggedSources(
            Vocabulary("source", tuple(columns["tag"].tolist())),
            columns["reliability"], columns["liar"], columns["original"], place,
            read_columns(folder / "source_facts.parquet")["part"],
            Reports(**read_columns(folder / "reports.parquet")),
        )  # fmt: skip


_NOTHING, _NEVER = np.zeros(0, dtype=np.int32), np.zeros(0, dtype=bool)
NO_SOURCES = TaggedSources(
    Vocabulary("source", ()), np.zeros(0), _NEVER, _NOTHING, "first", np.zeros(0, dtype=np.int8),
    Reports(_NOTHING, _NOTHING, _NOTHING, _NEVER, _NOTHING, _NOTHING),
)  # fmt: skip
