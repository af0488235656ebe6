"""Prompts with their continuations as ids, and several of them as one padded batch.

A prompt begins a document, after BOS. A continuation is joined to it at a word boundary, with one space.
The tokens of the continuation are the asked ones: their probabilities are wanted.
Shapes: B texts, T tokens of the longest text, N asked tokens of all texts.
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
    """The ids of BOS, prompt and continuation; the last `asked` ids are the continuation's."""

    ids: list[int]
    asked: int


@dataclass(frozen=True)
class PaddedTexts:
    """Texts side by side. Padding is on the right, where the causal attention of a real token does not reach.

    The model predicts asked token n, targets[n], at (rows[n], columns[n]), the place of the token before it. Token n
    belongs to text of[n]. The four are [N], text by text.
    """

    input_ids: torch.Tensor
    """[rows, T - 1]: a text's last token is asked for and never read. Texts that differ in it alone may share a row."""
    rows: torch.Tensor
    columns: torch.Tensor
    targets: torch.Tensor
    of: torch.Tensor


def texts_of(tokenizer: PreTrainedTokenizerFast, pairs: Sequence[tuple[str, str]]) -> list[Text]:
    """Returns each (prompt, continuation) as ids. Raises ValueError for a continuation without tokens."""
    prompts = beginnings(tokenizer, [prompt for prompt, _ in pairs])
    endings = continuations(tokenizer, [continuation for _, continuation in pairs])
    for pair, ids in zip(pairs, endings, strict=True):
        if not ids:
            raise ValueError(f"the continuation {pair[1]!r} of {pair[0]!r} has no tokens")
    return [Text([*p, *c], len(c)) for p, c in zip(prompts, endings, strict=True)]


def beginnings(tokenizer: PreTrainedTokenizerFast, prompts: Sequence[str]) -> list[list[int]]:
    """Returns each prompt as ids, after BOS if the tokenizer has one."""
    opening = [] if tokenizer.bos_token_id is None else [tokenizer.bos_token_id]
    return [[*opening, *ids] for ids in encode(tokenizer, prompts)]


def continuations(tokenizer: PreTrainedTokenizerFast, texts: Sequence[str]) -> list[list[int]]:
    """Returns the ids that each text has after another text and a space.

    Our tokenizers give the ids of the text alone. A tokenizer whose pieces hold the space before a word must see that
    space. Raises UserError for a tokenizer that does neither.
    """
    together, alone, after_a_space = encode(tokenizer, ["a a", "a", " a"])
    if together == alone + alone:
        return encode(tokenizer, texts)
    if together == alone + after_a_space:
        return encode(tokenizer, [f" {text}" for text in texts])
    raise UserError("the model's tokenizer does not spell a text word by word: take a model whose tokenizer does")


def pad(texts: Sequence[Text], device: torch.device, row_of: Sequence[int] | None = None) -> PaddedTexts:
    """Returns the texts as one batch on the device, text i in row `row_of[i]`; by default each in a row of its own.

    Rows are numbered from 0, and the texts of a row are alike but for their last token.
    """
    its_row = range(len(texts)) if row_of is None else row_of
    read = [text.ids[:-1] for _, text in sorted(dict(zip(its_row, texts, strict=True)).items())]
    width = max(map(len, read))
    input_ids = torch.tensor([ids + [0] * (width - len(ids)) for ids in read])
    rows = torch.tensor([row for row, text in zip(its_row, texts, strict=True) for _ in range(text.asked)])
    columns = torch.tensor([c for text in texts for c in range(len(text.ids) - text.asked - 1, len(text.ids) - 1)])
    targets = torch.tensor([id_ for text in texts for id_ in text.ids[-text.asked :]])
    of = torch.tensor([number for number, text in enumerate(texts) for _ in range(text.asked)])
    return PaddedTexts(*(tensor.to(device) for tensor in (input_ids, rows, columns, targets, of)))
