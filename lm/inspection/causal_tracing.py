"""Causal tracing (Meng et al., 2022, section 2.1): which states of a model carry the answer to a question.

Noise is added to the subject's embeddings. Then one site is restored: it gets the state that it has without the noise.
The site's indirect effect is the rise in the probability of the answer.
Shapes: B questions, T tokens of the longest question, D draws of noise, H hidden size.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import Literal, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import Module
from transformers import MistralForCausalLM, PreTrainedTokenizerFast

from worldgen.lm.inspection.hooks import Change, hooked
from worldgen.lm.log_p import log_p_of_texts
from worldgen.lm.texts import PaddedTexts, pad, texts_of
from worldgen.lm.tokenizer import encode

Token = Literal["subject", "relation"]
Kind = Literal["state", "mlp", "attention"]
TOKENS: tuple[Token, ...] = ("subject", "relation")
KINDS: tuple[Kind, ...] = ("state", "mlp", "attention")


class TracedQuestion(NamedTuple):
    """A question that is traced: a prompt and the answer whose probability is measured."""

    subject: str
    """The prompt's beginning, to which noise is added."""
    prompt: str
    """It reads "subject relation"."""
    target: str
    seed: int
    """The seed of the noise."""


class Site(NamedTuple):
    """A place in the model: at one token, a layer's output or the contribution of the layer's MLP or attention."""

    token: Token
    """The last token of the subject, or the last token of the relation, which ends the prompt."""
    kind: Kind
    layer: int


class Trace(NamedTuple):
    """p(target | prompt) of each question [B], in three ways; means over the draws if there is noise."""

    clean: NDArray[np.float64]
    """Without noise."""
    corrupted: NDArray[np.float64]
    """With noise on the subject."""
    restored: dict[Site, NDArray[np.float64]]
    """With noise on the subject and this site restored."""


def sites_of(layers: int) -> list[Site]:
    """Returns every site of a model with this number of layers."""
    return [Site(token, kind, layer) for token in TOKENS for kind in KINDS for layer in range(layers)]


def embedding_deviation(
    model: MistralForCausalLM, tokenizer: PreTrainedTokenizerFast, subjects: Sequence[str]
) -> float:
    """Returns the standard deviation of all the numbers in the embeddings of the subjects' tokens."""
    ids = [id_ for spelled in encode(tokenizer, subjects) for id_ in spelled]
    return float(model.model.embed_tokens.weight.detach()[ids].std())


@torch.inference_mode()
def trace(
    model: MistralForCausalLM, tokenizer: PreTrainedTokenizerFast, questions: Sequence[TracedQuestion], noise: float,
    draws: int, window: int,
) -> Trace:  # fmt: skip
    """Traces B questions as one batch, each under `draws` draws of noise.

    The noise on a subject's embeddings is normal with standard deviation `noise`. An MLP or an attention is restored
    in `window` layers around the site's layer at once, a layer's output in this layer alone.
    """
    batch, columns = _read(model, tokenizer, questions)
    clean: dict[Site, torch.Tensor] = {}
    with _recorded(model, columns, clean):
        without_noise = _probabilities(model, batch)
    many, added = _repeated(batch, draws), _noise(model, tokenizer, questions, batch, noise, draws)
    with hooked(model.model.embed_tokens, lambda embedded: embedded + added):
        corrupted = _mean(_probabilities(model, many), draws)
        restored = {}
        for site in sites_of(len(model.model.layers)):
            with _restored_site(model, site, 1 if site.kind == "state" else window, clean, columns, draws):
                restored[site] = _mean(_probabilities(model, many), draws)
    return Trace(without_noise, corrupted, restored)


