"""What an unedited model makes of a request: the states and keys of a few short texts about its subject.

A frame is an opening, as `"` of a statement, and a phrase, as a relation: the text of a frame is "opening subject
phrase". A request is read in all frames. Its anchors are the last token of the subject after each opening and the last
token of each frame's text: there a model looks up what it knows of the subject.
Shapes: S requests, R texts of a request, T tokens, M = R T, A anchors, L layers, H hidden size, I intermediate size.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from transformers import PreTrainedTokenizerFast

from worldgen.errors import UserError
from worldgen.lm.editions import Request
from worldgen.lm.editors.learned.changed_mistral import ChangedMistral
from worldgen.lm.editors.tuning.stacked_texts import StackedTexts, stack_texts
from worldgen.lm.texts import Text, beginnings, continuations


@dataclass(frozen=True)
class Frames:
    """The texts that every subject is read in, each opening with each phrase, and the objects that answer them.

    After the first opening, an answer follows.
    """

    openings: tuple[str, ...]
    phrases: tuple[str, ...]
    objects: tuple[str, ...]

    @property
    def anchors(self) -> int:
        """A: for each opening the subject, and each phrase."""
        return len(self.openings) * (1 + len(self.phrases))


@dataclass(frozen=True)
class Readings:
    """The texts of S requests, and where to look in them."""

    texts: StackedTexts
    """[S, R, T]: opening by opening, each with all phrases."""
    anchors: torch.Tensor
    """[S, A]: the anchors' places among the M of a request, opening by opening; the subject comes first."""
    phrases: torch.Tensor
    """[S]: the number of the request's own phrase; one more than the last where it is none of the frames'."""
    labels: list[list[int]]
    """The ids of each request's label."""


def readings_of(tokenizer: PreTrainedTokenizerFast, requests: Sequence[Request], frames: Frames) -> Readings:
    """Returns the readings of requests, as `asked_of` does."""
    phrases, texts, anchors = continuations(tokenizer, frames.phrases), [], []
    for request in requests:
        subjects = beginnings(tokenizer, [f"{opening} {request.subject}".strip() for opening in frames.openings])
        texts.append([Text([*subject, *ids, 0], 1) for subject in subjects for ids in phrases])
        anchors.append([[len(subject), *(len(subject) + len(ids) for ids in phrases)] for subject in subjects])
    stacked, R = stack_texts(texts, torch.device("cpu")), len(frames.phrases)
    first = torch.tensor([[o * R + max(r - 1, 0) for r in range(R + 1)] for o in range(len(frames.openings))])
    places = first * stacked.ids.shape[2] + torch.tensor(anchors) - 1
    return Readings(stacked, places.flatten(1), *asked_of(tokenizer, requests, frames))


def asked_of(
    tokenizer: PreTrainedTokenizerFast, requests: Sequence[Request], frames: Frames
) -> tuple[torch.Tensor, list[list[int]]]:
    """Returns `phrases` and `labels` of readings. Raises UserError if a request does not say where its subject ends."""
    asked = []
    for request in requests:
        if not request.subject or request.subject not in request.prompt:
            raise UserError(f"rational needs to know where the subject of {request.prompt!r} ends")
        said = request.prompt.partition(request.subject)[2].strip()
        asked.append(frames.phrases.index(said) if said in frames.phrases else len(frames.phrases))
    return torch.tensor(asked), continuations(tokenizer, [request.target.removesuffix(".") for request in requests])


@dataclass(frozen=True)
class States:
    """What a model computes at the anchors of readings."""

    normed: torch.Tensor
    """[S, A, 2 L H]: what the layers' attentions and MLPs read, which is normed."""
    keys: tuple[torch.Tensor, ...]
    """[S, A, I] of each layer: what its down-projection reads."""
    said: torch.Tensor
    """[S, R, V]: the probabilities of the tokens after the first opening, subject and phrase."""


@torch.no_grad()
def states_of(mistral: ChangedMistral, readings: Readings, rows: torch.Tensor | None, phrases: int) -> States:
    """Returns the states by the weights `rows` [S, P]; the model's own weights are taken where `rows` is None."""
    logits, read = mistral.reading_inputs(readings.texts, rows)
    layers = range(len(mistral.mistral.model.model.layers))

    def at_anchors(block: str) -> torch.Tensor:
        states = read[block]
        return states.gather(1, readings.anchors[:, :, None].expand(-1, -1, states.shape[2]))

    normed = [at_anchors(f"{layer}.{block}") for layer in layers for block in ("attention", "inner")]
    keys = tuple(at_anchors(f"{layer}.down") for layer in layers)
    return States(torch.cat(normed, dim=-1), keys, logits[:, :phrases].softmax(-1))
