"""The only door out of a model: log probabilities of (prompt, continuation) pairs, greedy completions.

A prompt begins a document, BOS first. A continuation is joined at a word boundary, with one space.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from transformers import MistralForCausalLM, PreTrainedTokenizerFast

from lm.model import next_token_logits
from lm.tokenizer import encode


class _Text(NamedTuple):
    """The ids of BOS, prompt and continuation, of which the last `asked` are the continuation's."""

    ids: list[int]
    asked: int


def log_probabilities(
    model: MistralForCausalLM,
    tokenizer: PreTrainedTokenizerFast,
    pairs: Sequence[tuple[str, str]],
    batch_tokens: int = 8192,
) -> NDArray[np.float64]:
    """log p(continuation | BOS prompt) of each pair, natural logarithm.

    log p = sum over the continuation's tokens t of log p(t | all tokens before it), teacher-forced. For the
    event "exactly this object", the caller's continuation has the closing full stop ("paris.").
    A batch has at most `batch_tokens` tokens, padding counted (or one text); the longest come first, so that
    too large a batch shows at once. Equal pairs are scored once.
    Raises ValueError for a continuation without tokens.
    """
    distinct = list(dict.fromkeys(pairs))
    texts = _texts(tokenizer, distinct)
    scores = np.empty(len(distinct))
    for members in _batches([len(text.ids) for text in texts], batch_tokens):
        scores[members] = _batch_log_probabilities(model, [texts[member] for member in members])
    number = {pair: index for index, pair in enumerate(distinct)}
    return scores[[number[pair] for pair in pairs]]


def greedy(
    model: MistralForCausalLM,
    tokenizer: PreTrainedTokenizerFast,
    prompts: Sequence[str],
    new_tokens: int,
    batch_tokens: int = 8192,
) -> list[list[int]]:
    """The `new_tokens` ids after each prompt, each the most probable next one (the lowest id of several)."""
    prompt_ids = [[tokenizer.bos_token_id, *ids] for ids in encode(tokenizer, prompts)]
    completions: list[list[int]] = [[] for _ in prompts]
    for members in _batches([len(ids) + new_tokens for ids in prompt_ids], batch_tokens):
        chosen = _batch_greedy(model, [prompt_ids[member] for member in members], new_tokens)
        for member, ids in zip(members, chosen, strict=True):
            completions[member] = ids
    return completions


def _texts(tokenizer: PreTrainedTokenizerFast, pairs: Sequence[tuple[str, str]]) -> list[_Text]:
    prompts = encode(tokenizer, [prompt for prompt, _ in pairs])
    continuations = encode(tokenizer, [continuation for _, continuation in pairs])
    for pair, ids in zip(pairs, continuations, strict=True):
        if not ids:
            raise ValueError(f"the continuation {pair[1]!r} of {pair[0]!r} has no tokens")
    bos = tokenizer.bos_token_id
    return [_Text([bos, *p, *c], len(c)) for p, c in zip(prompts, continuations, strict=True)]


def _batches(lengths: Sequence[int], batch_tokens: int) -> Iterator[list[int]]:
    """Indices in batches, longest first; rows times width is at most `batch_tokens`, or there is one row."""
    order = sorted(range(len(lengths)), key=lambda index: -lengths[index])
    start = 0
    while start < len(order):
        rows = max(1, batch_tokens // lengths[order[start]])
        yield order[start : start + rows]
        start += rows


@torch.inference_mode()
def _batch_log_probabilities(model: MistralForCausalLM, texts: list[_Text]) -> NDArray[np.float64]:
    """Padding is on the right, where no real token's causal attention reaches it."""
    device = model.lm_head.weight.device
    input_ids = torch.zeros(len(texts), max(len(text.ids) for text in texts), dtype=torch.long)
    for row, text in enumerate(texts):
        input_ids[row, : len(text.ids)] = torch.tensor(text.ids)
    rows = torch.tensor([row for row, text in enumerate(texts) for _ in range(text.asked)])
    columns = torch.tensor([c for text in texts for c in range(len(text.ids) - text.asked - 1, len(text.ids) - 1)])
    targets = input_ids[rows, columns + 1].to(device)
    logits = next_token_logits(model, input_ids.to(device), rows.to(device), columns.to(device))
    token_scores = torch.log_softmax(logits.float(), dim=-1).gather(1, targets[:, None])[:, 0]
    sums = torch.zeros(len(texts), dtype=torch.float64)
    return sums.index_add_(0, rows, token_scores.double().cpu()).numpy()


@torch.inference_mode()
def _batch_greedy(model: MistralForCausalLM, prompts: list[list[int]], new_tokens: int) -> list[list[int]]:
    """Padding is on the left, so that all rows end together; a mask hides it, positions start after it."""
    device = model.lm_head.weight.device
    width = max(map(len, prompts))
    padding = torch.tensor([width - len(ids) for ids in prompts], device=device)[:, None]
    step = torch.tensor([[0] * (width - len(ids)) + ids for ids in prompts], device=device)
    mask = torch.arange(width, device=device) >= padding
    positions = (torch.arange(width, device=device) - padding).clamp(min=0)
    chosen, cache = [], None
    for _ in range(new_tokens):
        output = model(
            input_ids=step,
            attention_mask=mask,
            position_ids=positions,
            past_key_values=cache,
            use_cache=True,
            logits_to_keep=1,
        )
        step, cache = output.logits[:, -1].argmax(dim=-1, keepdim=True), output.past_key_values
        mask = torch.cat([mask, torch.ones_like(mask[:, :1])], dim=1)
        positions = positions[:, -1:] + 1
        chosen.append(step)
    return torch.cat(chosen, dim=1).tolist() if chosen else [[] for _ in prompts]
