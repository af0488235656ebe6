"""The change of an MLP's output, at the edited token, that makes the model continue the prompt with the target.

Meng et al., 2022, section 3.1, steps 1 and 2. Shapes: as in
`worldgen.lm.editors.rewriting.requests_in_contexts`; V vocabulary.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import NamedTuple

import torch
from transformers import MistralForCausalLM

from worldgen.lm.editors.group_sums import group_sums
from worldgen.lm.editors.operations import SpentOperations
from worldgen.lm.editors.rewriting.requests_in_contexts import RequestsInContexts, keys_and_states
from worldgen.lm.editors.settings import RomeConfig
from worldgen.lm.editors.stacked_adamw import StackedAdamW
from worldgen.lm.model import next_token_logits


def optimal_changes(
    model: MistralForCausalLM, requests: RequestsInContexts, layer: int, config: RomeConfig, spent: SpentOperations
) -> tuple[torch.Tensor, tuple[float, ...]]:
    """Returns the change of the layer's MLP output at each place [P, H], and the mean loss before each step.

    There are at most `config.steps` steps of AdamW on the change d, in units of the root mean square of the layer's
    states at the places. Loss of a place: see `ChangeLoss`. No step is taken for a place once each of its rows gives
    the target more than `config.stop_probability`.
    """
    scale = state_sizes(model, requests, layer)
    unedited = log_p_after_places(model, requests) if requests.token == "subject" else None
    loss = ChangeLoss(model, requests, layer, scale, unedited, config.kl_weight)
    d = scale.new_zeros(requests.places, model.config.hidden_size)
    optimizer = StackedAdamW(d, config.learning_rate, clip=math.inf)
    active = torch.ones(requests.places, dtype=torch.bool, device=d.device)
    losses = []
    for _ in range(config.steps):
        at_d = spent.on(("step", layer, *requests.shape), loss.at, d)
        if config.stop_probability < 1:
            active = active & (at_d.least_probability <= config.stop_probability)
            if not active.any():
                break
        optimizer.step(at_d.gradient, active)
        losses.append(at_d.mean_loss)
    return d * scale, tuple(torch.stack(losses).tolist()) if losses else ()


def state_sizes(model: MistralForCausalLM, requests: RequestsInContexts, layer: int) -> torch.Tensor:
    """Returns the root mean square of the layer's states at each place, [P, 1]: the unit of changes."""
    return keys_and_states(model, requests, layer, layer)[1].square().mean(dim=1, keepdim=True).sqrt()


class LossAt(NamedTuple):
    """The loss for one value of the changes."""

    mean_loss: torch.Tensor
    """the mean over the places"""
    gradient: torch.Tensor
    """the gradient of each place's own loss, [P, H]"""
    least_probability: torch.Tensor
    """the least probability that a row of each place gives its target, [P]"""


@dataclass(frozen=True)
class ChangeLoss:
    """The loss of changes d of a layer's MLP output; the change in the model is d * scale.

    Loss of a place: the mean over its rows of the mean over the target's tokens t of -log p(t | all tokens before it),
    plus, at a subject, kl_weight KL(p || p_d) of the token after the subject: which relation the text continues with.
    scale: [P, 1].
    unedited: log p [B, V] of the token after each row's place without a change; None: the loss has no KL term.
    """

    model: MistralForCausalLM
    requests: RequestsInContexts
    layer: int
    scale: torch.Tensor
    unedited: torch.Tensor | None
    kl_weight: float

    def at(self, d: torch.Tensor) -> LossAt:
        """Returns the loss and its gradient for the changes d [P, H]."""
        requests, batch, (rows, columns) = self.requests, self.requests.batch, self._predicted()
        N, B, leaf = len(batch.rows), len(batch.input_ids), d.clone().requires_grad_()
        with torch.enable_grad(), added(self.model, self.layer, requests, leaf * self.scale):
            log_p = torch.log_softmax(next_token_logits(self.model, batch.input_ids, rows, columns).float(), dim=-1)
            of_targets = -log_p[:N].gather(1, batch.targets[:, None])[:, 0]
            of_texts = group_sums(of_targets, batch.rows, B)
            of_rows = of_texts / torch.bincount(batch.rows)
            if self.unedited is not None:
                of_rows = of_rows + self.kl_weight * (self.unedited.exp() * (self.unedited - log_p[N:])).sum(dim=1)
            of_places = requests.mean_by_place(of_rows)
            (gradient,) = torch.autograd.grad(of_places.sum(), leaf)
        p = of_texts.detach().neg().exp()
        least = p.new_ones(requests.places).scatter_reduce(0, requests.place_of_row, p, "amin")
        return LossAt(of_places.detach().mean(), gradient, least)

    def _predicted(self) -> tuple[torch.Tensor, torch.Tensor]:
        """Returns the rows and columns that predict the targets' tokens [N], then the tokens after the places [B]."""
        requests, batch = self.requests, self.requests.batch
        if self.unedited is None:
            return batch.rows, batch.columns
        return torch.cat([batch.rows, requests.rows]), torch.cat([batch.columns, requests.columns])


@contextmanager
def added(model: MistralForCausalLM, layer: int, requests: RequestsInContexts, change: torch.Tensor) -> Iterator[None]:
    """Adds the change [P, H] to the output of the layer's MLP at the edited tokens."""

    def add(_: torch.nn.Module, __: tuple[torch.Tensor], output: torch.Tensor) -> torch.Tensor:
        own = change[requests.place_of_row].to(output.dtype)
        return output.index_put((requests.rows, requests.columns), own, accumulate=True)

    handle = model.model.layers[layer].mlp.register_forward_hook(add)
    try:
        yield
    finally:
        handle.remove()


@torch.inference_mode()
def log_p_after_places(model: MistralForCausalLM, requests: RequestsInContexts) -> torch.Tensor:
    """Returns log p of the token after each row's edited token, [B, V], in float32."""
    logits = next_token_logits(model, requests.batch.input_ids, requests.rows, requests.columns)
    return torch.log_softmax(logits.float(), dim=-1)
