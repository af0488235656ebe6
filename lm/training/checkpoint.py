"""Where training was, on disk: safetensors for what is large, JSON for what is not, whole folders or none."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from torch.distributed.tensor import DTensor, distribute_tensor

PARTIAL = ".partial"  # suffix of a folder that is being written
MODEL, OPTIMIZER, POSITION = "model.safetensors", "optimizer.safetensors", "position.json"
GENERATOR = "torch_generator"  # name of torch's random state among the optimizer's tensors


@dataclass
class Position:
    """How far training has come; step s has consumed the batches 0 .. s-1.

    `history` has a row for each step: step, tokens (seen so far), loss, learning_rate, and at the evaluated
    steps what the evaluation said. Nothing of it depends on the clock.
    """

    step: int = 0
    tokens: int = 0
    history: list[dict[str, float]] = field(default_factory=list)


@contextmanager
def whole_folder(target: Path) -> Iterator[Path]:
    """A folder to write into, which becomes `target` at the end, or leaves no trace if an exception comes.

    The bytes are on the disk before the name is: a crash leaves either `target` complete or a folder named
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
    """Write folder/checkpoint-STEP and remove all but the `keep` latest.

    Of several processes every one calls, as they gather what is spread over them, and one `writes`.
    """
    target = folder / f"checkpoint-{position.step:09d}"
    weights, moments = whole_tensors(model.state_dict()), whole_tensors(_moments(optimizer))
    if writes:
        with whole_folder(target) as partial:
            save_file(weights, partial / MODEL)
            save_file({**moments, GENERATOR: torch.get_rng_state()}, partial / OPTIMIZER)
            (partial / POSITION).write_text(json.dumps(asdict(position)), encoding="utf-8")
        for old in checkpoints(folder)[:-keep]:
            shutil.rmtree(old)
    return target


def whole_tensors(tensors: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """The tensors in the host's memory, those that are spread over processes put together (all of which must call)."""
    return {name: (t.full_tensor() if isinstance(t, DTensor) else t).cpu() for name, t in tensors.items()}


def latest_checkpoint(folder: Path) -> Path | None:
    """The checkpoint with the most steps."""
    return max(checkpoints(folder), default=None)


def remove_partial(folder: Path) -> None:
    """Remove what a crash left half-written."""
    for partial in folder.glob(f"*{PARTIAL}"):
        shutil.rmtree(partial)


def load_checkpoint(path: Path, model: torch.nn.Module, optimizer: torch.optim.Optimizer) -> Position:
    """Put model, optimizer and torch's random state where they were; returns how far training had come."""
    weights = load_file(path / MODEL)
    model.load_state_dict({name: _spread_as(like, weights[name]) for name, like in model.state_dict().items()})
    tensors = load_file(path / OPTIMIZER)
    torch.set_rng_state(tensors.pop(GENERATOR))
    _set_moments(optimizer, tensors)
    return Position(**json.loads((path / POSITION).read_text(encoding="utf-8")))


def checkpoints(folder: Path) -> list[Path]:
    """Complete checkpoints, oldest first (the steps in their names have leading zeros)."""
    return sorted(path for path in folder.glob("checkpoint-*") if path.suffix != PARTIAL)


def _spread_as(like: torch.Tensor, whole: torch.Tensor) -> torch.Tensor:
    """A whole tensor as `like` is: on its device, and spread over the processes if it is."""
    # The clone has torch's own alignment, as the tensors of a run that was not interrupted have.
    here = whole.to(like.device, copy=True)
    if isinstance(like, DTensor) and whole.shape == like.shape:
        return distribute_tensor(here, like.device_mesh, like.placements)
    return here


def _moments(optimizer: torch.optim.Optimizer) -> dict[str, torch.Tensor]:
    """The optimizer's tensors by "parameter number.name": 0.step, 0.exp_avg, 0.exp_avg_sq, 1.step, ..."""
    states = optimizer.state_dict()["state"]
    return {f"{number}.{name}": tensor for number, state in states.items() for name, tensor in state.items()}


def _set_moments(optimizer: torch.optim.Optimizer, tensors: dict[str, torch.Tensor]) -> None:
    parameters = [parameter for group in optimizer.param_groups for parameter in group["params"]]
    states: dict[int, dict[str, torch.Tensor]] = {}
    for key, tensor in tensors.items():
        number, name = key.split(".")
        # A count of steps has no shape, and is on the host's or the device's side as the optimizer has it.
        moment = _spread_as(parameters[int(number)], tensor) if tensor.ndim else tensor.clone()
        states.setdefault(int(number), {})[name] = moment
    optimizer.load_state_dict({**optimizer.state_dict(), "state": states})


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
