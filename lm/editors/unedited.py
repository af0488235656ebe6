"""No editing at all: the floor that every method stands on, and the check that asking twice gives the same."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from transformers import MistralForCausalLM

from worldgen.lm.editions import Cost, Edited, Edition


@dataclass(frozen=True)
class Unedited:
    """The editor that does nothing."""

    name: str = "none"

    def at_once(self, editions: Sequence[Edition]) -> int:
        """All of them: they are one model."""
        return len(editions)

    @contextmanager
    def edit(self, model: MistralForCausalLM, editions: Sequence[Edition]) -> Iterator[Edited]:
        """The model as it is, at no cost."""
        yield Edited(model, (Cost(),) * len(editions))
