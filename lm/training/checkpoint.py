"""Checkpoints on disk: tensors as safetensors, the rest as JSON; a folder is complete or does not exist.

Each holds the hashes of its files. One that a disk has damaged is not gone on with: the one before it is.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from torch.distributed.tensor import DTensor, distribute_tensor
from tqdm import tqdm

from worldgen.storage.files import sha256

PARTIAL = ".partial"  # suffix of the folder while it is being written
MODEL, OPTIMIZER, POSITION = "model.safetensors", "optimizer.safetensors", "position.json"
HASHES = "sha256.json"
GENERATOR = "torch_generator"  # name of torch's random state among the optimizer's tensors


@dataclass
class Position:
    """How far training has come. Nothing in it depends on the clock."""

    step: int = 0
    """Steps taken: the batches 0 .. step-1 have been read."""
    tokens: int = 0
    history: list[dict[str, float]] = field(default_factory=list)
    """One row a step: step, tokens (seen so far), loss, gradient_norm, learning_rate, and at the evaluated steps the
    marks of the evaluation."""


@contextmanager
def whole_folder(target: Path) -> Iterator[Path]:
    """Gives a folder to write into, which becomes `target` at the end. After an exception nothing of it is left.

    The bytes reach the disk before the name does, so a crash leaves either a complete `target` or a folder named
    *.partial. An older `target` is replaced.
    """
    partial = target.with_name(target.name + PARTIAL)
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    try:
        yield partial
        for path in (*partial.rglob("*"), partial):
            _sync(path)
        if target.exists():
            shutil.rmtree(target)
        partial.rename(target)
        _sync(target.parent)
    except BaseException:
        shutil.rmtree(partial, ignore_errors=True)
        raise


def save_checkpoint(
    folder: Path,
    model: torch.nn.Module,
    optimizer: torch.optim.Optimizer,
    position: Position,
    keep: int,
    writes: bool = True,
) -> Path:
    """Writes folder/checkpoint-STEP and removes all but the `keep` latest checkpoints. Returns the path.

    A checkpoint of a later step is removed, too: training did not go on with it, so it is damaged.

    Every process must call it, because tensors that are spread over the processes are put together first. The process
    that `writes` then writes alone.
    """
    target = folder / f"checkpoint-{position.step:09d}"
    weights, moments = whole_tensors(model.state_dict()), whole_tensors(_moments(optimizer))
    if writes:
        with whole_folder(target) as partial:
            save_file(weights, partial / MODEL)
            save_file({**moments, GENERATOR: torch.get_rng_state()}, partial / OPTIMIZER)
            (partial / POSITION).write_text(json.dumps(asdict(position)), encoding="utf-8")
            (partial / HASHES).write_text(json.dumps(_hashes(partial)), encoding="utf-8")
        until_now = [path for path in checkpoints(folder) if path <= target]
        for path in checkpoints(folder):
            if path not in until_now[-keep:]:
                shutil.rmtree(path)
    return target


def whole_tensors(tensors: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """Returns the tensors in the host's memory, each whole. Every process that holds a part must call it."""
    return {name: (t.full_tensor() if isinstance(t, DTensor) else t).cpu() for name, t in tensors.items()}


def latest_checkpoint(folder: Path) -> Path | None:
    """Returns the undamaged checkpoint with the most steps, or None if there is none; tells of each damaged one."""
    for path in reversed(checkpoints(folder)):
        if _is_whole(path):
            return path
        tqdm.write(f"{path} is damaged: training goes on from the checkpoint before it", file=sys.stderr)
    return None


def _is_whole(checkpoint: Path) -> bool:
    """Returns whether the files are those that were written; an old checkpoint, without hashes, counts as whole."""
    try:
        noted = json.loads((checkpoint / HASHES).read_text(encoding="utf-8"))
    except FileNotFoundError:
        return all((checkpoint / name).exists() for name in (MODEL, OPTIMIZER, POSITION))
    except ValueError:
        return False
    return noted == _hashes(checkpoint)


def _hashes(checkpoint: Path) -> dict[str, str]:
    """Returns the SHA-256 of each file but that of the hashes."""
    return {path.name: sha256(path) for path in sorted(checkpoint.iterdir()) if path.name != HASHES}


def remove_partial(folder: Path) -> None:
    """Removes the folders that a crash left half-written."""
    for partial in folder.glob(f"*{PARTIAL}"):
        shutil.rmtree(partial)


def load_checkpoint(path: Path, model: torch.nn.Module, optimizer: torch.optim.Optimizer) -> Position:
    """Restores the model, the optimizer and torch's random state; returns the position."""
    weights = load_file(path / MODEL)
    model.load_state_dict({name: _spread_as(like, weights[name]) for name, like in model.state_dict().items()})
    tensors = load_file(path / OPTIMIZER)
    torch.set_rng_state(tensors.pop(GENERATOR))
    _set_moments(optimizer, tensors)
    return Position(**json.loads((path / POSITION).read_text(encoding="utf-8")))


def checkpoints(folder: Path) -> list[Path]:
    """Returns the complete checkpoints, oldest first (the steps in their names have leading zeros)."""
    return sorted(path for path in folder.glob("checkpoint-*") if path.suffix != PARTIAL)


def _spread_as(like: torch.Tensor, whole: torch.Tensor) -> torch.Tensor:
    """Returns a whole tensor on the device of `like`, and spread over the processes if `like` is."""
    # The copy has torch's own alignment, as the tensors of an uninterrupted run have.
    here = whole.to(like.device, copy=True)
    if isinstance(like, DTensor) and whole.shape == like.shape:
        return distribute_tensor(here, like.device_mesh, like.placements)
    return here


def _moments(optimizer: torch.optim.Optimizer) -> dict[str, torch.Tensor]:
    """Returns the optimizer's tensors by "parameter number.name": 0.step, 0.exp_avg, 0.exp_avg_sq, 1.step, ..."""
    states = optimizer.state_dict()["state"]
    # Adafactor counts its steps in a plain number.
    return {f"{i}.{name}": torch.as_tensor(value) for i, state in states.items() for name, value in state.items()}


def _set_moments(optimizer: torch.optim.Optimizer, tensors: dict[str, torch.Tensor]) -> None:
    """Puts the tensors of `_moments` back."""
    parameters = [parameter for group in optimizer.param_groups for parameter in group["params"]]
    states: dict[int, dict[str, torch.Tensor]] = {}
    for key, tensor in tensors.items():
        number, name = key.split(".")
        # A count of steps has no shape; `load_state_dict` puts it on the host or the device, as the optimizer needs.
        moment = _spread_as(parameters[int(number)], tensor) if tensor.ndim else tensor.clone()
        states.setdefault(int(number), {})[name] = moment
    optimizer.load_state_dict({**optimizer.state_dict(), "state": states})


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
