"""Fine-tuning on the request: of every weight matrix (`ft`), or of MLPs within a ball about the base (`ft-l`).

Off the shelf, as in Hase et al. (2021): only matrices are tuned (no gains of norms), the model is in eval mode, the
gradient is clipped, and tuning ends as soon as the request is taken. The request is taken when its probability, not
only its rank, is high enough, since a greedy answer says nothing of how firmly the model believes it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass

import torch
from torch.nn import Parameter
from transformers import MistralForCausalLM, PreTrainedTokenizerFast

from worldgen.errors import UserError
from worldgen.lm.editions import Cost, Edited, Edition, Mode, rounds
from worldgen.lm.editors.counting import operations_counter
from worldgen.lm.editors.restoring import put_back, restored
from worldgen.lm.editors.settings import ConstrainedFineTuningConfig, FineTuningConfig
from worldgen.lm.editors.target_loss import all_above, mean_loss, token_losses
from worldgen.lm.texts import PaddedTexts, pad, texts_of

_WEIGHT_DECAY = 1e-4  # Hase et al. (2021)


@dataclass(frozen=True)
class FineTuning:
    """The editor `ft`."""

    config: FineTuningConfig
    mode: Mode
    tokenizer: PreTrainedTokenizerFast
    name: str = "ft"

    def at_once(self, editions: Sequence[Edition]) -> int:
        """One: it changes the model's own weights."""
        return 1

    @contextmanager
    def edit(self, model: MistralForCausalLM, editions: Sequence[Edition]) -> Iterator[Edited]:
        """The model with its matrices tuned on the requests; as it was afterwards."""
        matrices = [parameter for parameter in model.parameters() if parameter.ndim > 1]
        with _tuned(model, matrices, self.config, self._batches(model, editions), lambda: None) as edited:
            yield edited

    def _batches(self, model: MistralForCausalLM, editions: Sequence[Edition]) -> Iterator[PaddedTexts]:
        (edition,) = editions
        for requests in rounds(self.mode, edition):
            pairs = [(request.prompt, request.target) for request in requests]
            yield pad(texts_of(self.tokenizer, pairs), model.device)


@dataclass(frozen=True)
class ConstrainedFineTuning(FineTuning):
    """The editor `ft-l`: |w - base w| <= max_norm for every tuned weight w, projected after each step.

    Zhu et al. (2020), with the norm L-infinity. The ball is about the unedited model, however many requests follow one
    another.
    """

    config: ConstrainedFineTuningConfig
    name: str = "ft-l"

    @contextmanager
    def edit(self, model: MistralForCausalLM, editions: Sequence[Edition]) -> Iterator[Edited]:
        """The model with the MLPs of the chosen layers tuned on the requests; as it was afterwards."""
        matrices = _mlp_matrices(model, self.config.layers)
        project = _projection(matrices, self.config.max_norm)
        with _tuned(model, matrices, self.config, self._batches(model, editions), project) as edited:
            yield edited


def _mlp_matrices(model: MistralForCausalLM, layers: Sequence[int]) -> list[Parameter]:
    """The matrices of these layers' MLPs, of all where none are named. Raises UserError for a layer that is not."""
    blocks = model.model.layers
    if wrong := [layer for layer in layers if not 0 <= layer < len(blocks)]:
        raise UserError(f"ft_l.layers names layer {wrong[0]}, but the model has the layers 0 to {len(blocks) - 1}")
    return [matrix for layer in layers or range(len(blocks)) for matrix in blocks[layer].mlp.parameters()]


def _projection(parameters: Sequence[Parameter], max_norm: float) -> Callable[[], None]:
    """Puts each weight back to where it is nearest to itself within the ball about what it is now."""
    bases = [parameter.detach().clone() for parameter in parameters]

    @torch.no_grad()
    def project() -> None:
        for parameter, base in zip(parameters, bases, strict=True):
            parameter.copy_(base + (parameter - base).clamp(-max_norm, max_norm))

    return project


@contextmanager
def _tuned(
    model: MistralForCausalLM,
    parameters: Sequence[Parameter],
    config: FineTuningConfig,
    batches: Iterator[PaddedTexts],
    after_step: Callable[[], None],
) -> Iterator[Edited]:
    with restored(model), put_back(parameters):
        model.eval().requires_grad_(False)
        for parameter in parameters:
            parameter.requires_grad_(True)
        costs = [_fit(model, parameters, config, batch, after_step) for batch in batches]
        yield Edited(model, (sum(costs, Cost()),))


def _fit(
    model: MistralForCausalLM,
    parameters: Sequence[Parameter],
    config: FineTuningConfig,
    batch: PaddedTexts,
    after_step: Callable[[], None],
) -> Cost:
    """At most `config.steps` steps of a fresh optimizer; none once each target is above `config.stop_probability`."""
    optimizer = _optimizer(parameters, config)
    losses: list[float] = []
    flops = 0
    with torch.enable_grad():
        for _ in range(config.steps):
            # Every step is of one shape: the first is counted, forward and backward, by torch's own counter.
            with nullcontext() if losses else operations_counter() as counter:
                each = token_losses(model, batch)
                if all_above(config.stop_probability, each, batch):
                    break
                optimizer.zero_grad(set_to_none=True)
                loss = mean_loss(each, batch)
                loss.backward()
            torch.nn.utils.clip_grad_norm_(parameters, config.gradient_clip)
            optimizer.step()
            after_step()
            losses.append(loss.item())
            flops = counter.get_total_flops() if counter else flops
    return Cost(tuple(losses), flops * len(losses))


def _optimizer(parameters: Sequence[Parameter], config: FineTuningConfig) -> torch.optim.Optimizer:
    rate = config.learning_rate
    match config.optimizer:
        case "adamw":
            return torch.optim.AdamW(parameters, lr=rate, weight_decay=_WEIGHT_DECAY)
        case "sgd":
            return torch.optim.SGD(parameters, lr=rate, weight_decay=_WEIGHT_DECAY)
        case "rmsprop":
            return torch.optim.RMSprop(parameters, lr=rate, weight_decay=_WEIGHT_DECAY, centered=True)
