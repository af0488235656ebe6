"""The weight matrices of any causal language model of transformers, by what their names say.

A layer's MLP is what lies below a number and `mlp`, `ffn`, `fc1` or `fc2`: "layers.3.mlp.down_proj".
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from torch import nn
from transformers import PreTrainedModel
from transformers.pytorch_utils import Conv1D

from worldgen.errors import UserError

_MLP: Final = re.compile(r"(?:^|\.)(\d+)\.(?:\w+\.)*?(?:mlp|ffn|fc1|fc2)(?:\.|$)")


def matrices_of(model: PreTrainedModel) -> list[nn.Parameter]:
    """Returns every weight matrix, embeddings and head among them, each once; no bias and no gain of a norm."""
    return [parameter for parameter in model.parameters() if parameter.ndim > 1]


def mlp_matrices(model: PreTrainedModel, layers: Sequence[int]) -> list[nn.Parameter]:
    """Returns the weight matrices of these layers' MLPs; of all layers if `layers` is empty.

    Raises UserError for a layer that the model does not have, and for a model whose names tell of no MLP.
    """
    of_layer: dict[int, list[nn.Parameter]] = {}
    for name, parameter in model.named_parameters():
        if parameter.ndim > 1 and (found := _MLP.search(name)):
            of_layer.setdefault(int(found[1]), []).append(parameter)
    if not of_layer:
        raise UserError("ft-l tunes the MLP of each layer, and the names of this model's weights tell of none: take ft")
    if wrong := [layer for layer in layers if layer not in of_layer]:
        raise UserError(f"ft_l.layers names layer {wrong[0]}, but the model has the layers 0 to {max(of_layer)}")
    return [parameter for layer in layers or sorted(of_layer) for parameter in of_layer[layer]]


def mlp_outputs(model: PreTrainedModel) -> dict[str, nn.Linear | Conv1D]:
    """Returns the last linear map of each layer's MLP, back to the hidden states, by its name.

    Raises UserError for a model in which there is none.
    """
    last: dict[int, tuple[str, nn.Linear | Conv1D]] = {}
    for name, module in model.named_modules():
        if isinstance(module, nn.Linear | Conv1D) and (found := _MLP.search(name)):
            last[int(found[1])] = name, module
    outputs = {name: module for name, module in last.values() if _width(module) == model.config.hidden_size}
    if not outputs or len(outputs) < len(last):
        raise UserError(
            "lora changes the last linear map of each layer's MLP, and this model has none by name: take ft"
        )
    return outputs


def _width(module: nn.Linear | Conv1D) -> int:
    """Returns the number of a linear map's outputs."""
    return module.nf if isinstance(module, Conv1D) else module.out_features
