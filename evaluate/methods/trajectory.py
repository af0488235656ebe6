"""Trajectories: what a method gives when it may take fewer steps; RUN/trajectories/METHOD/steps-K for each number K.

Each is a whole edit of its own, with the method's setting of steps at K. For a method whose step k does not depend on
how many are still to come (`lora`, `ft`, `ft-l`), that is the state after K steps of the longer edit, to the bit. One
that plans its steps (`belief` lowers its rate over them, `retrain` spreads n' sentences over them) has its plan for K
steps: what K steps can buy, not what a longer edit looks like half-way. After no step the model is unedited.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from worldgen.errors import UserError
from worldgen.evaluate.methods.methods import METHODS, steps_setting
from worldgen.evaluate.runs.config import RunConfig, override
from worldgen.storage.manifests import read_manifest


def steps_of(method: str, config: RunConfig) -> int:
    """How many steps the method may take. Raises UserError for a method without any."""
    setting = steps_setting(method)
    if setting is None:
        having = ", ".join(name for name in METHODS if steps_setting(name))
        raise UserError(f"{method} takes no steps, so it has no trajectory: choose one of {having}")
    section, name = setting.split(".")
    return getattr(getattr(config, section), name)


def with_steps(method: str, config: RunConfig, steps: int) -> tuple[str, RunConfig]:
    """The method, and its config, that stop after so many steps."""
    return (method, override(config, [f"{steps_setting(method)}={steps}"])) if steps else ("none", config)


def folder_of(run_folder: Path, method: str, steps: int) -> Path:
    """Where the measurements after so many steps lie."""
    return run_folder / "trajectories" / method / f"steps-{steps:05d}"


def allowed_steps(run_folder: Path, method: str) -> int | None:
    """The bound on the steps of the method's measured edits; None where it has none."""
    return _inputs(run_folder / "edits" / method).get(steps_setting(method) or "")


def shorter_edits(run_folder: Path, method: str) -> dict[int, Path]:
    """The finished measurements of a method after fewer steps, by their number; those of other settings left out."""
    whole, most = _inputs(run_folder / "edits" / method), allowed_steps(run_folder, method)
    found = {}
    for folder in sorted((run_folder / "trajectories" / method).glob("steps-*")):
        part, steps = _inputs(folder), int(folder.name.removeprefix("steps-"))
        both = (whole.keys() & part.keys()) - {"method", steps_setting(method)}
        if part and most is not None and steps < most and all(whole[name] == part[name] for name in both):
            found[steps] = folder
    return found


def _inputs(folder: Path) -> dict[str, Any]:
    """What a finished stage was made from; nothing where it is not finished."""
    manifest = read_manifest(folder)
    return manifest.inputs if manifest else {}
