"""ROME (Meng et al., 2022): one layer's MLP is a linear memory, into which a rank-one change writes each request.

The key k is what the layer's down-projection W reads at the edited token, in the mean over a few contexts. The value
is W k + d, with the change d that makes the model continue with the target (`optimal_changes`). W' is the least
change of W, measured by the corpus's keys, with W' k = W k + d (`updated_weight`).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

from transformers import MistralForCausalLM, PreTrainedTokenizerFast

from worldgen.lm.editions import Cost, Edited, Edition, Mode, Request, rounds
from worldgen.lm.editors.operations import OperationCounts, SpentOperations
from worldgen.lm.editors.restoring import put_back, restored
from worldgen.lm.editors.rewriting.output_changes import optimal_changes
from worldgen.lm.editors.rewriting.requests_in_contexts import keys_and_states, requests_in_contexts
from worldgen.lm.editors.rewriting.weight_update import RewriteSite, updated_weight
from worldgen.lm.editors.settings import RomeConfig


@dataclass(frozen=True)
class Rome:
    """The editor `rome`.

    In mode "together" all requests are written at once; requests that share a place are written as one.
    """

    config: RomeConfig
    mode: Mode
    tokenizer: PreTrainedTokenizerFast
    site: RewriteSite
    name: str = "rome"
    _counts: OperationCounts = field(default_factory=OperationCounts, repr=False, compare=False)

    def at_once(self, editions: Sequence[Edition]) -> int:
        """Returns 1: the method changes the model's own weights."""
        return 1

    @contextmanager
    def edit(self, model: MistralForCausalLM, editions: Sequence[Edition]) -> Iterator[Edited]:
        """Yields the model with the requests written into it; restores it afterwards."""
        (edition,) = editions
        spent = SpentOperations(self._counts)
        with restored(model), put_back(self.site.weights(model).values()):
            model.eval().requires_grad_(False)
            losses = [self._write(model, requests, spent) for requests in rounds(self.mode, edition)]
            yield Edited(model, (Cost(tuple(loss for part in losses for loss in part), spent.total),))

    def _write(
        self, model: MistralForCausalLM, requests: Sequence[Request], spent: SpentOperations
    ) -> tuple[float, ...]:
        """Writes the requests at once; returns the losses before each step of the search for d."""
        ((layer, weight),) = self.site.weights(model).items()
        batch = requests_in_contexts(self.tokenizer, requests, self.site, weight.device)
        d, losses = optimal_changes(model, batch, layer, self.config, spent)
        keys, _ = spent.on(("read", *batch.shape), keys_and_states, model, batch, layer, layer)
        factor = self.site.factors[layer]
        weight.copy_(spent.on(("write", len(keys)), updated_weight, weight, factor, keys, d, 0.0))
        return losses
