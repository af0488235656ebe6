"""What a memory should say: at the token where an MLP is to be rewritten, the change that makes the target follow.

Meng et al., 2022, section 3.1, steps 1 and 2. Shapes: R requests, X contexts, B = R X rows, P places, N asked
tokens, H hidden size, I intermediate size, V vocabulary.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import NamedTuple

import torch
from transformers import MistralForCausalLM, PreTrainedTokenizerFast

from worldgen.lm.editions import Request
from worldgen.lm.editors.rewriting.key_covariance import recorded_keys
from worldgen.lm.editors.rewriting.weight_update import RewriteSite
from worldgen.lm.editors.settings import RomeConfig
from worldgen.lm.editors.stacked_adamw import StackedAdamW
from worldgen.lm.editors.tally import Tally
from worldgen.lm.inspection.causal_tracing import Token
from worldgen.lm.model import next_token_logits
from worldgen.lm.texts import PaddedTexts, Text, pad
from worldgen.lm.tokenizer import encode


@dataclass(frozen=True)
class Mentions:
    """Every request in every context as one batch of B rows; row b's place is the token at (b, columns[b]).

    owner [B] says which of the P places that is: requests with the same text up to the token share a place.
    """

    batch: PaddedTexts
    token: Token
    columns: torch.Tensor
    owner: torch.Tensor
    places: int

    @property
    def shape(self) -> tuple[int, ...]:
        """B, T, N, P: what the cost of a pass depends on."""
        return (*self.batch.input_ids.shape, len(self.batch.rows), self.places)

    def at(self, states: torch.Tensor) -> torch.Tensor:
        """[B, T, ...] -> [B, ...]: what stands at the rows' places."""
        return states[torch.arange(len(states), device=states.device), self.columns]

    def mean(self, rows: torch.Tensor) -> torch.Tensor:
        """[B, ...] -> [P, ...]: the mean over each place's rows."""
        counts = torch.bincount(self.owner, minlength=self.places).view(-1, *[1] * (rows.ndim - 1))
        return rows.new_zeros(self.places, *rows.shape[1:]).index_add(0, self.owner, rows) / counts


def mentions_of(
    tokenizer: PreTrainedTokenizerFast, requests: Sequence[Request], located: RewriteSite, device: torch.device
) -> Mentions:
    """The requests, each after each of the contexts; the place is the last token of the subject or the relation."""
    ends = [request.subject if located.token == "subject" else request.prompt for request in requests]
    place_of = {end: place for place, end in enumerate(dict.fromkeys(ends))}
    before = encode(tokenizer, located.contexts)
    texts, columns, owner = [], [], []
    for request, end in zip(requests, ends, strict=True):
        upto, prompt, target = encode(tokenizer, [end, request.prompt, request.target])
        assert upto == prompt[: len(upto)] != [], f"{request.prompt!r} does not begin with its subject {end!r}"
        for context in before:
            texts.append(Text([tokenizer.bos_token_id, *context, *prompt, *target], len(target)))
            columns.append(len(context) + len(upto))
            owner.append(place_of[end])
    where, whose = torch.tensor(columns, device=device), torch.tensor(owner, device=device)
    return Mentions(pad(texts, device), located.token, where, whose, len(place_of))


@torch.inference_mode()
def read(model: MistralForCausalLM, mentions: Mentions, layer: int, top: int) -> tuple[torch.Tensor, torch.Tensor]:
    """The key that a layer's MLP reads [P, I], and the state after layer `top` [P, H]: means over each place's rows."""
    states: list[torch.Tensor] = []
    handle = model.model.layers[top].register_forward_hook(lambda _, __, output: states.append(output))
    try:
        with recorded_keys(model, [layer]) as inputs:
            model.model(input_ids=mentions.batch.input_ids, use_cache=False)
    finally:
        handle.remove()
    return mentions.mean(mentions.at(inputs[layer])), mentions.mean(mentions.at(states[0]))


