"""Editing by a trained writer: `rational`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from itertools import zip_longest

import torch
from transformers import MistralForCausalLM, PreTrainedTokenizerFast

from worldgen.errors import UserError
from worldgen.lm.editions import Cost, Edited, Edition, Mode
from worldgen.lm.editors.learned.changed_mistral import ChangedMistral
from worldgen.lm.editors.learned.settings import RationalConfig
from worldgen.lm.editors.learned.taught.believer import Words
from worldgen.lm.editors.learned.taught.readings import Readings, readings_of
from worldgen.lm.editors.learned.taught.writer import Writer, words_of_model
from worldgen.lm.editors.operations import OperationCounts
from worldgen.lm.editors.restoring import restored
from worldgen.lm.editors.tuning.own_weights import OwnWeights


@dataclass(frozen=True)
class TaughtEditor:
    """The editor `rational`: a trained writer, with the config that it was trained by.

    Requests are made one after another. Raises UserError for mode "together": the writer reads one request at a time.
    """

    config: RationalConfig
    mode: Mode
    tokenizer: PreTrainedTokenizerFast
    writer: Writer
    name: str = "rational"
    _counts: OperationCounts = field(default_factory=OperationCounts, repr=False, compare=False)

    def __post_init__(self) -> None:
        if self.mode == "together":
            raise UserError(f"{self.name} makes one request at a time: set edit.mode to single or sequential")

    def at_once(self, editions: Sequence[Edition]) -> int:
        """Returns how many editions have `config.weights_at_once` weights of MLPs at most for themselves, or 1."""
        layers, hidden, inner = self.writer.sizes
        return max(1, self.config.weights_at_once // (3 * layers * hidden * inner))

    @contextmanager
    def edit(self, model: MistralForCausalLM, editions: Sequence[Edition]) -> Iterator[Edited]:
        """Yields the model with each edition's own weights in it; removes them afterwards."""
        with restored(model):
            model.eval().requires_grad_(False)
            mistral = ChangedMistral(model)
            words = words_of_model(mistral, self.tokenizer, self.writer.frames)
            rows, costs = mistral.base_rows(len(editions)), [Cost()] * len(editions)
            for turn in zip_longest(*(edition.requests for edition in editions)):
                for member, request in ((m, request) for m, request in enumerate(turn) if request is not None):
                    readings = readings_of(self.tokenizer, [request], self.writer.frames)
                    make = partial(self._make, mistral, words, readings)
                    costs[member] += Cost(
                        (), self._counts.of(readings.texts.ids.shape, partial(make, rows[:1].clone()))
                    )
                    make(rows[member : member + 1])
            own_weights = OwnWeights(mistral.blocks, rows)
            with own_weights.inserted():
                yield Edited(model, tuple(costs), own_weights.route)

    @torch.no_grad()
    def _make(self, mistral: ChangedMistral, words: Words, readings: Readings, rows: torch.Tensor) -> None:
        """Makes a request in its row of weights [1, P], in place."""
        changes = self.writer.changes(mistral, words, readings, rows)
        mistral.add(rows, torch.zeros(1, dtype=torch.long, device=rows.device), changes)
