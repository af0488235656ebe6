"""The files of measurements: what a model replied before and after its edits, and what each edition cost.

A folder holds measurements-N.parquet and costs-N.parquet, where N is the number of the first edition in the file.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from worldgen.storage.files import read_columns, write_table

if TYPE_CHECKING:  # they need the language model, and reading measurements does not
    from worldgen.evaluate.asking.questions import Question
    from worldgen.evaluate.asking.replies import Replies
    from worldgen.evaluate.asking.trials import Trial

_MEASUREMENTS: Final = "measurements-{:05d}.parquet"
_COSTS: Final = "costs-{:05d}.parquet"


@dataclass(frozen=True)
class Measurements:
    """A model's replies to Q questions before and after its edits; the columns of measurements-*.parquet."""

    case: list[int]
    """[Q]: the case of each question."""
    name: list[str]
    """[Q]: the name of each question."""
    before: NDArray[np.float64]
    """[Q]: the probability before the edits; NaN where the model gives an answer."""
    after: NDArray[np.float64]
    answer_before: list[str]
    """[Q]: the object that the model says before the edits; "" if it names none, and where it gives a probability."""
    answer_after: list[str]

    @staticmethod
    def of(questions: Sequence[Question], before: Replies, after: Replies) -> Measurements:
        """Returns the replies to these questions before and after the edits."""
        return Measurements(
            case=[question.case for question in questions],
            name=[question.name for question in questions],
            before=before.probability,
            after=after.probability,
            answer_before=before.answer,
            answer_after=after.answer,
        )


COLUMNS: Final = tuple(field.name for field in fields(Measurements))


class CostRow(NamedTuple):
    """The cost of one edition, a row of costs-*.parquet."""

    case: int
    """The edition's first case."""
    requests: int
    """The number of requests that the edition holds."""
    steps: int
    """The number of gradient steps."""
    flops: int
    """Floating-point operations, counted; those of the questions are not in them."""
    seconds: float
    """Wall-clock seconds; editions of one batch share them alike."""
    peak_bytes: int
    """The most memory that was held so far."""
    losses: list[float]
    """The loss before each step."""


class Chunk(NamedTuple):
    """Trials that are made and saved together."""

    first: int
    """The number of the first trial among all."""
    trials: Sequence[Trial]


@dataclass(frozen=True)
class ChunkedFiles:
    """A folder of measurements, and how many editions a new file of it holds.

    The files say which editions are done, so that a folder may go on with another size.
    """

    folder: Path
    editions: int

    def missing(self, trials: Sequence[Trial]) -> list[Chunk]:
        """Returns the trials that no file holds yet, in chunks of neighbours. Removes files that lack their partner."""
        done = self._done_cases()
        chunks: list[Chunk] = []
        numbered = enumerate(trials)
        for is_done, run in itertools.groupby(numbered, key=lambda pair: pair[1].first_case in done):
            members = list(run)
            for start in range(0, 0 if is_done else len(members), self.editions):
                some = members[start : start + self.editions]
                chunks.append(Chunk(some[0][0], [trial for _, trial in some]))
        return chunks

    def save(self, first: int, measured: Measurements, costs: Sequence[CostRow]) -> None:
        """Writes the two files of a chunk; the measurements last, because they say that the chunk is done."""
        by_column = zip(CostRow._fields, zip(*costs, strict=True), strict=True)
        write_table(self.folder / _COSTS.format(first), {name: list(column) for name, column in by_column})
        write_table(self.folder / _MEASUREMENTS.format(first), vars(measured))

    def _done_cases(self) -> set[int]:
        """Returns the first cases of all editions whose costs and measurements are both there."""
        costs, measurements = (
            {path.stem.removeprefix(prefix): path for path in self.folder.glob(f"{prefix}*.parquet")}
            for prefix in ("costs-", "measurements-")
        )
        for number in costs.keys() ^ measurements.keys():
            (costs | measurements)[number].unlink()
        both = costs.keys() & measurements.keys()
        return {case for number in both for case in read_columns(costs[number], ["case"])["case"].tolist()}


def save_measurements(folder: Path, measured: Measurements) -> None:
    """Writes the measurements of all questions as one file, where nobody knows any cost."""
    write_table(folder / _MEASUREMENTS.format(0), vars(measured))


def read_measurements(folder: Path) -> pd.DataFrame:
    """Returns all measured rows of a method, in the order of the questions."""
    return pq.read_table(_in_order(folder, "measurements-*.parquet")).to_pandas()


def read_costs(folder: Path) -> pd.DataFrame:
    """Returns the cost of each edition (`CostRow`); no row where nobody knows (`asking.other_programs`)."""
    files = _in_order(folder, "costs-*.parquet")
    return (pq.read_table(files) if files else pa.table({})).to_pandas()


def _in_order(folder: Path, pattern: str) -> list[Path]:
    """Returns files by their number; a number of more than five digits comes after all shorter ones."""
    return sorted(folder.glob(pattern), key=lambda path: (len(path.name), path.name))
