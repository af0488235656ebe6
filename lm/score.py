"""Questions to a model: log probabilities of (prompt, continuation) pairs, and greedy completions.

Any causal model of transformers can be asked; for our own there is a faster way.
A prompt begins a document, after BOS. A continuation is joined to it at a word boundary, with one space.
A model may be several editions at once (`worldgen.lm.editions.Edited`). Then `editions[i]` says which edition reads
the i-th text; without `editions` it is the first one. A batch mixes editions. Equal questions to one edition are asked
once, and texts that differ in their last token alone are read once: "true" and "false" after one prompt.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from transformers import MistralForCausalLM, PreTrainedModel, PreTrainedTokenizerFast

from worldgen.lm.editions import Edited
from worldgen.lm.log_p import log_p_of_texts
from worldgen.lm.model import next_token_logits
from worldgen.lm.texts import Text, beginnings, pad, texts_of

Askable = PreTrainedModel | Edited


def log_probabilities(
    model: Askable,
    tokenizer: PreTrainedTokenizerFast,
    pairs: Sequence[tuple[str, str]],
    batch_tokens: int | None = None,
    editions: Sequence[int] | None = None,
) -> NDArray[np.float64]:
    """Returns log p(continuation | BOS prompt) of each pair, natural logarithm.

    log p = sum over the continuation's tokens t of log p(t | all tokens before it), teacher-forced. For the
    event "exactly this object" the continuation must have the closing full stop ("paris.").
    A batch has at most `batch_tokens` tokens, padding counted, or one text; by default a number that suits the device.
    The longest texts come first, so that a batch that is too large fails at once.
    Raises ValueError for a continuation without tokens.
    """
    edited = _edited(model)
    asked = list(zip(editions or [0] * len(pairs), pairs, strict=True))
    distinct = list(dict.fromkeys(asked))
    texts = texts_of(tokenizer, [(edited.prompt(edition, prompt), said) for edition, (prompt, said) in distinct])
    scores = np.empty(len(distinct))
    read = _read_as_one([edition for edition, _ in distinct], texts)
    lengths = [len(texts[numbers[0]].ids) for numbers in read]
    for members in in_batches(lengths, batch_tokens or suitable_tokens(edited.model)):
        edited.route([distinct[read[member][0]][0] for member in members])
        row_of = [row for row, member in enumerate(members) for _ in read[member]]
        numbers = [number for member in members for number in read[member]]
        batch = pad([texts[number] for number in numbers], edited.model.device, row_of)
        scores[numbers] = log_p_of_texts(edited.model, batch).numpy()
    number = {question: index for index, question in enumerate(distinct)}
    return scores[[number[question] for question in asked]]


def greedy(
    model: Askable,
    tokenizer: PreTrainedTokenizerFast,
    prompts: Sequence[str],
    new_tokens: int,
    batch_tokens: int | None = None,
    editions: Sequence[int] | None = None,
) -> list[list[int]]:
    """Returns `new_tokens` ids after each prompt. Each is the most probable next token; of equals, the lowest id."""
    edited = _edited(model)
    asked = list(zip(editions or [0] * len(prompts), prompts, strict=True))
    distinct = list(dict.fromkeys(asked))
    prompt_ids = beginnings(tokenizer, [edited.prompt(edition, prompt) for edition, prompt in distinct])
    completions: dict[tuple[int, str], list[int]] = {}
    lengths = [len(ids) + new_tokens for ids in prompt_ids]
    for members in in_batches(lengths, batch_tokens or suitable_tokens(edited.model)):
        edited.route([distinct[member][0] for member in members])
        chosen = _greedy_batch(edited.model, [prompt_ids[member] for member in members], new_tokens)
        completions.update(zip([distinct[member] for member in members], chosen, strict=True))
    return [list(completions[question]) for question in asked]


def _read_as_one(editions: Sequence[int], texts: Sequence[Text]) -> list[list[int]]:
    """Returns the numbers of the texts that an edition reads alike: the last token is asked for and not read."""
    found: dict[tuple[int, tuple[int, ...]], list[int]] = {}
    for number, (edition, text) in enumerate(zip(editions, texts, strict=True)):
        found.setdefault((edition, tuple(text.ids[:-1])), []).append(number)
    return list(found.values())


def _edited(model: Askable) -> Edited:
    return model if isinstance(model, Edited) else Edited(model, costs=())


def suitable_tokens(model: PreTrainedModel) -> int:
    """Returns how many tokens suit a batch: few enough for a CPU's cache, or enough to keep a GPU busy."""
    return 2048 if model.device.type == "cpu" else 16384


def in_batches(lengths: Sequence[int], batch_tokens: int) -> Iterator[list[int]]:
    """Yields indices in batches, longest first. Rows times width is at most `batch_tokens`, or there is one row."""
    order = sorted(range(len(lengths)), key=lambda index: -lengths[index])
    start = 0
    while start < len(order):
        rows = max(1, batch_tokens // lengths[order[start]])
        yield order[start : start + rows]
        start += rows


def _greedy_batch(model: PreTrainedModel, prompts: list[list[int]], new_tokens: int) -> list[list[int]]:
    if isinstance(model, MistralForCausalLM):
        return _greedy_with_cache(model, prompts, new_tokens)
    return _greedy_without_cache(model, prompts, new_tokens)


@torch.inference_mode()
def _greedy_with_cache(model: MistralForCausalLM, prompts: list[list[int]], new_tokens: int) -> list[list[int]]:
    """Completes prompts with a cache. Padding is on the left, so that all rows end together.

    A mask hides the padding, and positions start at 0 after it.
    """
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


@torch.inference_mode()
def _greedy_without_cache(model: PreTrainedModel, prompts: list[list[int]], new_tokens: int) -> list[list[int]]:
    """Completes prompts without a cache: for each token the whole text is read again.

    Architectures differ in their caches, masks and positions, so none of these is used.
    """
    texts = [list(ids) for ids in prompts]
    rows = torch.arange(len(texts), device=model.device)
    for _ in range(new_tokens):
        width = max(map(len, texts))
        input_ids = torch.tensor([ids + [0] * (width - len(ids)) for ids in texts], device=model.device)
        ends = torch.tensor([len(ids) - 1 for ids in texts], device=model.device)
        chosen = next_token_logits(model, input_ids, rows, ends).argmax(dim=-1).tolist()
        texts = [[*ids, next_id] for ids, next_id in zip(texts, chosen, strict=True)]
    return [ids[len(prompt) :] for ids, prompt in zip(texts, prompts, strict=True)]
