"""The residual stream after each block of a causal model, at every token of prompts of one length.

Shapes: N prompts, L blocks, T tokens of a prompt, H hidden size.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import Module, ModuleList
from transformers import PreTrainedModel

from worldgen.lm.inspection.hooks import hooked

_PROMPTS_AT_ONCE: Final = 256


def blocks_of(model: PreTrainedModel) -> list[Module]:
    """Returns the blocks of a causal model in their order: the one list of `num_hidden_layers` modules in it.

    Raises ValueError for a model that has no such list, or several.
    """
    layers = model.config.num_hidden_layers
    lists = [module for module in model.modules() if isinstance(module, ModuleList) and len(module) == layers]
    if len(lists) != 1:
        raise ValueError(f"{type(model).__name__} has {len(lists)} lists of {layers} modules: its blocks are not known")
    return list(lists[0])


@torch.inference_mode()
def residual_stream(model: PreTrainedModel, prompts: Sequence[Sequence[int]]) -> NDArray[np.float32]:
    """Returns the output of each block at each token of each prompt, [N, L, T, H]; prompts are ids.

    The outputs are read at the blocks. transformers' `hidden_states` would not do: their last entry comes after the
    final norm. Raises ValueError for prompts of different lengths: a token is to have the same role in all of them.
    """
    if len(set(map(len, prompts))) != 1:
        raise ValueError(f"prompts of one length are needed, not of {sorted(set(map(len, prompts)))} tokens")
    parts = []
    for begin in range(0, len(prompts), _PROMPTS_AT_ONCE):
        seen: list[torch.Tensor] = []

        def note(output: torch.Tensor, seen: list[torch.Tensor] = seen) -> torch.Tensor:
            seen.append(output.float().cpu())
            return output

        ids = torch.tensor(prompts[begin : begin + _PROMPTS_AT_ONCE], device=model.device)
        with ExitStack() as hooks:
            for block in blocks_of(model):
                hooks.enter_context(hooked(block, note))
            model(input_ids=ids, use_cache=False)
        parts.append(torch.stack(seen, dim=1).numpy())
    return np.concatenate(parts)
