"""Fine-tuning on requests, many editions at once: of every weight matrix (`ft`), or of MLPs within a ball (`ft-l`).

Each edition has a copy of what is tuned, and an optimizer of its own. The result is that of `fine_tuning_reference`,
one edition at a time, to the rounding of float32.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial

import torch
from transformers import MistralForCausalLM, PreTrainedTokenizerFast

from worldgen.lm.editions import Cost, Edited, Edition, Mode, rounds
from worldgen.lm.editors.operations import OperationCounts
from worldgen.lm.editors.restoring import restored
from worldgen.lm.editors.settings import FineTuningConfig
from worldgen.lm.editors.target_loss import mean_loss, request_texts
from worldgen.lm.editors.tuning.matrices import parameters_of, tuned_blocks
from worldgen.lm.editors.tuning.own_weights import OwnWeights
from worldgen.lm.editors.tuning.places import Losses, Places, Turns
from worldgen.lm.log_p import log_p_of_tokens
from worldgen.lm.texts import Text, pad


@dataclass(frozen=True)
class FineTuning:
    """The editor `ft`; with the config of `ft-l` it is that method.

    `weights` is the number of weights that an edition has for itself (see `worldgen.lm.editors.tuning.matrices`).
    """

    config: FineTuningConfig
    mode: Mode
    tokenizer: PreTrainedTokenizerFast
    weights: int
    name: str = "ft"
    _counts: OperationCounts = field(default_factory=OperationCounts, repr=False, compare=False)

    def at_once(self, editions: Sequence[Edition]) -> int:
        """Returns how many editions have `config.weights_at_once` weights at most for themselves, or 1."""
        return max(1, self.config.weights_at_once // self.weights)

    @contextmanager
    def edit(self, model: MistralForCausalLM, editions: Sequence[Edition]) -> Iterator[Edited]:
        """Yields the model with each edition's own weights in it; removes them afterwards."""
        turns = [[request_texts(self.tokenizer, part) for part in rounds(self.mode, each)] for each in editions]
        with restored(model):
            model.eval().requires_grad_(False)
            rows, losses = Places(model, self.config, turns).run()
            costs = [self._cost(model, own, its) for own, its in zip(turns, losses, strict=True)]
            own_weights = OwnWeights(tuned_blocks(model, self.config), rows)
            with own_weights.inserted():
                yield Edited(model, tuple(costs), own_weights.route)

    def _cost(self, model: MistralForCausalLM, turns: Turns, losses: Losses) -> Cost:
        """Returns an edition's cost: all its losses, and the operations of its steps as if it were tuned alone."""
        parts = zip(turns, losses, strict=True)
        flops = [len(own) * self._step_operations(model, texts) for texts, own in parts if own]
        return Cost(tuple(loss for own in losses for loss in own), sum(flops))

    def _step_operations(self, model: MistralForCausalLM, texts: Sequence[Text]) -> int:
        """Returns the operations of a step on these texts, counted once for each shape."""
        shape = (len(texts), max(len(text.ids) for text in texts), sum(text.asked for text in texts))
        return self._counts.of(shape, partial(self._gradients, model, texts))

    def _gradients(self, model: MistralForCausalLM, texts: Sequence[Text]) -> None:
        """Makes a pass forward and backward in the model itself."""
        batch, matrices = pad(texts, model.device), parameters_of(tuned_blocks(model, self.config))
        for matrix in matrices:
            matrix.requires_grad_(True)
        with torch.enable_grad():
            torch.autograd.grad(mean_loss(log_p_of_tokens(model, batch), batch), matrices)
        model.requires_grad_(False)
