"""worldgen.lm.any_causal_model: other people's models and tokenizers are scored and completed as they define it."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import (
    Gemma2Config,
    Gemma2ForCausalLM,
    GPT2Config,
    GPT2LMHeadModel,
    LlamaConfig,
    LlamaForCausalLM,
    PreTrainedModel,
    PreTrainedTokenizerFast,
)

from worldgen.errors import UserError
from worldgen.lm.any_causal_model import load_causal
from worldgen.lm.model import new_model
from worldgen.lm.score import _greedy_without_cache, greedy, log_probabilities
from worldgen.lm.settings import PretrainConfig
from worldgen.lm.texts import continuations
from worldgen.lm.tokenizer import encode, load_mistral_tokenizer, train_word_tokenizer

TEXTS = ["ada lovelace born in san salvador.", "bob born in paris.", '"ada born in paris" is true.'] * 3
PAIRS = [
    ("ada born in", "paris."),
    ("ada lovelace born in", "san salvador."),
    ('"ada born in paris" is', "true"),
    ("bob born in", "paris."),
]
ROUNDING = 1e-4  # float32 sums in another order


def byte_level(bos: str | None) -> PreTrainedTokenizerFast:
    """A tokenizer like GPT-2's, whose pieces hold the space before a word; its file asks for padding."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=320, special_tokens=["<|end|>"], initial_alphabet=pre_tokenizers.ByteLevel.alphabet()
    )
    tokenizer.train_from_iterator(TEXTS, trainer)
    tokenizer.enable_padding(length=40)
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, bos_token=bos, eos_token="<|end|>")


def small(kind: str, vocabulary: int) -> PreTrainedModel:
    torch.manual_seed(0)
    if kind == "gpt2":
        return GPT2LMHeadModel(
            GPT2Config(vocab_size=vocabulary, n_embd=32, n_layer=2, n_head=2, n_positions=64, initializer_range=0.3)
        )
    sizes: dict[str, Any] = {
        "vocab_size": vocabulary, "hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2,
        "num_attention_heads": 2, "num_key_value_heads": 2, "initializer_range": 0.3, "pad_token_id": None,
    }  # fmt: skip
    if kind == "llama":
        return LlamaForCausalLM(LlamaConfig(**sizes))
    # It caps its logits behind its head, at 1.5 here, where it shows.
    return Gemma2ForCausalLM(Gemma2Config(**sizes, head_dim=16, final_logit_softcapping=1.5))


@pytest.fixture(
    scope="module", params=[("gpt2", "<|end|>"), ("llama", None), ("gemma2", "<|end|>")], ids=lambda p: p[0]
)
def saved(request, tmp_path_factory) -> Path:
    kind, bos = request.param
    folder = tmp_path_factory.mktemp(kind)
    tokenizer = byte_level(bos)
    tokenizer.save_pretrained(folder)
    small(kind, len(tokenizer)).save_pretrained(folder)
    return folder


def ids_of(tokenizer: PreTrainedTokenizerFast, text: str) -> list[int]:
    """Returns the ids by transformers' own call, after BOS if the tokenizer has one."""
    bos = [] if tokenizer.bos_token_id is None else [tokenizer.bos_token_id]
    return [*bos, *tokenizer(text, add_special_tokens=False)["input_ids"]]


def test_scores_are_the_models_own(saved):
    model, tokenizer = load_causal(str(saved), "cpu")
    for (prompt, said), score in zip(PAIRS, log_probabilities(model, tokenizer, PAIRS), strict=True):
        before, whole = ids_of(tokenizer, prompt), ids_of(tokenizer, f"{prompt} {said}")
        assert whole[: len(before)] == before
        with torch.no_grad():
            shares = torch.log_softmax(model(input_ids=torch.tensor([whole])).logits[0].double(), -1)
        total = sum(shares[i - 1, whole[i]].item() for i in range(len(before), len(whole)))
        assert score == pytest.approx(total, rel=ROUNDING)


