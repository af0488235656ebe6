"""LoRA (Hu et al., 2021) through peft, one edition at a time: what the batched `lora` is held against.

Paper, appendix A.4: W x + (alpha / rank) B A x on every MLP down-projection. The base weights W are frozen; A is
drawn from the edition's seed and B starts at zero.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import torch
from peft import PeftModel, get_peft_model
from transformers import MistralForCausalLM, PreTrainedTokenizerFast

from worldgen.lm.editions import Cost, Edited, Edition, Mode, Request, rounds
from worldgen.lm.editors.counting import operations_counter
from worldgen.lm.editors.lowrank.adapters import peft_config
from worldgen.lm.editors.restoring import restored
from worldgen.lm.editors.settings import LoraConfig
from worldgen.lm.editors.target_loss import all_above, mean_loss, token_losses
from worldgen.lm.texts import PaddedTexts, Text, pad, texts_of


@dataclass(frozen=True)
class LoraReference:
    """The editor. `mode` says how an edition's requests are made, `adapters` where they are saved, if at all."""

    config: LoraConfig
    mode: Mode
    tokenizer: PreTrainedTokenizerFast
    adapters: Path | None = None
    name: str = "lora-reference"
    # A step's operations for a text, by its length and its asked tokens, counted once each.
    _flops: dict[tuple[int, int], int] = field(default_factory=dict, repr=False, compare=False)

    def at_once(self, editions: Sequence[Edition]) -> int:
        """One: peft's adapters are part of the model while they last."""
        return 1

    @contextmanager
    def edit(self, model: MistralForCausalLM, editions: Sequence[Edition]) -> Iterator[Edited]:
        """The model with adapters trained on the requests inside it; without them again afterwards."""
        (edition,) = editions
        with restored(model), _adapted(model, self.config, edition.seed) as adapted:
            model.eval()
            cost = Cost()
            for requests in rounds(self.mode, edition):
                losses = self._learn(model, requests)
                cost += Cost(losses, len(losses) * self._flops_of(model, requests))
            if self.adapters:
                adapted.save_pretrained(str(self.adapters / edition.name))
            yield Edited(model, (cost,))

    def _learn(self, model: MistralForCausalLM, requests: Sequence[Request]) -> tuple[float, ...]:
        return _fit(model, self.config, pad(self._texts(requests), model.lm_head.weight.device))

    def _flops_of(self, model: MistralForCausalLM, requests: Sequence[Request]) -> int:
        """The operations of a step on these requests, each counted by itself, without padding."""
        texts = self._texts(requests)
        for text in texts:
            shape = (len(text.ids), text.asked)
            if shape not in self._flops:
                self._flops[shape] = _step_flops(model, pad([text], model.lm_head.weight.device))
        return sum(self._flops[len(text.ids), text.asked] for text in texts)

    def _texts(self, requests: Sequence[Request]) -> list[Text]:
        return texts_of(self.tokenizer, [(request.prompt, request.target) for request in requests])


@contextmanager
def _adapted(model: MistralForCausalLM, config: LoraConfig, seed: int) -> Iterator[PeftModel]:
    """The model with fresh adapters in place, the only parameters that can be trained.

    peft draws the adapters on the CPU, from torch's global generator, which is left as it was.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        adapted = get_peft_model(model, peft_config(config))
    assert isinstance(adapted, PeftModel)
    try:
        yield adapted
    finally:
        adapted.unload()


def _fit(model: MistralForCausalLM, config: LoraConfig, batch: PaddedTexts) -> tuple[float, ...]:
    """At most `config.steps` steps of AdamW (torch's weight decay, 0.01); the loss before each.

    Loss: the mean over the requests of the mean over the target's tokens t of -log p(t | all tokens before it).
    No step is taken once every target has a probability above `config.stop_probability`.
    """
    adapters = [parameter for parameter in model.parameters() if parameter.requires_grad]
    optimizer = torch.optim.AdamW(adapters, lr=config.learning_rate, fused=True)
    losses = []
    with torch.enable_grad():
        for _ in range(config.steps):
            each = token_losses(model, batch)
            if config.stop_probability < 1 and all_above(config.stop_probability, each, batch):
                break
            loss = mean_loss(each, batch)
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            torch.nn.utils.clip_grad_norm_(adapters, config.gradient_clip)
            optimizer.step()
            losses.append(loss.detach())
    return tuple(torch.stack(losses).tolist()) if losses else ()


def _step_flops(model: MistralForCausalLM, batch: PaddedTexts) -> int:
    """The operations of one step forward and backward; the optimizer's are not in it."""
    with operations_counter() as counter, torch.enable_grad():
        token_losses(model, batch).sum().backward()
    model.zero_grad(set_to_none=True)
    return counter.get_total_flops()
