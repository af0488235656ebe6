"""Small random causal models of transformers' architectures, in float64, and tokenizers of the usual kinds.

In float64 the rounding of a batch is far below any difference between two tokens, so that greedy texts are equal.
"""

from __future__ import annotations

from functools import cache
from typing import Any, Literal

import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import (
    GPT2Config,
    GPT2LMHeadModel,
    GPTNeoXConfig,
    GPTNeoXForCausalLM,
    LlamaConfig,
    LlamaForCausalLM,
    MistralConfig,
    MistralForCausalLM,
    PreTrainedModel,
    PreTrainedTokenizerFast,
)

Architecture = Literal["gpt2", "neox", "llama", "mistral"]
Kind = Literal["bytes", "pieces", "metaspace"]
ARCHITECTURES: tuple[Architecture, ...] = ("gpt2", "neox", "llama", "mistral")
KINDS: tuple[Kind, ...] = ("bytes", "pieces", "metaspace")
POSITIONS = 160
END = "<|end|>"

TEXTS = ['"ada was born in Oxwell" is true.', '"bob was born in York" is false.', "the end of Mt. Ox is it."] * 4


@cache
def tokenizer_of(kind: Kind, bos: bool) -> PreTrainedTokenizerFast:
    """Returns a tokenizer: single bytes, GPT-2's byte pieces, or SentencePiece's pieces; with or without BOS."""
    tokenizer = Tokenizer(models.BPE())
    if kind == "metaspace":
        tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="always")
        tokenizer.decoder = decoders.Metaspace(prepend_scheme="always")
        alphabet = [*map(chr, range(33, 127)), "▁"]
    else:
        tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
        tokenizer.decoder = decoders.ByteLevel()
        alphabet = pre_tokenizers.ByteLevel.alphabet()
    special = [END, *(["<s>"] if bos else [])]
    size = len(alphabet) + len(special) + (0 if kind == "bytes" else 90)
    trainer = trainers.BpeTrainer(
        vocab_size=size, special_tokens=special, initial_alphabet=alphabet, show_progress=False
    )
    tokenizer.train_from_iterator(TEXTS, trainer)
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, bos_token="<s>" if bos else None, eos_token=END, pad_token=END
    )


@cache
def model_of(architecture: Architecture, vocabulary: int) -> PreTrainedModel:
    """Returns a model with random weights, large enough for its predictions to differ from prompt to prompt."""
    sizes: dict[str, Any] = {
        "vocab_size": vocabulary, "hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4,
        "initializer_range": 0.4, "max_position_embeddings": POSITIONS, "bos_token_id": None, "eos_token_id": 0,
    }  # fmt: skip
    gated = sizes | {"intermediate_size": 48, "num_key_value_heads": 2, "pad_token_id": None}
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        if architecture == "gpt2":
            config = GPT2Config(
                vocab_size=vocabulary, n_embd=32, n_layer=2, n_head=4, n_positions=POSITIONS, initializer_range=0.4,
                bos_token_id=None, eos_token_id=0,
            )  # fmt: skip
            model: PreTrainedModel = GPT2LMHeadModel(config)
        elif architecture == "neox":
            model = GPTNeoXForCausalLM(GPTNeoXConfig(**sizes, intermediate_size=64, use_parallel_residual=True))
        elif architecture == "llama":
            model = LlamaForCausalLM(LlamaConfig(**gated))
        else:
            model = MistralForCausalLM(MistralConfig(**gated, sliding_window=None))
    return model.double().eval()


def ids_of(tokenizer: PreTrainedTokenizerFast, text: str) -> list[int]:
    """Returns the ids of a text by transformers' own call, after BOS if the tokenizer has one."""
    bos = [] if tokenizer.bos_token_id is None else [tokenizer.bos_token_id]
    return [*bos, *tokenizer(text, add_special_tokens=False)["input_ids"]]


@torch.inference_mode()
def log_p_alone(model: PreTrainedModel, tokenizer: PreTrainedTokenizerFast, prompt: str, said: str) -> float:
    """Returns log p(said | prompt) of one text by one forward pass, without padding or batch."""
    before, whole = ids_of(tokenizer, prompt), ids_of(tokenizer, f"{prompt} {said}")
    assert whole[: len(before)] == before
    shares = torch.log_softmax(model(input_ids=torch.tensor([whole])).logits[0].double(), -1)
    return sum(shares[i - 1, whole[i]].item() for i in range(len(before), len(whole)))


def generated_alone(model: PreTrainedModel, tokenizer: PreTrainedTokenizerFast, prompt: str, new_tokens: int) -> str:
    """Returns the greedy continuation of one prompt by transformers' own `generate`, up to EOS."""
    start = torch.tensor([ids_of(tokenizer, prompt)])
    end = tokenizer.eos_token_id
    settings = {"max_new_tokens": new_tokens, "do_sample": False, "eos_token_id": end, "pad_token_id": end}
    whole = model.generate(input_ids=start, attention_mask=torch.ones_like(start), **settings)  # type: ignore[operator]
    return str(tokenizer.decode(whole[0, start.shape[1] :], skip_special_tokens=True))
