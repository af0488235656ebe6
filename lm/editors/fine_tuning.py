"""Fine-tuning on the request: of every weight matrix (`ft`), or of MLPs within a ball about the base (`ft-l`).

Off the shelf, as in Hase et al. (2021): only matrices are tuned (no gains of norms), the model is in eval mode, the
gradient is clipped, and tuning ends as soon as the model has learned the request. A request is learned when its
target's probability is high enough. Its rank is not enough: a greedy answer does not say how firmly it is believed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch.nn import Parameter
from transformers import MistralForCausalLM, PreTrainedTokenizerFast

from worldgen.errors import UserError
from worldgen.lm.editions import Cost, Edited, Edition, Mode, rounds
from worldgen.lm.editors.operations import OperationCounts
from worldgen.lm.editors.restoring import put_back, restored
from worldgen.lm.editors.settings import ConstrainedFineTuningConfig, FineTuningConfig
from worldgen.lm.editors.target_loss import all_above, mean_loss, request_texts
from worldgen.lm.log_p import log_p_of_tokens
from worldgen.lm.texts import PaddedTexts, pad

_WEIGHT_DECAY = 1e-4  # Hase et al. (2021)


@dataclass(frozen=True)
class FineTuning:
    """The editor `ft`."""

    config: FineTuningConfig
    mode: Mode
    tokenizer: PreTrainedTokenizerFast
    name: str = "ft"

    def at_once(self, editions: Sequence[Edition]) -> int:
        """Returns 1: the method changes the model's own weights."""
        return 1

    @contextmanager
    def edit(self, model: MistralForCausalLM, editions: Sequence[Edition]) -> Iterator[Edited]:
        """Yields the model with its matrices tuned on the requests; restores it afterwards."""
        matrices = [parameter for parameter in model.parameters() if parameter.ndim > 1]
        with _tuned(model, matrices, self.config, self._batches(model, editions), lambda: None) as edited:
            yield edited

    def _batches(self, model: MistralForCausalLM, editions: Sequence[Edition]) -> Iterator[PaddedTexts]:
        (edition,) = editions
        for requests in rounds(self.mode, edition):
            yield pad(request_texts(self.tokenizer, requests), model.device)


@dataclass(frozen=True)
class ConstrainedFineTuning(FineTuning):
    """The editor `ft-l`: |w - base w| <= max_norm for every tuned weight w, by projection after each step.

    Zhu et al. (2020), with the norm L-infinity. The base is the unedited model, however many requests follow one
    another.
    """

    config: ConstrainedFineTuningConfig
    name: str = "ft-l"

    @contextmanager
    def edit(self, model: MistralForCausalLM, editions: Sequence[Edition]) -> Iterator[Edited]:
        """Yields the model with the MLPs of `config.layers` tuned on the requests; restores it afterwards."""
        matrices = _mlp_matrices(model, self.config.layers)
        project = _projection(matrices, self.config.max_norm)
        with _tuned(model, matrices, self.config, self._batches(model, editions), project) as edited:
            yield edited


def _mlp_matrices(model: MistralForCausalLM, layers: Sequence[int]) -> list[Parameter]:
    """Returns the matrices of these layers' MLPs; of all layers if `layers` is empty.

    Raises UserError for a layer that the model does not have.
    """
    blocks = model.model.layers
    if wrong := [layer for layer in layers if not 0 <= layer < len(blocks)]:
        raise UserError(f"ft_l.layers names layer {wrong[0]}, but the model has the layers 0 to {len(blocks) - 1}")
    return [matrix for layer in layers or range(len(blocks)) for matrix in blocks[layer].mlp.parameters()]


def _projection(parameters: Sequence[Parameter], max_norm: float) -> Callable[[], None]:
    """Returns a function that moves each weight to the nearest point of the ball around the weight's present value."""
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
    """Yields the model with these parameters tuned on one batch after another; restores it afterwards."""
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
    """Takes at most `config.steps` steps of a fresh optimizer; returns the cost.

    No step is taken once each target is more probable than `config.stop_probability`.
    """
    optimizer, operations = _optimizer(parameters, config), OperationCounts()
    losses: list[float] = []
    with torch.enable_grad():
        for _ in range(config.steps):
            # Every step has the same shapes: the first one, forward and backward, is counted for all.
            with operations.counted("step"):
                log_p = log_p_of_tokens(model, batch)
                if all_above(config.stop_probability, log_p, batch):
                    break
                optimizer.zero_grad(set_to_none=True)
                loss = mean_loss(log_p, batch)
                loss.backward()
            torch.nn.utils.clip_grad_norm_(parameters, config.gradient_clip)
            optimizer.step()
            after_step()
            losses.append(loss.item())
    return Cost(tuple(losses), len(losses) * operations.known("step"))


def _optimizer(parameters: Sequence[Parameter], config: FineTuningConfig) -> torch.optim.Optimizer:
    rate = config.learning_rate
    match config.optimizer:
        case "adamw":
            return torch.optim.AdamW(parameters, lr=rate, weight_decay=_WEIGHT_DECAY)
        case "sgd":
            return torch.optim.SGD(parameters, lr=rate, weight_decay=_WEIGHT_DECAY)
        case "rmsprop":
            return torch.optim.RMSprop(parameters, lr=rate, weight_decay=_WEIGHT_DECAY, centered=True)
