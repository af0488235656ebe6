"""A small trained model and sites in it, for the tests of ROME and MEMIT."""

from __future__ import annotations

import copy
import itertools
from collections.abc import Callable

import numpy as np
import pytest
import torch
from rewritten_facts import CONTEXTS, SIZE

from worldgen.lm.data import TokenShards
from worldgen.lm.editors.rewriting.key_covariance import cholesky_factor, key_covariances
from worldgen.lm.editors.rewriting.weight_update import RewriteSite
from worldgen.lm.editors.target_loss import mean_loss
from worldgen.lm.inspection.causal_tracing import Token
from worldgen.lm.log_p import log_p_of_tokens
from worldgen.lm.model import new_model
from worldgen.lm.texts import pad, texts_of
from worldgen.lm.tokenizer import train_word_tokenizer


@pytest.fixture(scope="module")
def tokenizer():
    return train_word_tokenizer(["ada byron", "bob", "born in", "job", "paris", "baker", "san salvador"])


@pytest.fixture(scope="module")
def trained(tokenizer):
    """A model that has learned the language: any object may follow either relation, whoever the subject is."""
    model = new_model(SIZE, tokenizer, seed=0)
    facts = itertools.product(("ada byron", "bob"), ("born in", "job"), ("paris", "baker", "san salvador"))
    said = [f"{s} {r} {o}." for s, r, o in facts]
    documents = [*said, *(f"{context} {text}" for context in CONTEXTS[1:] for text in said)]
    batch = pad(texts_of(tokenizer, [("", text) for text in documents]), model.device)
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-2)
    for _ in range(60):
        optimizer.zero_grad()
        loss = mean_loss(log_p_of_tokens(model, batch), batch)
        loss.backward()
        optimizer.step()
    optimizer.zero_grad(set_to_none=True)
    return model


@pytest.fixture
def model(trained):
    return copy.deepcopy(trained)


@pytest.fixture(scope="module")
def shards(tmp_path_factory, tokenizer):
    folder, rng = tmp_path_factory.mktemp("tokens"), np.random.default_rng(0)
    documents = [[1, *rng.integers(3, len(tokenizer), 8), 2] for _ in range(60)]
    np.save(folder / "train-00000.npy", np.concatenate(documents).astype(np.uint16))
    return TokenShards(folder, tokenizer.bos_token_id)


@pytest.fixture
def site_of(model, shards) -> Callable[..., RewriteSite]:
    """Makes a site from a token, the layers and the contexts, with the covariances of the model's keys."""

    def site(token: Token, layers: list[int], contexts: tuple[str, ...] = CONTEXTS) -> RewriteSite:
        covariances = key_covariances(model, shards, layers, 10**6, seed=0)
        return RewriteSite(token, layers[-1], {layer: cholesky_factor(C) for layer, C in covariances.items()}, contexts)

    return site
