"""Trajectories: what a method gives when it may take fewer steps; RUN/trajectories/METHOD/steps-K for each number K.

Each is a whole edit of its own, with the method's setting of steps at K. For a method whose step k does not depend on
how many are still to come (`lora`, `ft`, `ft-l`), that is the state after K steps of the longer edit. One
that plans its steps (`belief` lowers its rate over them, `retrain` spreads n' sentences over them) has its plan for K
steps: the result of a budget of K steps, not the state of a longer edit half-way. After no step the model is unedited.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from worldgen.errors import UserError
from worldgen.evaluate.methods.methods import METHODS, Method
from worldgen.evaluate.runs.config import RunConfig, override
from worldgen.storage.manifests import read_manifest


def steps_of(method: Method, config: RunConfig) -> int:
    """Returns how many steps a method may take. Raises UserError for a method that takes none."""
    if method.steps is None:
        having = ", ".join(name for name, each in METHODS.items() if each.steps)
        raise UserError(f"{method.name} takes no steps, so it has no trajectory: choose one of {having}")
    return config.inputs((method.steps,))[method.steps]


def with_steps(method: Method, config: RunConfig, steps: int) -> tuple[Method, RunConfig]:
    """Returns the method, and the config, that stop after so many steps; after none that is `none`."""
    return (method, override(config, [f"{method.steps}={steps}"])) if steps else (METHODS["none"], config)


def folder_name(method: Method, steps: int) -> str:
    """Returns where the measurements after so many steps lie within the run."""
    return f"trajectories/{method.name}/steps-{steps:05d}"


def allowed_steps(run_folder: Path, method: str) -> int | None:
    """Returns the bound on the steps of a method's measured edits; None where it has none."""
    steps = METHODS[method].steps if method in METHODS else None
    return _inputs(run_folder / "edits" / method).get(steps or "")


def shorter_edits(run_folder: Path, method: str) -> dict[int, Path]:
    """Returns the finished measurements of a method after fewer steps, by number; those of other settings left out."""
    whole, most = _inputs(run_folder / "edits" / method), allowed_steps(run_folder, method)
    found = {}
    for folder in sorted((run_folder / "trajectories" / method).glob("steps-*")):
        part, steps = _inputs(folder), int(folder.name.removeprefix("steps-"))
        both = (whole.keys() & part.keys()) - {"method", METHODS[method].steps}
        if part and most is not None and steps < most and all(whole[name] == part[name] for name in both):
            found[steps] = folder
    return found


def _inputs(folder: Path) -> dict[str, Any]:
    """The inputs of a finished stage; empty where it is not finished."""
    manifest = read_manifest(folder)
    return manifest.inputs if manifest else {}
