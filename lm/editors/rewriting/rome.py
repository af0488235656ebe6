"""ROME (Meng et al., 2022): one layer's MLP is a memory, and each request is written into it by a rank-one change.

The key k is what the layer's down-projection W reads at the request's place, in the mean over a few contexts. The
value is W k + d, with the d that makes the target follow (`learn`). The change is the least one,
by the corpus's keys, that gives W' k = W k + d (`worldgen.lm.editors.rewriting.weight_update.updated_weight`).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

from transformers import MistralForCausalLM, PreTrainedTokenizerFast

from worldgen.lm.editions import Cost, Edited, Edition, Mode, Request, rounds
from worldgen.lm.editors.restoring import put_back, restored
from worldgen.lm.editors.rewriting.output_changes import learn, mentions_of, read
from worldgen.lm.editors.rewriting.weight_update import RewriteSite, updated_weight
from worldgen.lm.editors.settings import RomeConfig
from worldgen.lm.editors.tally import Tally


@dataclass(frozen=True)
class Rome:
    """The editor. In mode "together" the requests are written at once, and those that share a place as one."""

    config: RomeConfig
    mode: Mode
    tokenizer: PreTrainedTokenizerFast
    located: RewriteSite
    name: str = "rome"
    _operations: dict = field(default_factory=dict, repr=False, compare=False)  # known to every edition's tally

    def at_once(self, editions: Sequence[Edition]) -> int:
        """One: it changes the model's own weights."""
        return 1

    @contextmanager
    def edit(self, model: MistralForCausalLM, editions: Sequence[Edition]) -> Iterator[Edited]:
        """The model with the requests written into it; as it was afterwards."""
        (edition,) = editions
        tally = Tally(self._operations)
        with restored(model), put_back(self.located.weights(model).values()):
            model.eval().requires_grad_(False)
            losses = [self._write(model, requests, tally) for requests in rounds(self.mode, edition)]
            yield Edited(model, (Cost(tuple(loss for part in losses for loss in part), tally.spent),))

    def _write(self, model: MistralForCausalLM, requests: Sequence[Request], tally: Tally) -> tuple[float, ...]:
        """Write the requests as one; the losses before each step of the search for d."""
        ((layer, weight),) = self.located.weights(model).items()
        mentions = mentions_of(self.tokenizer, requests, self.located, weight.device)
        d, losses = learn(model, mentions, layer, self.config, tally)
        keys, _ = tally.counted(("read", *mentions.shape), read, model, mentions, layer, layer)
        new = tally.counted(("write", len(keys)), updated_weight, weight, self.located.factors[layer], keys, d, 0.0)
        weight.copy_(new)
        return losses
