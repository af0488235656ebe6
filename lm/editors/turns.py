"""Editions that learn into adapters of their own, one round of requests after another."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import torch
from transformers import MistralForCausalLM

from lm.editors.adapters import Adapters, AdapterSize, fresh_adapters
from lm.editors.request import Cost, Edited, Edition, Mode, restored, rounds

# Changes the adapters of some editions in place, in their turn (see `rounds`), and says what each of them cost.
Learn = Callable[[Adapters, Sequence[Edition], int], list[Cost]]


@contextmanager
def adapted(
    model: MistralForCausalLM, size: AdapterSize, mode: Mode, editions: Sequence[Edition], folder: Path | None,
    learn: Learn, maps: Sequence[torch.Tensor] = (),
) -> Iterator[Edited]:  # fmt: skip
    """The model with each edition's adapters in it, which have learned; without them again afterwards.

    They are written below `folder`, in peft's format, where one is given. `maps`: see `lm.editors.adapters`.
    """
    with restored(model):
        model.eval().requires_grad_(False)
        adapters = fresh_adapters(model, size, [edition.seed for edition in editions], maps)
        costs = _learned(adapters, mode, editions, learn)
        if folder:
            for number, edition in enumerate(editions):
                adapters.save(number, size, folder / edition.name)
        with adapters.in_place(model):
            yield Edited(model, tuple(costs), adapters.route)


def _learned(adapters: Adapters, mode: Mode, editions: Sequence[Edition], learn: Learn) -> list[Cost]:
    """Turn after turn, of those editions that have as many; the weights are changed in place."""
    turns = [len(rounds(mode, edition)) for edition in editions]
    costs = [Cost()] * len(editions)
    for turn in range(max(turns)):
        members = [number for number, mine in enumerate(turns) if turn < mine]
        learning = adapters.of(members)
        spent = learn(learning, [editions[member] for member in members], turn)
        adapters.weights[members] = learning.weights
        for member, cost in zip(members, spent, strict=True):
            costs[member] += cost
    return costs
