"""From token files to packed batches. The stream of batches is a function of (shards, plan, position) alone.

Shapes: B rows of a batch, T tokens of a row.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count, islice
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from worldgen.errors import UserError

IGNORED = -100  # torch's and transformers' label for "no loss here"
OPEN_ROWS = 64  # how many rows may wait for a document that fits: few, so that the epoch's order is nearly kept


class TokenShards:
    """The documents in RUN/tokens/train-*.npy, memory-mapped, in the order of the files.

    Each file is a flat array of whole documents, back to back. Each document is BOS ... EOS and is found by its BOS.
    Raises UserError if there are no documents, or if a file does not begin with BOS.
    """

    def __init__(self, folder: Path, bos_id: int) -> None:
        files = sorted(folder.glob("train-*.npy"))
        self._shards = [np.load(file, mmap_mode="r", allow_pickle=False) for file in files]
        starts = []
        for file, shard in zip(files, self._shards, strict=True):
            starts.append(np.flatnonzero(shard == bos_id))
            if shard.size and (not starts[-1].size or starts[-1][0] != 0):
                raise UserError(f"{file} does not begin with a document (token {bos_id}): build the tokens again")
        if not sum(map(len, starts)):
            raise UserError(f"there are no documents in {folder}/train-*.npy: build the tokens first")
        self._shard = np.repeat(np.arange(len(files)), [len(s) for s in starts])
        self._start = np.concatenate(starts)
        ends = [np.append(s[1:], shard.size)[: len(s)] for s, shard in zip(starts, self._shards, strict=True)]
        self.lengths: NDArray[np.int64] = np.concatenate(ends) - self._start

    def __len__(self) -> int:
        """Returns the number of documents."""
        return len(self.lengths)

    def document(self, index: int) -> NDArray[np.unsignedinteger]:
        """Returns the tokens of a document, BOS and EOS included."""
        start = self._start[index]
        return self._shards[self._shard[index]][start : start + self.lengths[index]]


def epoch_order(documents: int, seed: int, epoch: int) -> NDArray[np.int64]:
    """Returns the order in which an epoch reads the documents: a permutation that depends on the arguments alone."""
    generator = np.random.Generator(np.random.Philox(np.random.SeedSequence([seed, epoch])))
    return generator.permutation(documents)


def pack(lengths: NDArray[np.int64], row_tokens: int) -> Iterator[list[int]]:
    """Yields rows of documents, as lists of indices into `lengths`. Each index comes once.

    The documents of a row have at most `row_tokens` tokens together. The method is best fit over at most OPEN_ROWS
    open rows: a document goes to the open row with the least space that still holds it. If no open row holds it, a
    new row is opened; if too many are open, the fullest one is closed first.
    Raises UserError for a document that is longer than a row.
    """
    longest = int(lengths.max(initial=0))
    if longest > row_tokens:
        raise UserError(
            f"a document has {longest} tokens and a row {row_tokens}: set pretrain.row_tokens to {longest} or more"
        )
    open_rows: list[tuple[int, int, list[int]]] = []  # (space, first index, indices), least space first
    for index, length in enumerate(lengths.tolist()):
        place = bisect_left(open_rows, (length,))
        if place < len(open_rows):
            space, first, row = open_rows.pop(place)
        else:
            if len(open_rows) == OPEN_ROWS:
                yield open_rows.pop(0)[2]
            space, first, row = row_tokens, index, []
        row.append(index)
        insort(open_rows, (space - length, first, row))
    yield from (row for _, _, row in open_rows)


@dataclass(frozen=True)
class Batch:
    """One process's share of a step's rows, packed with whole documents. All three tensors are [B, T]."""

    input_ids: torch.Tensor
    """The tokens; 0 at padding."""
    position_ids: torch.Tensor
    """Each token's place in its document, from 0; 0 at padding."""
    labels: torch.Tensor
    """The input ids, which the loss shifts, as transformers does. IGNORED at padding and at each BOS, so that no
    document predicts the next one."""
    tokens: int
    """How many tokens ALL rows of the step have, padding not counted."""
    predicted: int
    """How many labels ALL rows of the step have, IGNORED not counted."""

    def tensors(self) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Returns the tensors that go to the device: (input_ids, position_ids, labels)."""
        return self.input_ids, self.position_ids, self.labels

    def pinned(self) -> Batch:
        """Returns the batch in page-locked memory, from which a GPU copies while the host goes on."""
        input_ids, position_ids, labels = (tensor.pin_memory() for tensor in self.tensors())
        return Batch(input_ids, position_ids, labels, self.tokens, self.predicted)


class Share(NamedTuple):
    """Which of a step's rows one process takes: every `of`-th row, from row `number` on."""

    number: int = 0
    of: int = 1


@dataclass(frozen=True)
class BatchPlan:
    """How documents become batches: the seed of each epoch's order, the size of a row and of a step."""

    seed: int
    row_tokens: int
    """Most tokens of a row."""
    rows_per_step: int


def batches(
    shards: TokenShards,
    plan: BatchPlan,
    start: int = 0,
    share: Share = Share(),  # noqa: B008  # a named tuple is never changed
    padded: bool = False,
) -> Iterator[Batch]:
    """Yields batches without end, from batch number `start` on.

    Each epoch's documents are packed in that epoch's order. The rows of the epochs follow one another and are cut
    into steps of `plan.rows_per_step`. The batches before `start` are packed but not read.
    T is `plan.row_tokens` if `padded`, so that all batches have one shape; else it is the length of the fullest row.
    """
    rows = islice(_rows(shards, plan), start * plan.rows_per_step, None)
    while True:
        yield _batch(shards, list(islice(rows, plan.rows_per_step)), share, plan.row_tokens if padded else 0)


def _rows(shards: TokenShards, plan: BatchPlan) -> Iterator[list[int]]:
    for epoch in count():
        order = epoch_order(len(shards), plan.seed, epoch)
        for row in pack(shards.lengths[order], plan.row_tokens):
            yield order[row].tolist()


def _batch(shards: TokenShards, step_rows: list[list[int]], share: Share, least_width: int) -> Batch:
    tokens = int(sum(shards.lengths[row].sum() for row in step_rows))
    rows = step_rows[share.number :: share.of]
    width = max(least_width, *(int(shards.lengths[row].sum()) for row in rows))
    shape = (len(rows), width)
    input_ids = np.zeros(shape, dtype=np.int64)
    position_ids = np.zeros(shape, dtype=np.int64)
    labels = np.full(shape, IGNORED, dtype=np.int64)
    positions = np.arange(width)
    for r, row in enumerate(rows):
        end = 0
        for index in row:
            document = shards.document(index)
            start, end = end, end + len(document)
            input_ids[r, start:end] = document
            position_ids[r, start:end] = positions[: len(document)]
            labels[r, start + 1 : end] = document[1:]
    predicted = tokens - sum(map(len, step_rows))  # every token but each document's BOS
    return Batch(
        torch.from_numpy(input_ids), torch.from_numpy(position_ids), torch.from_numpy(labels), tokens, predicted
    )
