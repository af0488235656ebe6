"""Where `rome` and `memit` rewrite a model, and the covariances of the keys of its layers, which `belief` needs too."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
import torch

from worldgen.corpus.sentences import read_shards
from worldgen.corpus.wording import Wording
from worldgen.errors import UserError
from worldgen.evaluate.methods.tracing import strongest_mlp
from worldgen.evaluate.methods.workbench import Workbench
from worldgen.lm.data import TokenShards
from worldgen.lm.editors.rewriting.key_covariance import cholesky_factor, key_covariances
from worldgen.lm.editors.rewriting.weight_update import RewriteSite
from worldgen.lm.editors.settings import BeliefMemitConfig, MemitConfig, RewritingConfig, RomeConfig
from worldgen.lm.inspection.causal_tracing import TOKENS, Token
from worldgen.randomness import generator
from worldgen.storage.files import write_array


def locate(method: str, config: RewritingConfig, bench: Workbench) -> RewriteSite:
    """Returns where a method rewrites the model, with the covariances of its layers' keys. They are kept on disk.

    Raises UserError for a layer that the model does not have, and where the place is "traced" and there is no trace.
    """
    of = len(bench.model.model.layers)
    token, layer = _place(method, config, of, bench.effects)
    layers = _layers(config, layer, of)
    factors = {
        number: cholesky_factor(covariance)
        for number, covariance in _covariances(bench, layers, config.covariance_tokens).items()
    }
    return RewriteSite(token, layers[-1], factors, _contexts(bench, config.contexts))


def covariances_of(bench: Workbench, tokens: int) -> list[torch.Tensor]:
    """Returns the covariance of the keys of every layer, taken over `tokens` tokens of the corpus."""
    layers = range(len(bench.model.model.layers))
    covariances = _covariances(bench, layers, tokens)
    return [covariances[layer] for layer in layers]


def _covariances(bench: Workbench, layers: range, tokens: int) -> dict[int, torch.Tensor]:
    """Returns the covariance of the keys of each layer. A file of an earlier try is read instead of computed."""
    files = {number: bench.keeps / f"covariance-{number:02d}.npy" for number in layers}
    if missing := [number for number, file in files.items() if not file.exists()]:
        shards = TokenShards(bench.tokens, bench.tokenizer.bos_token_id)
        for number, covariance in key_covariances(bench.model, shards, missing, tokens, bench.seed).items():
            write_array(files[number], covariance.cpu().numpy())
    return {number: torch.from_numpy(np.load(file)).to(bench.model.device) for number, file in files.items()}


def _place(method: str, config: RewritingConfig, layers: int, traced: Callable[[], pd.DataFrame]) -> tuple[Token, int]:
    """Returns the token and the layer: as set, or of the strongest site of the trace."""
    if config.layer != "traced" and not 0 <= config.layer < layers:
        raise UserError(f"{method}.layer is {config.layer}, but the model has the layers 0 to {layers - 1}")
    token = config.token if isinstance(config, RomeConfig) else "relation"
    if token != "traced" and config.layer != "traced":
        return token, config.layer
    effects = traced()
    if config.layer != "traced":
        effects = effects[effects["layer"] == config.layer]
    strongest = strongest_mlp(effects, TOKENS if token == "traced" else (token,))
    return strongest.token, strongest.layer


def _layers(config: RewritingConfig, layer: int, of: int) -> range:
    """Returns the layers that are rewritten, of `of` layers."""
    if not isinstance(config, MemitConfig | BeliefMemitConfig):
        return range(layer, layer + 1)
    last = max(layer, min(config.layers, of) - 1)
    return range(max(0, last + 1 - config.layers), last + 1)


def _contexts(bench: Workbench, many: int) -> tuple[str, ...]:
    """Returns the empty text, and sentences of the corpus's first shard, drawn without replacement."""
    sentences = next(read_shards(bench.corpus)).sentences
    drawn = generator(bench.seed, "contexts").permutation(len(sentences))[: many - 1]
    return ("", *Wording(bench.world).texts(sentences.where(drawn)))
