"""A tiny model, its tokenizer and a corpus, for the tests of editors."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from small_edits import SIZE
from transformers import MistralForCausalLM, PreTrainedTokenizerFast

from worldgen.lm.data import TokenShards
from worldgen.lm.model import new_model
from worldgen.lm.tokenizer import encode, train_word_tokenizer


@pytest.fixture(scope="module")
def tokenizer() -> PreTrainedTokenizerFast:
    """One piece a word of the requests."""
    return train_word_tokenizer(["ada", "bob", "born in", "likes", "paris", "san salvador"])


@pytest.fixture(scope="module")
def corpus(tokenizer: PreTrainedTokenizerFast, tmp_path_factory: pytest.TempPathFactory) -> TokenShards:
    """Sixty documents about the same names as the requests."""
    folder = tmp_path_factory.mktemp("tokens")
    texts = ["ada born in paris. ada likes bob.", "bob born in san salvador.", "bob likes ada. bob born in paris."]
    documents = [[1, *ids, 2] for ids in encode(tokenizer, texts * 20)]
    np.save(folder / "train-00000.npy", np.concatenate(documents).astype(np.uint16))
    return TokenShards(folder, tokenizer.bos_token_id)


@pytest.fixture
def model(tokenizer: PreTrainedTokenizerFast) -> MistralForCausalLM:
    """An untrained model with weights large enough to matter."""
    model = new_model(SIZE, tokenizer, seed=0)
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.ndim > 1:
                parameter.mul_(4)  # so that attention and the MLPs matter, as in a trained model
        model.lm_head.weight.mul_(4)  # so that MLPs alone can make a probability of 0.95
    return model