def test_greedy_is_the_models_own_generation(saved):
    model, tokenizer = load_causal(str(saved), "cpu")
    prompts = [prompt for prompt, _ in PAIRS]
    for prompt, ids in zip(prompts, greedy(model, tokenizer, prompts, 5), strict=True):
        start = torch.tensor([ids_of(tokenizer, prompt)])
        generated = model.generate(
            input_ids=start, attention_mask=torch.ones_like(start), max_new_tokens=5, do_sample=False, eos_token_id=None
        )
        assert ids == generated[0, start.shape[1] :].tolist()


def test_completion_with_a_cache_equals_completion_without():
    tokenizer = train_word_tokenizer(["ada", "bob", "born in", "paris"])
    model = new_model(PretrainConfig(hidden=32, intermediate=64, layers=2, heads=4, kv_heads=4), tokenizer, 0).eval()
    with torch.no_grad():
        model.lm_head.weight.mul_(20)
    prompts = ["ada born in", "bob", "ada ada born in"]
    ids = [[1, *spelled] for spelled in encode(tokenizer, prompts)]
    assert greedy(model, tokenizer, prompts, 4) == _greedy_without_cache(model, ids, 4)


@pytest.mark.parametrize(
    "make", [load_mistral_tokenizer, lambda: train_word_tokenizer(TEXTS), lambda: byte_level(None)]
)
def test_continuations_have_the_last_ids_of_the_whole_text(make):
    tokenizer = make()
    tokenizer.backend_tokenizer.no_padding()
    prompts, said = zip(*PAIRS, strict=True)
    for prompt, whole, ends in zip(
        encode(tokenizer, prompts),
        encode(tokenizer, [f"{p} {s}" for p, s in PAIRS]),
        continuations(tokenizer, said),
        strict=True,
    ):
        assert whole == prompt + ends


def test_a_tokenizer_that_does_not_keep_words_apart_is_refused():
    tokenizer = Tokenizer(models.BPE({"a": 0, " ": 1, "a ": 2, "a a": 3}, [("a", " "), ("a ", "a")]))
    with pytest.raises(UserError, match="word by word"):
        continuations(PreTrainedTokenizerFast(tokenizer_object=tokenizer), ["a"])


def test_a_folder_without_a_model_is_refused(tmp_path):
    with pytest.raises(UserError, match="holds no causal language model that transformers can load") as refusal:
        load_causal(str(tmp_path), "cpu")
    assert "\n" not in str(refusal.value)


@pytest.mark.parametrize(
    ("fault", "message"),
    [
        ("a tensor is missing", "there are no weights for its"),
        ("a tensor too many", r"holds weights that are not of its model \(score.weight\)"),
        ("not a number", "not all of its .* are numbers"),
        ("another's tokenizer", "has 9,999 tokens and the model .*: it is another model's"),
        ("cut", "holds no causal language model that transformers can load"),
        ("pickled", "holds no causal language model that transformers can load"),
    ],
)
def test_a_damaged_model_is_refused_in_one_line(saved, tmp_path, fault, message):
    folder = shutil.copytree(saved, tmp_path / "model")
    file = folder / "model.safetensors"
    tensors = load_file(file)
    name = next(name for name, tensor in tensors.items() if tensor.ndim == 2 and "embed" not in name and "w" in name)
    match fault:
        case "a tensor is missing":
            del tensors[name]
        case "a tensor too many":
            tensors["score.weight"] = torch.zeros(2, 2)
        case "not a number":
            tensors[name][0, 0] = float("nan")
        case "another's tokenizer":
            whole = load_causal(str(saved), "cpu")[1]
            whole.add_tokens([f"<{n}>" for n in range(9_999 - len(whole))])
            whole.save_pretrained(folder)
    save_file(tensors, file, metadata={"format": "pt"})
    if fault == "cut":
        file.write_bytes(file.read_bytes()[:-100])
    if fault == "pickled":
        file.unlink()
        torch.save(tensors, folder / "pytorch_model.bin")
    with pytest.raises(UserError, match=message) as refusal:
        load_causal(str(folder), "cpu")
    assert "\n" not in str(refusal.value)


def test_the_models_differ(saved):
    """If their scores were all alike, the comparisons above could not fail."""
    model, tokenizer = load_causal(str(saved), "cpu")
    assert np.ptp(log_probabilities(model, tokenizer, PAIRS)) > 1
