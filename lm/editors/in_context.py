"""In-context editing: every prompt continues a document that begins with the request.

No weight changes, and no gradient is taken. Reading the preface belongs to asking, and is not counted as a cost.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from transformers import PreTrainedModel, PreTrainedTokenizerFast

from worldgen.errors import UserError
from worldgen.lm.editions import Cost, Edited, Edition
from worldgen.lm.editors.settings import InContextConfig
from worldgen.lm.model import positions_of
from worldgen.lm.tokenizer import encode


@dataclass(frozen=True)
class InContext:
    """The editor `in-context`: the preface says each request's sentence `config.sentences` times, in order."""

    config: InContextConfig
    tokenizer: PreTrainedTokenizerFast
    name: str = "in-context"

    def at_once(self, editions: Sequence[Edition]) -> int:
        """Returns the number of editions: all of them are one model, with different prefaces."""
        return len(editions)

    @contextmanager
    def edit(self, model: PreTrainedModel, editions: Sequence[Edition]) -> Iterator[Edited]:
        """Yields the unchanged model with a preface for each edition.

        Raises UserError for a preface that is longer than the model can read.
        """
        prefaces = [self._preface(edition) for edition in editions]
        longest, room = max(map(len, encode(self.tokenizer, prefaces))), positions_of(model)
        if room is not None and longest >= room:
            raise UserError(
                f"the requests of an edition make a preface of {longest} tokens, but the model was made for {room} in "
                "all: lower edit.requests or in_context.sentences"
            )
        yield Edited(model, (Cost(),) * len(editions), prefaces=tuple(prefaces))

    def _preface(self, edition: Edition) -> str:
        return " ".join(request.sentence for request in edition.requests for _ in range(self.config.sentences))
