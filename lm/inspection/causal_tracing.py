"""Causal tracing (Meng et al., 2022, section 2.1): which states of a model carry the answer.

The subject's embeddings are corrupted with noise; then one site is put back to what it was without the noise, and
the probability of the answer that comes back with it is the site's indirect effect.
Shapes: B questions, T tokens of the longest, D draws of noise, H hidden size.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any, Literal, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import Module
from transformers import MistralForCausalLM, PreTrainedTokenizerFast

from worldgen.lm.log_p import log_p_of_texts
from worldgen.lm.texts import PaddedTexts, pad, texts_of
from worldgen.lm.tokenizer import encode

Token = Literal["subject", "relation"]
Kind = Literal["state", "mlp", "attention"]
TOKENS: tuple[Token, ...] = ("subject", "relation")
KINDS: tuple[Kind, ...] = ("state", "mlp", "attention")


class Question(NamedTuple):
    """A prompt "subject relation" that begins with `subject`, the answer that is traced, and the seed of the noise."""

    subject: str
    prompt: str
    target: str
    seed: int


class Site(NamedTuple):
    """A place in the model: the state after a layer, or what the layer's MLP or attention adds to it, at one token.

    The token is the last of the subject, or the last of the relation, which is the prompt's.
    """

    token: Token
    kind: Kind
    layer: int


class Trace(NamedTuple):
    """p(target | prompt) of each question [B]: as it is, with noise on the subject, and with each site put back.

    The last two are means over the draws of noise.
    """

    clean: NDArray[np.float64]
    corrupted: NDArray[np.float64]
    restored: dict[Site, NDArray[np.float64]]


def sites_of(layers: int) -> list[Site]:
    """Every site of a model with so many layers."""
    return [Site(token, kind, layer) for token in TOKENS for kind in KINDS for layer in range(layers)]


def embedding_deviation(
    model: MistralForCausalLM, tokenizer: PreTrainedTokenizerFast, subjects: Sequence[str]
) -> float:
    """The standard deviation of all the numbers in the embeddings of the subjects' tokens."""
    ids = [id_ for spelled in encode(tokenizer, subjects) for id_ in spelled]
    return float(model.model.embed_tokens.weight.detach()[ids].std())


@torch.inference_mode()
def trace(
    model: MistralForCausalLM, tokenizer: PreTrainedTokenizerFast, questions: Sequence[Question], noise: float,
    draws: int, window: int,
) -> Trace:  # fmt: skip
    """Trace some questions, as one batch of B questions, each under `draws` draws of noise.

    The noise on a subject's embeddings is normal, with the standard deviation `noise`. What an MLP or an attention
    adds is put back in `window` layers around the site's at once, a state in its own layer alone.
    """
    batch, columns = _read(model, tokenizer, questions)
    clean: dict[Site, torch.Tensor] = {}
    with _recorded(model, columns, clean):
        unharmed = _probabilities(model, batch)
    many, harm = _repeated(batch, draws), _noise(model, tokenizer, questions, batch, noise, draws)
    with _hooked(model.model.embed_tokens, lambda embedded: embedded + harm):
        corrupted = _mean(_probabilities(model, many), draws)
        restored = {}
        for site in sites_of(len(model.model.layers)):
            with _put_back(model, site, 1 if site.kind == "state" else window, clean, columns, draws):
                restored[site] = _mean(_probabilities(model, many), draws)
    return Trace(unharmed, corrupted, restored)


def _read(
    model: MistralForCausalLM, tokenizer: PreTrainedTokenizerFast, questions: Sequence[Question]
) -> tuple[PaddedTexts, dict[Token, torch.Tensor]]:
    """The questions with their answers, and the column of each one's subject's and relation's last token [B]."""
    device = model.lm_head.weight.device
    lengths = {
        "subject": [len(ids) for ids in encode(tokenizer, [question.subject for question in questions])],
        "relation": [len(ids) for ids in encode(tokenizer, [question.prompt for question in questions])],
    }
    columns: dict[Token, torch.Tensor] = {token: torch.tensor(lengths[token], device=device) for token in TOKENS}
    return pad(texts_of(tokenizer, [(question.prompt, question.target) for question in questions]), device), columns


