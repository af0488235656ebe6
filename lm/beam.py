"""Beam search among given continuations of a prompt."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import torch
from transformers import PreTrainedModel, PreTrainedTokenizerFast

from worldgen.lm.model import next_token_logits
from worldgen.lm.score import in_batches, suitable_tokens
from worldgen.lm.texts import beginnings


class Beam(NamedTuple):
    """A continuation that a search has found, or a beginning of one."""

    ids: tuple[int, ...]
    log_p: float
    """log p(ids | prompt), natural logarithm: that of the model, which may say anything else too."""


@dataclass(frozen=True)
class Continuations:
    """The texts that a search may find, as a tree of tokens. None begins with another."""

    next_tokens: dict[tuple[int, ...], torch.Tensor]
    """The tokens that may follow each beginning; a whole continuation has none."""
    longest: int
    """The tokens of the longest."""

    @staticmethod
    def of(texts: Sequence[Sequence[int]]) -> Continuations:
        """Returns the tree of these texts. Raises ValueError if one begins with another."""
        tree: dict[tuple[int, ...], set[int]] = defaultdict(set)
        for ids in texts:
            for length, token in enumerate(ids):
                tree[tuple(ids[:length])].add(token)
        if any(tuple(ids) in tree for ids in texts):
            raise ValueError("a continuation begins with another one, or is empty")
        tensors = {beginning: torch.tensor(sorted(tokens)) for beginning, tokens in tree.items()}
        return Continuations(tensors, max(map(len, texts)))


def beam_search(
    model: PreTrainedModel,
    tokenizer: PreTrainedTokenizerFast,
    prompts: Sequence[str],
    continuations: Continuations,
    width: int,
) -> list[list[Beam]]:
    """Returns at most `width` continuations of each prompt, the most probable first; of equals, the lowest ids.

    After every token the `width` most probable beginnings are kept, whole continuations among them, until all are
    whole. A width of all continuations makes the search exact.
    """
    prompt_ids = beginnings(tokenizer, prompts)
    lengths = [width * (len(ids) + continuations.longest) for ids in prompt_ids]
    found: list[list[Beam]] = [[] for _ in prompts]
    for members in in_batches(lengths, suitable_tokens(model)):
        beams = _search(model, [prompt_ids[member] for member in members], continuations, width)
        for member, its in zip(members, beams, strict=True):
            found[member] = its
    return found


def _search(
    model: PreTrainedModel, prompts: Sequence[list[int]], continuations: Continuations, width: int
) -> list[list[Beam]]:
    beams, follow = [[Beam((), 0.0)] for _ in prompts], continuations.next_tokens
    while growing := [(i, beam) for i, its in enumerate(beams) for beam in its if beam.ids in follow]:
        grown = [[beam for beam in its if beam.ids not in follow] for its in beams]
        logs = _next_log_p(model, [[*prompts[i], *beam.ids] for i, beam in growing])
        for (i, beam), of_token in zip(growing, logs, strict=True):
            tokens = follow[beam.ids]
            best = of_token[tokens].topk(min(width, len(tokens)))
            more = zip(tokens[best.indices].tolist(), best.values.tolist(), strict=True)
            grown[i] += [Beam((*beam.ids, token), beam.log_p + log_p) for token, log_p in more]
        beams = [sorted(its, key=lambda beam: (-beam.log_p, beam.ids))[:width] for its in grown]
    return beams


@torch.inference_mode()
def _next_log_p(model: PreTrainedModel, texts: Sequence[list[int]]) -> torch.Tensor:
    """Returns [N, V] log p(token | text) on the CPU, in float64."""
    width, device = max(map(len, texts)), model.device
    input_ids = torch.tensor([ids + [0] * (width - len(ids)) for ids in texts], device=device)
    ends = torch.tensor([len(ids) - 1 for ids in texts], device=device)
    logits = next_token_logits(model, input_ids, torch.arange(len(texts), device=device), ends)
    return logits.double().log_softmax(dim=-1).cpu()
