"""A trained optimizer on disk: its weights as safetensors, its settings and the shapes that it edits as JSON."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from safetensors.torch import load_file, save_file
from transformers import PreTrainedModel

from worldgen.errors import UserError
from worldgen.lm.editors.learned.network import LearnedOptimizer, new_network
from worldgen.lm.editors.learned.settings import (
    ConstrainedConfig,
    KeConfig,
    LearnedConfig,
    OptimizerConfig,
)
from worldgen.lm.training.checkpoint import whole_folder

_KINDS = {kind.__name__: kind for kind in (LearnedConfig, KeConfig, ConstrainedConfig)}
WEIGHTS, SETTINGS = "optimizer.safetensors", "optimizer.json"


def save_optimizer(network: LearnedOptimizer, config: OptimizerConfig, folder: Path) -> None:
    """Writes both files to the folder, which is complete or does not exist; an older one is replaced."""
    about = {
        "kind": type(config).__name__,
        "settings": config.model_dump(mode="json"),
        "shapes": _shapes(network),
    }
    with whole_folder(folder) as partial:
        save_file({name: tensor.cpu() for name, tensor in network.state_dict().items()}, partial / WEIGHTS)
        (partial / SETTINGS).write_text(json.dumps(about, indent=1), encoding="utf-8")


def load_optimizer(folder: Path, model: PreTrainedModel) -> tuple[LearnedOptimizer, OptimizerConfig]:
    """Loads an optimizer for the model, on its device. Raises UserError if there is none, or for another model's."""
    config, theirs = read_settings(folder), _about(folder)["shapes"]
    network = new_network(model, config, seed=0)
    ours = _shapes(network)
    for name in [*theirs, *ours]:
        if theirs.get(name) != ours.get(name):
            raise UserError(
                f"the optimizer in {folder} is for another model: its {name} is {_by(theirs.get(name))}, "
                f"this model's is {_by(ours.get(name))}: train one for this model"
            )
    network.load_state_dict(load_file(folder / WEIGHTS))
    return network.eval(), config


def read_settings(folder: Path) -> OptimizerConfig:
    """Returns the settings that an optimizer was trained by. Raises UserError if there is none in the folder."""
    about = _about(folder)
    return _KINDS[about["kind"]].model_validate(about["settings"])


def _about(folder: Path) -> dict[str, Any]:
    try:
        return json.loads((folder / SETTINGS).read_text(encoding="utf-8"))
    except OSError:
        raise UserError(f"{folder} holds no trained optimizer: train one for this model first") from None


def _shapes(network: LearnedOptimizer) -> dict[str, list[int]]:
    """Returns the shapes of the edited matrices, and of the embedding."""
    embedding = list(network.conditioner.embedding.weight.shape)
    return {"embedding": embedding, **{name: list(shape) for name, shape in network.shapes.items()}}


def _by(shape: list[int] | None) -> str:
    return " by ".join(map(str, shape)) if shape else "missing"
