"""Which weight matrices fine-tuning changes: all of them (`ft`), or those of MLPs (`ft-l`).

A block is one matrix, or several that read the same states, one below the other: queries, keys and values of a layer;
gate and up projection of its MLP. So a block is one product.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import nn
from transformers import MistralForCausalLM

from worldgen.errors import UserError
from worldgen.lm.editors.settings import ConstrainedFineTuningConfig, FineTuningConfig

Blocks = Mapping[str, Sequence[nn.Linear | nn.Embedding]]  # a block's name -> its modules, from top to bottom


def tuned_blocks(model: MistralForCausalLM, config: FineTuningConfig) -> Blocks:
    """Returns the matrices that `ft` tunes, or `ft-l` by its own config.

    Raises UserError for a layer that the model does not have.
    """
    return mlp_blocks(model, config.layers) if isinstance(config, ConstrainedFineTuningConfig) else all_blocks(model)


def all_blocks(model: MistralForCausalLM) -> Blocks:
    """Returns every weight matrix of the model."""
    assert model.lm_head.weight is not model.model.embed_tokens.weight, "the head has a matrix of its own"
    blocks: dict[str, list[nn.Linear | nn.Embedding]] = {"embedding": [model.model.embed_tokens]}
    for number, layer in enumerate(model.model.layers):
        attention = layer.self_attn
        blocks[f"{number}.attention"] = [attention.q_proj, attention.k_proj, attention.v_proj]
        blocks[f"{number}.mixing"] = [attention.o_proj]
        blocks.update(_mlp_blocks(model, number))
    return {**blocks, "head": [model.lm_head]}


def mlp_blocks(model: MistralForCausalLM, layers: Sequence[int]) -> Blocks:
    """Returns the matrices of these layers' MLPs; of all layers if `layers` is empty.

    Raises UserError for a layer that the model does not have.
    """
    count = len(model.model.layers)
    if wrong := [layer for layer in layers if not 0 <= layer < count]:
        raise UserError(f"ft_l.layers names layer {wrong[0]}, but the model has the layers 0 to {count - 1}")
    return {name: own for layer in layers or range(count) for name, own in _mlp_blocks(model, layer).items()}


def _mlp_blocks(model: MistralForCausalLM, layer: int) -> dict[str, list[nn.Linear | nn.Embedding]]:
    mlp = model.model.layers[layer].mlp
    return {f"{layer}.inner": [mlp.gate_proj, mlp.up_proj], f"{layer}.down": [mlp.down_proj]}


def parameters_of(blocks: Blocks) -> list[nn.Parameter]:
    """Returns the matrices, block after block."""
    return [parameter for own in blocks.values() for module in own for parameter in module.parameters()]


def weight_count(blocks: Blocks) -> int:
    """Returns P, the number of weights of all blocks."""
    return sum(matrix.numel() for matrix in parameters_of(blocks))


@torch.no_grad()
def row_of(blocks: Blocks) -> torch.Tensor:
    """Returns a copy of the weights of all blocks, one after another, [P]."""
    matrices = [matrix.flatten() for matrix in parameters_of(blocks)]
    return torch.cat(matrices) if matrices else torch.empty(0)


def as_matrices(rows: torch.Tensor, blocks: Blocks) -> dict[str, torch.Tensor]:
    """Returns each block of some rows [S, P], each laid out as `row_of` does it, as views [S, out, in]."""
    shapes = {name: (sum(len(module.weight) for module in own), own[0].weight.shape[1]) for name, own in blocks.items()}
    parts = rows.split([out * width for out, width in shapes.values()], dim=1)
    return {name: part.unflatten(1, shape) for (name, shape), part in zip(shapes.items(), parts, strict=True)}
