"""Short sequences of tokens, and batches of them without padding.

A batch is one row: its sequences back to back, sorted by length. Sequences of one length are a block without gaps, so
attention needs neither padding nor a mask (`worldgen.lm.staged.attention`).
Shapes: N sequences, E tokens of all of them.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray

from worldgen.arrays import Ids, gather_rows, ragged_arange, row_of_entry, row_starts


@dataclass(frozen=True)
class Sequences:
    """N sequences of tokens, and which of their tokens are to be predicted."""

    tokens: Ids
    """[E]: the tokens of all sequences, back to back."""
    start: NDArray[np.int64]
    """[N+1]: sequence i has the tokens start[i] .. start[i+1]-1."""
    first_target: NDArray[np.int64]
    """[N]: the place in its sequence of the first token to be predicted, at least 1; all later ones are, too."""

    @staticmethod
    def of(rows: Iterable[Sequence[int]], first_target: ArrayLike = 1) -> Sequences:
        """Returns these sequences. `first_target` [N] or one number for all."""
        rows = list(rows)
        lengths = np.array([len(row) for row in rows], np.int64)
        tokens = np.array([token for row in rows for token in row], np.int32)
        return Sequences(tokens, row_starts(lengths), np.broadcast_to(np.asarray(first_target, np.int64), len(rows)))

    @staticmethod
    def joined(parts: Sequence[Sequences]) -> Sequences:
        """Returns the sequences of all parts, in this order."""
        parts = [Sequences.of([]), *parts]
        lengths = np.concatenate([np.diff(part.start) for part in parts])
        tokens = np.concatenate([part.tokens for part in parts])
        return Sequences(tokens, row_starts(lengths), np.concatenate([part.first_target for part in parts]))

    def __post_init__(self) -> None:
        lengths = np.diff(self.start)
        assert ((self.first_target >= 1) & (self.first_target < lengths)).all(), "a sequence has a token to predict"

    def __len__(self) -> int:
        return len(self.first_target)

    def where(self, rows: NDArray[np.integer]) -> Sequences:
        """Returns the chosen sequences, in this order."""
        entries, lengths = gather_rows(self.start, rows)
        return Sequences(self.tokens[entries], row_starts(lengths), self.first_target[rows])


class Block(NamedTuple):
    """Sequences of one length that follow one another in a row."""

    sequences: int
    length: int


@dataclass(frozen=True)
class Row:
    """A batch as one row of E tokens."""

    input_ids: torch.Tensor
    """[1, E]."""
    position_ids: torch.Tensor
    """[1, E]: each token's place in its sequence."""
    blocks: tuple[Block, ...]
    """How many sequences of which length follow one another."""
    predicts: torch.Tensor
    """[P]: the places of the row whose next token is to be predicted."""
    targets: torch.Tensor
    """[P]: these next tokens."""
    sequence: torch.Tensor
    """[P]: which of the batch's sequences each target belongs to, as they were given."""

    @staticmethod
    def of(batch: Sequences, device: str) -> Row:
        """Returns the sequences as one row; those of one length keep their order."""
        order = np.argsort(np.diff(batch.start), kind="stable")
        its = batch.where(order)
        lengths = np.diff(its.start)
        place = ragged_arange(lengths)
        owner = row_of_entry(its.start)
        target = np.flatnonzero(place >= its.first_target[owner])
        sizes, counts = np.unique(lengths, return_counts=True)
        blocks = tuple(Block(*each) for each in zip(counts.tolist(), sizes.tolist(), strict=True))
        columns = (its.tokens, place, target - 1, its.tokens[target], order[owner[target]])
        ids, places, predicts, targets, sequence = (
            torch.from_numpy(column.astype(np.int64)).to(device) for column in columns
        )
        return Row(ids[None], places[None], blocks, predicts, targets, sequence)
