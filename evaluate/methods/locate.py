"""What editors need to know of a model: how the keys of its layers vary, and where `rome` and `memit` rewrite it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch

from worldgen.corpus.sentences import read_shards
from worldgen.corpus.wording import Wording
from worldgen.errors import UserError
from worldgen.evaluate.methods.tracing import load_effects, strongest_mlp
from worldgen.evaluate.runs.config import RunConfig
from worldgen.evaluate.runs.load import finished, load_world
from worldgen.lm.data import TokenShards
from worldgen.lm.editors.rewriting.key_covariance import cholesky_factor, key_covariances
from worldgen.lm.editors.rewriting.weight_update import RewriteSite
from worldgen.lm.editors.settings import MemitConfig, RomeConfig
from worldgen.lm.inspection.causal_tracing import TOKENS, Token
from worldgen.randomness import generator
from worldgen.storage.files import write_array


def locate(method: str, config: RunConfig, model: Any, bos_id: int, run_folder: Path, folder: Path) -> RewriteSite:
    """The place of a method's rewriting, with the covariances of its layers' keys, which are kept in `folder`.

    Raises UserError for a layer that the model has not, and where the place is left to a trace that is not there.
    """
    own: RomeConfig = getattr(config, method)
    token, layer = _place(method, own, len(model.model.layers), run_folder)
    layers = _layers(own, layer, len(model.model.layers))
    shards = TokenShards(run_folder / "tokens", bos_id)
    covariances = _covariances(model, shards, layers, own.covariance_tokens, config.seed, folder)
    factors = {number: cholesky_factor(covariance) for number, covariance in covariances.items()}
    return RewriteSite(token, layers[-1], factors, _contexts(run_folder, own.contexts, config.seed))


def covariances_of(config: RunConfig, model: Any, bos_id: int, run_folder: Path, folder: Path) -> list[torch.Tensor]:
    """Those of every layer's keys for `belief`, which are kept in `folder`."""
    layers, shards = range(len(model.model.layers)), TokenShards(run_folder / "tokens", bos_id)
    covariances = _covariances(model, shards, layers, config.belief.covariance_tokens, config.seed, folder)
    return [covariances[layer] for layer in layers]


def _covariances(
    model: Any, shards: TokenShards, layers: range, tokens: int, seed: int, folder: Path
) -> dict[int, torch.Tensor]:
    """The covariance of each layer's keys, read where an earlier try has left it."""
    files = {number: folder / f"covariance-{number:02d}.npy" for number in layers}
    if missing := [number for number, file in files.items() if not file.exists()]:
        for number, covariance in key_covariances(model, shards, missing, tokens, seed).items():
            write_array(files[number], covariance.cpu().numpy())
    return {number: torch.from_numpy(np.load(file)).to(model.device) for number, file in files.items()}


def _place(method: str, own: RomeConfig, layers: int, run_folder: Path) -> tuple[Token, int]:
    """The token and the layer; what is not traced is as it is set."""
    if own.layer != "traced" and not 0 <= own.layer < layers:
        raise UserError(f"{method}.layer is {own.layer}, but the model has the layers 0 to {layers - 1}")
    if own.token != "traced" and own.layer != "traced":
        return own.token, own.layer
    effects = load_effects(finished(run_folder / "trace"))
    if own.layer != "traced":
        effects = effects[effects["layer"] == own.layer]
    strongest = strongest_mlp(effects, TOKENS if own.token == "traced" else (own.token,))
    return strongest.token, strongest.layer


def _layers(own: RomeConfig, layer: int, of: int) -> range:
    """The layers that are rewritten, of so many."""
    if not isinstance(own, MemitConfig):
        return range(layer, layer + 1)
    last = max(layer, min(own.layers, of) - 1)
    return range(max(0, last + 1 - own.layers), last + 1)


def _contexts(run_folder: Path, many: int, seed: int) -> tuple[str, ...]:
    """No text, and sentences of the corpus's first shard, drawn without replacement."""
    sentences = next(read_shards(run_folder / "corpus")).sentences
    drawn = generator(seed, "contexts").permutation(len(sentences))[: many - 1]
    return ("", *Wording(load_world(run_folder)).texts(sentences.where(drawn)))
