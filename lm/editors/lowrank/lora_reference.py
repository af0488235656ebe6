"""LoRA (Hu et al., 2021) through peft, one edition at a time: the reference that the batched `lora` is tested against.

Paper, appendix A.4: W x + (alpha / rank) B A x on every MLP down-projection. The base weights W are frozen; A is
drawn from the edition's seed and B starts at zero. Any causal language model of transformers can be adapted so.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import torch
from peft import PeftModel, get_peft_model
from transformers import PreTrainedModel, PreTrainedTokenizerFast

from worldgen.lm.editions import Cost, Edited, Edition, Mode, Request, rounds
from worldgen.lm.editors.lowrank.adapters import peft_config
from worldgen.lm.editors.model_parts import mlp_outputs
from worldgen.lm.editors.operations import OperationCounts
from worldgen.lm.editors.restoring import restored
from worldgen.lm.editors.settings import LoraConfig
from worldgen.lm.editors.target_loss import all_above, mean_loss, request_texts
from worldgen.lm.log_p import log_p_of_tokens
from worldgen.lm.texts import PaddedTexts, Text, pad


@dataclass(frozen=True)
class LoraReference:
    """The editor `lora-reference`.

    `mode` says how an edition's requests are divided into turns; `adapters` is where the adapters are saved, or None.
    """

    config: LoraConfig
    mode: Mode
    tokenizer: PreTrainedTokenizerFast
    adapters: Path | None = None
    name: str = "lora-reference"
    _counts: OperationCounts = field(default_factory=OperationCounts, repr=False, compare=False)

    def at_once(self, editions: Sequence[Edition]) -> int:
        """Returns 1: peft's adapters are part of the model while the edit lasts."""
        return 1

    @contextmanager
    def edit(self, model: PreTrainedModel, editions: Sequence[Edition]) -> Iterator[Edited]:
        """Yields the model with adapters trained on the requests in it; removes them afterwards."""
        (edition,) = editions
        with restored(model), _adapted(model, self.config, edition.seed) as adapted:
            model.eval()
            cost = Cost()
            for requests in rounds(self.mode, edition):
                batch = pad(request_texts(self.tokenizer, requests), model.device)
                losses = _fit(model, self.config, batch)
                cost += Cost(losses, len(losses) * self._step_operations(model, requests))
            if self.adapters:
                adapted.save_pretrained(str(self.adapters / edition.name))
            yield Edited(model, (cost,))

    def _step_operations(self, model: PreTrainedModel, requests: Sequence[Request]) -> int:
        """Returns the operations of a step on these requests, each counted alone, without padding."""

        def step(text: Text) -> None:
            with torch.enable_grad():
                log_p_of_tokens(model, pad([text], model.device)).sum().backward()
            model.zero_grad(set_to_none=True)

        texts = request_texts(self.tokenizer, requests)
        return sum(self._counts.of((len(text.ids), text.asked), partial(step, text)) for text in texts)


@contextmanager
def _adapted(model: PreTrainedModel, config: LoraConfig, seed: int) -> Iterator[PeftModel]:
    """Yields the model with fresh adapters in it, the only parameters that can be trained.

    peft draws the adapters on the CPU, from torch's global generator, whose state is restored.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        adapted = get_peft_model(model, peft_config(config, mlp_outputs(model)))
    assert isinstance(adapted, PeftModel)
    try:
        yield adapted
    finally:
        adapted.unload()


def _fit(model: PreTrainedModel, config: LoraConfig, batch: PaddedTexts) -> tuple[float, ...]:
    """Takes at most `config.steps` steps of AdamW (torch's weight decay, 0.01); returns the loss before each step.

    Loss: the mean over the requests of the mean over the target's tokens t of -log p(t | all tokens before it).
    No step is taken once every target has a probability above `config.stop_probability`.
    """
    adapters = [parameter for parameter in model.parameters() if parameter.requires_grad]
    optimizer = torch.optim.AdamW(adapters, lr=config.learning_rate, fused=True)
    losses = []
    with torch.enable_grad():
        for _ in range(config.steps):
            log_p = log_p_of_tokens(model, batch)
            if config.stop_probability < 1 and all_above(config.stop_probability, log_p, batch):
                break
            loss = mean_loss(log_p, batch)
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            torch.nn.utils.clip_grad_norm_(adapters, config.gradient_clip)
            optimizer.step()
            losses.append(loss.detach())
    return tuple(torch.stack(losses).tolist()) if losses else ()
