"""Measuring edits: every trial's questions are asked, its edition is made, and the same questions are asked again.

A killed run goes on: see `asking.measurements` for the files that say what is done.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

import numpy as np
import torch
from tqdm import tqdm
from transformers import PreTrainedModel

from worldgen.evaluate.asking.measurements import ChunkedFiles, CostRow, Measurements
from worldgen.evaluate.asking.replies import Reader, Replies, ask
from worldgen.evaluate.asking.trials import Trial
from worldgen.lm.allocator import keep_freed_memory
from worldgen.lm.editions import Editor
from worldgen.lm.out_of_memory import work_that_fits
from worldgen.storage.machine import peak_memory

Model = TypeVar("Model", bound=PreTrainedModel)


def measure(
    model: Model, editor: Editor[Model], reader: Reader, trials: Sequence[Trial], files: ChunkedFiles,
    quiet: bool,
) -> None:  # fmt: skip
    """Asks, edits, asks again and restores the model for every trial that `files` do not hold yet.

    The editor's batches lie within a chunk. So which editions share a batch depends on the chunks alone, unless memory
    ran out. Batches of another size may change the probabilities in the last bits of float32, and nothing else.
    """
    keep_freed_memory()
    missing = files.missing(trials)
    done = len(trials) - sum(len(chunk.trials) for chunk in missing)
    work = _Work(model, editor, reader)
    with tqdm(total=len(trials), initial=done, desc="edit", unit="edit", disable=quiet) as progress:
        for chunk in missing:
            before, after, costs = work.measure_chunk(chunk.trials, progress)
            questions = [question for trial in chunk.trials for question in trial.questions]
            files.save(chunk.first, Measurements.of(questions, before, after), costs)


@dataclass
class _Work(Generic[Model]):
    """The model with its editor; `halvings` counts how often memory ran out, and every batch is so much smaller."""

    model: Model
    editor: Editor[Model]
    reader: Reader
    halvings: int = 0

    def measure_chunk(self, trials: Sequence[Trial], progress: tqdm) -> tuple[Replies, Replies, list[CostRow]]:
        """Returns the replies before and after the edits, and the cost of each edition."""
        before = ask(self.model, self.reader, [question for trial in trials for question in trial.questions])
        after: list[Replies] = []
        costs: list[CostRow] = []
        done, allowed = 0, self.editor.at_once([trial.edition for trial in trials])
        while done < len(trials):
            (replies, its_costs), size = self._batch_that_fits(trials[done:], allowed)
            after.append(replies)
            costs += its_costs
            done += size
            progress.update(size)
        probability = np.concatenate([replies.probability for replies in after])
        return before, Replies(probability, [said for replies in after for said in replies.answer]), costs

    def _batch_that_fits(self, trials: Sequence[Trial], allowed: int) -> tuple[tuple[Replies, list[CostRow]], int]:
        """Edits and asks the first of these trials, as many as fit in memory.

        Returns what `_batch` returns of them, and their number: `allowed`, halved as often as memory has run out.
        """

        def size() -> int:
            return min(max(1, allowed >> self.halvings), len(trials))

        def smaller(_: int) -> int:
            self.halvings += 1
            return size()

        return work_that_fits(lambda number: self._batch(trials[:number]), size(), smaller)

    def _batch(self, trials: Sequence[Trial]) -> tuple[Replies, list[CostRow]]:
        """Returns the replies after the edits of these trials, made at once, and the cost of each edition."""
        editions, begun = [trial.edition for trial in trials], time.perf_counter()
        with self.editor.edit(self.model, editions) as edited:
            seconds = (time.perf_counter() - begun) / len(editions)
            questions = [question for trial in trials for question in trial.questions]
            edition_of = [number for number, trial in enumerate(trials) for _ in trial.questions]
            replies = ask(edited, self.reader, questions, edition_of)
        return replies, [
            CostRow(
                case=trial.first_case,
                requests=len(trial.edition.requests),
                steps=len(cost.losses),
                flops=cost.flops,
                seconds=seconds,
                peak_bytes=_peak_bytes(self.model),
                losses=list(cost.losses),
            )
            for trial, cost in zip(trials, edited.costs, strict=True)
        ]


def _peak_bytes(model: PreTrainedModel) -> int:
    """Returns the most memory held so far: that of the device if the model is on one, else that of the process."""
    device = model.device
    return torch.cuda.max_memory_allocated(device) if device.type == "cuda" else peak_memory()
