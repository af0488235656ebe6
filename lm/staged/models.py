"""The GPT-NeoX of a config, untrained: Pythia's architecture at any size."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from transformers import GPTNeoXConfig, GPTNeoXForCausalLM

from worldgen.errors import UserError


@dataclass(frozen=True)
class Shape:
    """The sizes of a GPT-NeoX."""

    hidden: int
    intermediate: int
    layers: int
    heads: int


def new_neox(shape: Shape, vocabulary: int, longest: int, seed: int) -> GPTNeoXForCausalLM:
    """Returns an untrained GPT-NeoX with Pythia's choices: rotary on a quarter, parallel residual, untied, no dropout.

    It is a function of the arguments alone; torch's global generator is left unchanged. Raises UserError for sizes that
    do not go together.
    """
    if shape.hidden % (8 * shape.heads):
        raise UserError(f"a hidden size of {shape.hidden} is no multiple of 8 times {shape.heads} heads")
    config = GPTNeoXConfig(
        vocab_size=vocabulary,
        hidden_size=shape.hidden,
        intermediate_size=shape.intermediate,
        num_hidden_layers=shape.layers,
        num_attention_heads=shape.heads,
        max_position_embeddings=longest,
        rope_parameters={"rope_type": "default", "rope_theta": 10000.0, "partial_rotary_factor": 0.25},
        use_parallel_residual=True,
        tie_word_embeddings=False,
        hidden_dropout=0.0,
        attention_dropout=0.0,
        bos_token_id=None,
        eos_token_id=None,
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return GPTNeoXForCausalLM(config)
