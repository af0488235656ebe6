"""The method `none`, which edits nothing: the baseline of every method, and a check that asking is reproducible."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from transformers import PreTrainedModel

from worldgen.lm.editions import Cost, Edited, Edition


@dataclass(frozen=True)
class Unedited:
    """The editor `none`."""

    name: str = "none"

    def at_once(self, editions: Sequence[Edition]) -> int:
        """Returns the number of editions: all of them are one model."""
        return len(editions)

    @contextmanager
    def edit(self, model: PreTrainedModel, editions: Sequence[Edition]) -> Iterator[Edited]:
        """Yields the unchanged model, at no cost."""
        yield Edited(model, (Cost(),) * len(editions))