def _noise(
    model: MistralForCausalLM, tokenizer: PreTrainedTokenizerFast, questions: Sequence[Question],
    batch: PaddedTexts, noise: float, draws: int,
) -> torch.Tensor:  # fmt: skip
    """[D B, T, H]: noise at the tokens of each subject, zero elsewhere; drawn on the CPU, each question's by itself."""
    B, T = batch.input_ids.shape
    drawn = torch.zeros(draws, B, T, model.config.hidden_size)
    subjects = encode(tokenizer, [question.subject for question in questions])
    for number, (question, ids) in enumerate(zip(questions, subjects, strict=True)):
        generator = torch.Generator().manual_seed(question.seed)
        harmed = slice(1, 1 + len(ids))  # BOS is column 0
        drawn[:, number, harmed] = noise * torch.randn(draws, len(ids), model.config.hidden_size, generator=generator)
    return drawn.flatten(0, 1).to(model.model.embed_tokens.weight)


def _probabilities(model: MistralForCausalLM, batch: PaddedTexts) -> NDArray[np.float64]:
    """The product over each text's asked tokens."""
    return log_p_of_texts(model, batch).exp().numpy()


def _repeated(batch: PaddedTexts, draws: int) -> PaddedTexts:
    """The batch `draws` times over: text b of draw d is row d B + b."""
    B = len(batch.input_ids)
    rows = torch.cat([batch.rows + draw * B for draw in range(draws)])
    return PaddedTexts(batch.input_ids.repeat(draws, 1), rows, batch.columns.repeat(draws), batch.targets.repeat(draws))


def _mean(probabilities: NDArray[np.float64], draws: int) -> NDArray[np.float64]:
    return probabilities.reshape(draws, -1).mean(axis=0)


def _module(model: MistralForCausalLM, kind: Kind, layer: int) -> Module:
    whole = model.model.layers[layer]
    return {"state": whole, "mlp": whole.mlp, "attention": whole.self_attn}[kind]


@contextmanager
def _recorded(
    model: MistralForCausalLM, columns: dict[Token, torch.Tensor], into: dict[Site, torch.Tensor]
) -> Iterator[None]:
    """Note what every site holds [B, H] in the coming pass."""

    def noting(site: Site) -> Any:
        def note(output: torch.Tensor) -> torch.Tensor:
            into[site] = output[torch.arange(len(output)), columns[site.token]].clone()
            return output

        return note

    with ExitStack() as hooks:
        for site in sites_of(len(model.model.layers)):
            hooks.enter_context(_hooked(_module(model, site.kind, site.layer), noting(site)))
        yield


@contextmanager
def _put_back(
    model: MistralForCausalLM, site: Site, window: int, clean: dict[Site, torch.Tensor],
    columns: dict[Token, torch.Tensor], draws: int,
) -> Iterator[None]:  # fmt: skip
    """The site, in a window of layers around its own, holds in every draw what it held without the noise."""
    column = columns[site.token].repeat(draws)

    def putting(states: torch.Tensor) -> Any:
        def put(output: torch.Tensor) -> torch.Tensor:
            output = output.clone()
            output[torch.arange(len(output)), column] = states.repeat(draws, 1)
            return output

        return put

    first = site.layer - window // 2
    with ExitStack() as hooks:
        for layer in range(max(0, first), min(len(model.model.layers), first + window)):
            states = clean[site._replace(layer=layer)]
            hooks.enter_context(_hooked(_module(model, site.kind, layer), putting(states)))
        yield


@contextmanager
def _hooked(module: Module, change: Any) -> Iterator[None]:
    """The module's output (the first of several) is what `change` makes of it."""

    def hook(_: Module, __: Any, output: Any) -> Any:
        return (change(output[0]), *output[1:]) if isinstance(output, tuple) else change(output)

    handle = module.register_forward_hook(hook)
    try:
        yield
    finally:
        handle.remove()
