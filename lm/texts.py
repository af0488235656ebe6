"""Prompts and what follows them as ids, and several of them as one padded batch.

A prompt begins a document, BOS first. A continuation is joined at a word boundary, with one space.
Shapes: B texts, T tokens of the longest, N asked tokens of all texts.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import torch
from transformers import PreTrainedTokenizerFast

from worldgen.errors import UserError
from worldgen.lm.tokenizer import encode


class Text(NamedTuple):
    """The ids of BOS, prompt and continuation, of which the last `asked` are the continuation's."""

    ids: list[int]
    asked: int


@dataclass(frozen=True)
class PaddedTexts:
    """Texts side by side; padding is on the right, where no real token's causal attention reaches it.

    input_ids is [B, T - 1]: a text's last token is asked for, never read. The n-th asked token is targets[n]; the
    model predicts it at (rows[n], columns[n]), which hold the token before it. They are all [N], text by text.
    """

    input_ids: torch.Tensor
    rows: torch.Tensor
    columns: torch.Tensor
    targets: torch.Tensor


def texts_of(tokenizer: PreTrainedTokenizerFast, pairs: Sequence[tuple[str, str]]) -> list[Text]:
    """Each (prompt, continuation) as ids. Raises ValueError for a continuation without tokens."""
    prompts = beginnings(tokenizer, [prompt for prompt, _ in pairs])
    said = continuations(tokenizer, [continuation for _, continuation in pairs])
    for pair, ids in zip(pairs, said, strict=True):
        if not ids:
            raise ValueError(f"the continuation {pair[1]!r} of {pair[0]!r} has no tokens")
    return [Text([*p, *c], len(c)) for p, c in zip(prompts, said, strict=True)]


def beginnings(tokenizer: PreTrainedTokenizerFast, prompts: Sequence[str]) -> list[list[int]]:
    """Each prompt as ids, behind BOS where the tokenizer has one."""
    opening = [] if tokenizer.bos_token_id is None else [tokenizer.bos_token_id]
    return [[*opening, *ids] for ids in encode(tokenizer, prompts)]


def continuations(tokenizer: PreTrainedTokenizerFast, texts: Sequence[str]) -> list[list[int]]:
    """Each text as the ids that it has behind another and a space.

    Ours spell it as if it stood alone; a tokenizer whose pieces hold the space before a word needs to see it.
    Raises UserError for one that does neither.
    """
    together, alone, behind_a_space = encode(tokenizer, ["a a", "a", " a"])
    if together == alone + alone:
        return encode(tokenizer, texts)
    if together == alone + behind_a_space:
        return encode(tokenizer, [f" {text}" for text in texts])
    raise UserError("the model's tokenizer does not spell a text word by word: take a model whose tokenizer does")


def pad(texts: Sequence[Text], device: torch.device) -> PaddedTexts:
    """The texts as one batch on the device."""
    width = max(len(text.ids) - 1 for text in texts)
    input_ids = torch.tensor([text.ids[:-1] + [0] * (width + 1 - len(text.ids)) for text in texts])
    rows = torch.tensor([row for row, text in enumerate(texts) for _ in range(text.asked)])
    columns = torch.tensor([c for text in texts for c in range(len(text.ids) - text.asked - 1, len(text.ids) - 1)])
    targets = torch.tensor([id_ for text in texts for id_ in text.ids[-text.asked :]])
    return PaddedTexts(*(tensor.to(device) for tensor in (input_ids, rows, columns, targets)))
