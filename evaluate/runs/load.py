"""Reads the world and the agent that the stages of a run left on disk."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from worldgen.bayes.agent import Agent
from worldgen.bayes.evidence import Evidence
from worldgen.bayes.fitting import fit
from worldgen.bayes.settings import AgentConfig
from worldgen.errors import UserError
from worldgen.evaluate.runs.config import RunConfig, load_of_run
from worldgen.storage.manifests import MANIFEST, read_manifest
from worldgen.worlds.world import World

if TYPE_CHECKING:
    pass

CONFIG = "config.toml"


def config_of(folder: Path) -> RunConfig | None:
    """Returns the config of a run folder; None where there is no run."""
    return load_of_run(folder / CONFIG) if (folder / CONFIG).exists() else None


def load_world(run_folder: Path) -> World:
    """Returns the world of a run. Raises UserError if it has not been built."""
    return World.load(finished(run_folder / "world"))


def load_agent(run_folder: Path, world: World, config: AgentConfig) -> Agent:
    """Returns the agent of a run, fitted to its evidence. Raises UserError if there is no evidence yet."""
    evidence = Evidence.load(finished(run_folder / "agent") / "evidence.parquet")
    K = len(world.objects)
    a = 1 / K if config.prior == "unit" else 1.0
    return fit(evidence, K, len(world.relations), world.pairs(), a, config.reading)


def measured_methods(run_folder: Path) -> list[str]:
    """Returns the names of the methods whose measurements are complete."""
    return sorted(path.parent.name for path in run_folder.glob(f"edits/*/{MANIFEST}"))


def finished_updates(run_folder: Path) -> list[str]:
    """Returns the names of the finished stages of updates: "slag/updates/METHOD/PROTOCOL-R"."""
    folders = sorted(path.parent for path in run_folder.glob(f"slag/updates/*/*/{MANIFEST}"))
    return [folder.relative_to(run_folder).as_posix() for folder in folders]


def finished_trust(run_folder: Path) -> list[str]:
    """Returns the names of the finished stages of requests by sources: "sources/edits/METHOD"."""
    folders = sorted(path.parent for path in run_folder.glob(f"sources/edits/*/{MANIFEST}"))
    return [folder.relative_to(run_folder).as_posix() for folder in folders]


def finished(folder: Path) -> Path:
    """Returns the folder of a stage. Raises UserError if the stage is not finished."""
    if read_manifest(folder) is None:
        raise UserError(f"{folder} is not there or not finished: run `worldgen run {folder.parent}` first")
    return folder