def learn(
    model: MistralForCausalLM, mentions: Mentions, layer: int, config: RomeConfig, tally: Tally
) -> tuple[torch.Tensor, tuple[float, ...]]:
    """What is to be added at each place to what the layer's MLP says [P, H]; the mean loss before each step.

    At most `config.steps` steps of AdamW on d, in units of the root mean square of the layer's states there. Loss of
    a place: the mean over its rows of the mean over the target's tokens t of -log p(t | all tokens before it), plus,
    at a subject, `config.kl_weight` KL(p || p_d) of the token that follows it: which relation the text goes on with.
    No step is taken for a place once each of its rows gives the target more than `config.stop_probability`.
    """
    scale = read(model, mentions, layer, layer)[1].square().mean(dim=1, keepdim=True).sqrt()
    usual = _next_of_subjects(model, mentions) if mentions.token == "subject" else None
    d = scale.new_zeros(mentions.places, model.config.hidden_size)
    optimizer = StackedAdamW(d, config.learning_rate, clip=math.inf)
    active = torch.ones(mentions.places, dtype=torch.bool, device=d.device)
    losses = []
    for _ in range(config.steps):
        name = ("step", layer, *mentions.shape)
        step = tally.counted(name, _step, model, mentions, layer, d, scale, usual, config.kl_weight)
        if config.stop_probability < 1:
            active = active & (step.least <= config.stop_probability)
            if not active.any():
                break
        optimizer.step(step.gradient, active)
        losses.append(step.loss)
    return d * scale, tuple(torch.stack(losses).tolist()) if losses else ()


class _Step(NamedTuple):
    """Mean loss; its gradient [P, H]; the least probability that a row of each place gives its target [P]."""

    loss: torch.Tensor
    gradient: torch.Tensor
    least: torch.Tensor


def _step(
    model: MistralForCausalLM, mentions: Mentions, layer: int, d: torch.Tensor, scale: torch.Tensor,
    usual: torch.Tensor | None, kl_weight: float,
) -> _Step:  # fmt: skip
    """`usual` [B, V]: log p of the token after each row's place, where it is to stay."""
    batch, (rows, columns) = mentions.batch, _asked(mentions, usual is not None)
    N, leaf = len(batch.rows), d.clone().requires_grad_()
    with torch.enable_grad(), _added(model, mentions, layer, leaf * scale):
        scores = torch.log_softmax(next_token_logits(model, batch.input_ids, rows, columns).float(), dim=-1)
        surprise = -scores[:N].gather(1, batch.targets[:, None])[:, 0]
        of_target = surprise.new_zeros(len(batch.input_ids)).index_add(0, batch.rows, surprise)
        of_row = of_target / torch.bincount(batch.rows)
        if usual is not None:
            of_row = of_row + kl_weight * (usual.exp() * (usual - scores[N:])).sum(dim=1)
        of_place = mentions.mean(of_row)
        (gradient,) = torch.autograd.grad(of_place.sum(), leaf)
    likely = of_target.detach().neg().exp()
    least = likely.new_ones(mentions.places).scatter_reduce(0, mentions.owner, likely, "amin")
    return _Step(of_place.detach().mean(), gradient, least)


@torch.inference_mode()
def _next_of_subjects(model: MistralForCausalLM, mentions: Mentions) -> torch.Tensor:
    rows = torch.arange(len(mentions.columns), device=mentions.columns.device)
    logits = next_token_logits(model, mentions.batch.input_ids, rows, mentions.columns)
    return torch.log_softmax(logits.float(), dim=-1)


def _asked(mentions: Mentions, with_places: bool) -> tuple[torch.Tensor, torch.Tensor]:
    """Where the targets' tokens are predicted [N], and then the tokens after the places [B]."""
    batch = mentions.batch
    if not with_places:
        return batch.rows, batch.columns
    every_row = torch.arange(len(mentions.columns), device=mentions.columns.device)
    return torch.cat([batch.rows, every_row]), torch.cat([batch.columns, mentions.columns])


@contextmanager
def _added(model: MistralForCausalLM, mentions: Mentions, layer: int, change: torch.Tensor) -> Iterator[None]:
    """The layer's MLP says so much more [P, H] at the places."""
    rows = torch.arange(len(mentions.columns), device=mentions.columns.device)

    def add(_: torch.nn.Module, __: tuple[torch.Tensor], output: torch.Tensor) -> torch.Tensor:
        return output.index_put((rows, mentions.columns), change[mentions.owner].to(output.dtype), accumulate=True)

    handle = model.model.layers[layer].mlp.register_forward_hook(add)
    try:
        yield
    finally:
        handle.remove()
