"""Training of several editions' adapters, one turn after another.

A turn is one of an edition's `rounds(mode, edition)`: the requests that are learned together.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import torch
from transformers import MistralForCausalLM

from worldgen.lm.editions import Cost, Edited, Edition, Mode, rounds
from worldgen.lm.editors.lowrank.adapters import Adapters, AdapterSize, fresh_adapters, sum_of_adapters
from worldgen.lm.editors.lowrank.layers import LowRankLayers, concatenated, with_rank_limited
from worldgen.lm.editors.restoring import restored
from worldgen.randomness import generator


class TrainTurn(Protocol):
    """The training of one turn."""

    def __call__(
        self, adapters: Adapters, earlier: Sequence[LowRankLayers], editions: Sequence[Edition], turn: int, /
    ) -> list[Cost]:
        """Trains these editions' adapters in place for one turn. Returns each edition's cost.

        `earlier` has the layers of earlier turns' adapters, which stay frozen: none or one entry.
        """


@dataclass(frozen=True)
class AdapterPlan:
    """The adapters of an edition: their size, how turns share them, what they read, where they are saved."""

    size: AdapterSize
    """their rank and alpha"""
    mode: Mode
    """how an edition's requests are divided into turns"""
    folder: Path | None = None
    """where each edition's adapters are saved in peft's format, below its name; None: they are not saved"""
    maps: Sequence[torch.Tensor] = ()
    """the map [I, I] of each layer that the adapters read keys through (see `Adapters`); empty: the keys themselves"""
    fresh_each_turn: bool = False
    """whether every turn has adapters of its own; otherwise a turn trains the adapters of the turn before"""


@contextmanager
def trained_adapters(
    model: MistralForCausalLM, plan: AdapterPlan, editions: Sequence[Edition], train: TrainTurn
) -> Iterator[Edited]:
    """Yields the model with each edition's trained adapters in it; removes them afterwards."""
    with restored(model):
        model.eval().requires_grad_(False)
        parts, costs = _trained(model, plan, editions, train)
        if plan.folder:
            for number, edition in enumerate(editions):
                own_parts = parts[: len(rounds(plan.mode, edition))]
                sum_of_adapters(own_parts).save(number, plan.folder / edition.name)
        adapters = sum_of_adapters(parts)
        with adapters.inserted(model):
            yield Edited(model, tuple(costs), adapters.route)


def _trained(
    model: MistralForCausalLM, plan: AdapterPlan, editions: Sequence[Edition], train: TrainTurn
) -> tuple[list[Adapters], list[Cost]]:
    """Trains turn after turn; an edition with fewer turns is left out of later ones.

    Returns adapters of all editions whose sum is the edit, and each edition's cost.
    """
    turns = [len(rounds(plan.mode, edition)) for edition in editions]
    parts: list[Adapters] = []
    costs = [Cost()] * len(editions)
    for turn in range(max(turns)):
        if plan.fresh_each_turn or not parts:
            seeds = [_seed(edition, turn) for edition in editions]
            parts.append(fresh_adapters(model, plan.size, seeds, plan.maps))
        members = [number for number, own_turns in enumerate(turns) if turn < own_turns]
        *earlier, learning = [part.select(members) for part in parts]
        layers = [part.with_maps(part.layers()) for part in earlier]
        frozen = [with_rank_limited(concatenated(layers))] if layers else []
        spent = train(learning, frozen, [editions[member] for member in members], turn)
        parts[-1].weights[members] = learning.weights
        for member, cost in zip(members, spent, strict=True):
            costs[member] += cost
    return parts, costs


def _seed(edition: Edition, turn: int) -> int:
    """Returns the seed of a turn's adapters.

    Turns have different seeds: with equal A, a turn would overwrite what the last turn's adapters read.
    """
    return int(generator(edition.seed, f"adapters {turn}").integers(2**63)) if turn else edition.seed
