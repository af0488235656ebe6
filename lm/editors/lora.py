"""LoRA (Hu et al., 2021), through peft: W x + (alpha / rank) B A x on every MLP down-projection.

Paper, appendix A.4. The base weights W are frozen; A is drawn from the case's seed and B starts at zero.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import torch
from peft import LoraConfig, get_peft_model
from torch.nn import functional
from torch.utils.flop_counter import FlopCounterMode
from transformers import MistralForCausalLM, PreTrainedTokenizerFast

from lm.editors.request import Edited, Request, restored
from lm.model import next_token_logits
from lm.tokenizer import encode
from worldgen.sections import EditConfig


@dataclass(frozen=True)
class Lora:
    """The editor: its size and its steps are `config`'s."""

    config: EditConfig
    tokenizer: PreTrainedTokenizerFast
    name: str = "lora"
    # A step's operations by the request's length, counted once each.
    _flops: dict[int, int] = field(default_factory=dict, repr=False, compare=False)

    @contextmanager
    def edit(self, model: MistralForCausalLM, request: Request, seed: int) -> Iterator[Edited]:
        """The model with adapters trained on the request inside it; without them again afterwards."""
        with restored(model), _adapted(model, self.config, seed) as adapters:
            model.eval()
            ids, asked = _ids(self.tokenizer, request)
            if len(ids) not in self._flops:
                self._flops[len(ids)] = _step_flops(model, ids, asked)
            losses = _fit(model, adapters, self.config, ids, asked)
            yield Edited(model, losses, len(losses) * self._flops[len(ids)])


@contextmanager
def _adapted(model: MistralForCausalLM, config: EditConfig, seed: int) -> Iterator[list[torch.nn.Parameter]]:
    """The model with fresh adapters in place; gives their parameters, the only ones that can be trained.

    peft draws the adapters on the CPU, from torch's global generator, which is left as it was. To build them
    anew for each edit costs about 3% of the forty steps, and is peft's own initialisation to the letter.
    """
    lora = LoraConfig(
        r=config.rank,
        lora_alpha=config.alpha,  # type: ignore[arg-type]  # peft only divides it by the rank
        lora_dropout=0.0,
        target_modules=["down_proj"],
        bias="none",
        task_type="CAUSAL_LM",
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        adapted = get_peft_model(model, lora)
    try:
        yield [parameter for parameter in model.parameters() if parameter.requires_grad]
    finally:
        adapted.unload()


def _fit(
    model: MistralForCausalLM,
    adapters: list[torch.nn.Parameter],
    config: EditConfig,
    ids: list[int],
    asked: int,
) -> tuple[float, ...]:
    """`config.steps` steps of AdamW (torch's weight decay, 0.01); the loss before each.

    Loss: the mean over the target's tokens t of -log p(t | all tokens before it).
    """
    optimizer = torch.optim.AdamW(adapters, lr=config.learning_rate, fused=True)
    losses = []
    with torch.enable_grad():
        for _ in range(config.steps):
            loss = _loss(model, ids, asked)
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            torch.nn.utils.clip_grad_norm_(adapters, config.gradient_clip)
            optimizer.step()
            losses.append(loss.detach())
    return tuple(torch.stack(losses).tolist()) if losses else ()


def _loss(model: MistralForCausalLM, ids: list[int], asked: int) -> torch.Tensor:
    input_ids = torch.tensor([ids], device=model.lm_head.weight.device)
    columns = torch.arange(len(ids) - asked - 1, len(ids) - 1, device=input_ids.device)
    logits = next_token_logits(model, input_ids, torch.zeros_like(columns), columns)
    return functional.cross_entropy(logits.float(), input_ids[0, -asked:])


def _step_flops(model: MistralForCausalLM, ids: list[int], asked: int) -> int:
    """The operations of one step forward and backward, by torch's own counter; the optimizer's are not in it."""
    with FlopCounterMode(display=False) as counter, torch.enable_grad():
        _loss(model, ids, asked).backward()
    model.zero_grad(set_to_none=True)
    return counter.get_total_flops()


def _ids(tokenizer: PreTrainedTokenizerFast, request: Request) -> tuple[list[int], int]:
    """The ids of BOS, prompt and target, and how many of them are the target's.

    Raises ValueError for a target without tokens.
    """
    prompt, target = encode(tokenizer, [request.prompt, request.target])
    if not target:
        raise ValueError(f"the target {request.target!r} of {request.prompt!r} has no tokens")
    return [tokenizer.bos_token_id, *prompt, *target], len(target)
