"""The data of an experiment: sequences by stage, questions by subset with answers, and what is rational to answer.

Nothing here knows where the sentences come from. A trainer reads `stages`, an examination `questions`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray

from worldgen.lm.staged.sequences import Sequences

Kind = Literal["question", "definition"]
KINDS: Final[tuple[Kind, ...]] = ("question", "definition")


@dataclass(frozen=True)
class Labelled:
    """Sequences, each about one variable of a subset."""

    sequences: Sequences
    """[N]."""
    subset: NDArray[np.int64]
    """[N]: the number of its subset in `Dataset.subsets`."""
    variable: NDArray[np.int64]
    """[N]."""
    kind: NDArray[np.int64]
    """[N]: the number in KINDS."""

    @staticmethod
    def joined(parts: list[Labelled]) -> Labelled:
        """Returns the sequences of all parts, in this order."""
        columns = ((getattr(part, name) for part in parts) for name in ("subset", "variable", "kind"))
        return Labelled(
            Sequences.joined([part.sequences for part in parts]), *(np.concatenate(list(column)) for column in columns)
        )

    def where(self, rows: NDArray[np.integer]) -> Labelled:
        """Returns the chosen sequences, in this order."""
        return Labelled(self.sequences.where(rows), self.subset[rows], self.variable[rows], self.kind[rows])

    def __len__(self) -> int:
        return len(self.subset)


@dataclass(frozen=True)
class Dataset:
    """The data of one seed of an experiment."""

    subsets: tuple[str, ...]
    """The names of the subsets that have variables."""
    stages: tuple[Labelled, ...]
    """The sequences of each stage of training."""
    questions: Labelled
    """The test questions; the tokens to be predicted are the answer."""
    rational: NDArray[np.float64]
    """[S+1, Q]: the probability of the right answer to each of Q questions in a rational mind that has read the first
    0, 1, ... S stages."""
    vocabulary: tuple[str, ...]
    """The word of each token."""
