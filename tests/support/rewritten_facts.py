"""Requests, contexts and the sizes of a tiny model, for the tests of ROME and MEMIT."""

import torch
from transformers import MistralForCausalLM, PreTrainedTokenizerFast

from worldgen.lm.editions import Request
from worldgen.lm.score import log_probabilities
from worldgen.lm.settings import PretrainConfig

SIZE = PretrainConfig(hidden=32, intermediate=64, layers=3, heads=4, kv_heads=4, row_tokens=64)
ADA = Request("ada byron born in", "san salvador.", subject="ada byron")
BOB = Request("bob job", "baker.", subject="bob")
ADAS_JOB = Request("ada byron job", "paris.", subject="ada byron")
CONTEXTS = ("", "bob born in paris.", '"bob job baker" is true.')


def probability(model: MistralForCausalLM, tokenizer: PreTrainedTokenizerFast, request: Request) -> float:
    """Returns the model's probability of the request's target."""
    return float(torch.tensor(log_probabilities(model, tokenizer, [(request.prompt, request.target)])).exp())
