"""A trained writer on disk: its weights and constants as safetensors, its settings and frames as JSON."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

from safetensors.torch import load_file, save_file
from transformers import MistralForCausalLM

from worldgen.errors import UserError
from worldgen.lm.editors.learned.saved import SETTINGS, WEIGHTS
from worldgen.lm.editors.learned.settings import RationalConfig
from worldgen.lm.editors.learned.taught.readings import Frames
from worldgen.lm.editors.learned.taught.writer import Writer, sizes_of
from worldgen.lm.training.checkpoint import whole_folder


def save_writer(writer: Writer, config: RationalConfig, folder: Path) -> None:
    """Writes both files to the folder, which is complete or does not exist; an older one is replaced."""
    about = {"settings": config.model_dump(mode="json"), "sizes": writer.sizes, "frames": asdict(writer.frames)}
    with whole_folder(folder) as partial:
        save_file({name: tensor.cpu() for name, tensor in writer.state_dict().items()}, partial / WEIGHTS)
        (partial / SETTINGS).write_text(json.dumps(about, indent=1), encoding="utf-8")


def load_writer(folder: Path, model: MistralForCausalLM) -> tuple[Writer, RationalConfig]:
    """Loads a writer for the model, on its device. Raises UserError if there is none, or for another model's."""
    try:
        about = json.loads((folder / SETTINGS).read_text(encoding="utf-8"))
    except OSError:
        raise UserError(f"{folder} holds no trained optimizer: train one for this model first") from None
    config, sizes = RationalConfig.model_validate(about["settings"]), tuple(about["sizes"])
    if sizes != sizes_of(model):
        raise UserError(
            f"the optimizer in {folder} is for a model of layers, hidden and intermediate size {sizes}, "
            f"this model's are {sizes_of(model)}: train one for this model"
        )
    frames = Frames(*(tuple(about["frames"][name]) for name in ("openings", "phrases", "objects")))
    writer = Writer(frames, sizes, config)
    writer.load_state_dict(load_file(folder / WEIGHTS))
    return writer.to(model.device).eval(), config
