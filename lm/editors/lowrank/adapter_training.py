"""Editions that learn into adapters of their own, one round of requests after another."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import torch
from transformers import MistralForCausalLM

from worldgen.lm.editions import Cost, Edited, Edition, Mode, rounds
from worldgen.lm.editors.lowrank.adapters import Adapters, AdapterSize, combined, fresh_adapters
from worldgen.lm.editors.lowrank.layers import Layers, beside, compact
from worldgen.lm.editors.restoring import restored
from worldgen.randomness import generator

# Changes the adapters of some editions in place, in their turn (see `rounds`), beside what earlier turns have left, if
# anything, which stays as it is; says what each of them cost.
Learn = Callable[[Adapters, Sequence[Layers], Sequence[Edition], int], list[Cost]]


@contextmanager
def adapted(
    model: MistralForCausalLM, size: AdapterSize, mode: Mode, editions: Sequence[Edition], folder: Path | None,
    learn: Learn, maps: Sequence[torch.Tensor] = (), anew: bool = False,
) -> Iterator[Edited]:  # fmt: skip
    """The model with each edition's adapters in it, which have learned; without them again afterwards.

    One turn's go on from the last one's or, `anew`, every turn has its own. They are written below `folder`, in peft's
    format, where one is given. `maps`: see `worldgen.lm.editors.lowrank.adapters`.
    """
    with restored(model):
        model.eval().requires_grad_(False)
        parts, costs = _learned(model, size, mode, editions, learn, maps, anew)
        if folder:
            for number, edition in enumerate(editions):
                combined(parts[: len(rounds(mode, edition))]).save(number, folder / edition.name)
        adapters = combined(parts)
        with adapters.in_place(model):
            yield Edited(model, tuple(costs), adapters.route)


def _learned(
    model: MistralForCausalLM, size: AdapterSize, mode: Mode, editions: Sequence[Edition], learn: Learn,
    maps: Sequence[torch.Tensor], anew: bool,
) -> tuple[list[Adapters], list[Cost]]:  # fmt: skip
    """Turn after turn, of those editions that have as many: all adapters, which add up, and what it cost."""
    turns = [len(rounds(mode, edition)) for edition in editions]
    parts: list[Adapters] = []
    costs = [Cost()] * len(editions)
    for turn in range(max(turns)):
        if anew or not parts:
            parts.append(fresh_adapters(model, size, [_seed(edition, turn) for edition in editions], maps))
        members = [number for number, mine in enumerate(turns) if turn < mine]
        *earlier, learning = [part.of(members) for part in parts]
        layers = [part.merged(part.layers()) for part in earlier]
        before = [compact(beside(layers))] if layers else []
        spent = learn(learning, before, [editions[member] for member in members], turn)
        parts[-1].weights[members] = learning.weights
        for member, cost in zip(members, spent, strict=True):
            costs[member] += cost
    return parts, costs


def _seed(edition: Edition, turn: int) -> int:
    """What the adapters of a turn are drawn from: were they alike, each would write over what the last one reads."""
    return int(generator(edition.seed, f"adapters {turn}").integers(2**63)) if turn else edition.seed