def _read(
    model: MistralForCausalLM, tokenizer: PreTrainedTokenizerFast, questions: Sequence[TracedQuestion]
) -> tuple[PaddedTexts, dict[Token, torch.Tensor]]:
    """Returns the questions with their answers as a batch, and the columns of the tokens of sites, [B] each."""
    device = model.lm_head.weight.device
    lengths = {
        "subject": [len(ids) for ids in encode(tokenizer, [question.subject for question in questions])],
        "relation": [len(ids) for ids in encode(tokenizer, [question.prompt for question in questions])],
    }
    columns: dict[Token, torch.Tensor] = {token: torch.tensor(lengths[token], device=device) for token in TOKENS}
    return pad(texts_of(tokenizer, [(question.prompt, question.target) for question in questions]), device), columns


def _noise(
    model: MistralForCausalLM, tokenizer: PreTrainedTokenizerFast, questions: Sequence[TracedQuestion],
    batch: PaddedTexts, noise: float, draws: int,
) -> torch.Tensor:  # fmt: skip
    """Returns noise at the tokens of each subject and zero elsewhere, [D B, T, H].

    It is drawn on the CPU, by each question's own seed.
    """
    B, T = batch.input_ids.shape
    drawn = torch.zeros(draws, B, T, model.config.hidden_size)
    subjects = encode(tokenizer, [question.subject for question in questions])
    for number, (question, ids) in enumerate(zip(questions, subjects, strict=True)):
        generator = torch.Generator().manual_seed(question.seed)
        columns = slice(1, 1 + len(ids))  # BOS is column 0
        drawn[:, number, columns] = noise * torch.randn(draws, len(ids), model.config.hidden_size, generator=generator)
    return drawn.flatten(0, 1).to(model.model.embed_tokens.weight)


def _probabilities(model: MistralForCausalLM, batch: PaddedTexts) -> NDArray[np.float64]:
    """Returns the probability of each text's asked tokens together."""
    return log_p_of_texts(model, batch).exp().numpy()


def _repeated(batch: PaddedTexts, draws: int) -> PaddedTexts:
    """Returns the batch `draws` times over: text b of draw d is row d B + b."""
    B = len(batch.input_ids)
    rows = torch.cat([batch.rows + draw * B for draw in range(draws)])
    return PaddedTexts(
        batch.input_ids.repeat(draws, 1), rows, batch.columns.repeat(draws), batch.targets.repeat(draws), rows
    )


def _mean(probabilities: NDArray[np.float64], draws: int) -> NDArray[np.float64]:
    return probabilities.reshape(draws, -1).mean(axis=0)


def _module(model: MistralForCausalLM, kind: Kind, layer: int) -> Module:
    whole = model.model.layers[layer]
    return {"state": whole, "mlp": whole.mlp, "attention": whole.self_attn}[kind]


@contextmanager
def _recorded(
    model: MistralForCausalLM, columns: dict[Token, torch.Tensor], into: dict[Site, torch.Tensor]
) -> Iterator[None]:
    """Notes the state of every site [B, H] in the next pass."""

    def noting(site: Site) -> Change:
        def note(output: torch.Tensor) -> torch.Tensor:
            into[site] = output[torch.arange(len(output)), columns[site.token]].clone()
            return output

        return note

    with ExitStack() as hooks:
        for site in sites_of(len(model.model.layers)):
            hooks.enter_context(hooked(_module(model, site.kind, site.layer), noting(site)))
        yield


@contextmanager
def _restored_site(
    model: MistralForCausalLM, site: Site, window: int, clean: dict[Site, torch.Tensor],
    columns: dict[Token, torch.Tensor], draws: int,
) -> Iterator[None]:  # fmt: skip
    """Gives the site, in a window of layers around its own, the states that it has without the noise, in every draw."""
    column = columns[site.token].repeat(draws)

    def putting(states: torch.Tensor) -> Change:
        def put(output: torch.Tensor) -> torch.Tensor:
            output = output.clone()
            output[torch.arange(len(output)), column] = states.repeat(draws, 1)
            return output

        return put

    first = site.layer - window // 2
    with ExitStack() as hooks:
        for layer in range(max(0, first), min(len(model.model.layers), first + window)):
            states = clean[site._replace(layer=layer)]
            hooks.enter_context(hooked(_module(model, site.kind, layer), putting(states)))
        yield
