"""Killed at any moment and started again, a run ends with the bytes of one that was never interrupted."""

import hashlib
import multiprocessing
import time
from pathlib import Path

import miniature
import numpy as np
import pytest

from worldgen.evaluate.runs.config import RunConfig, override
from worldgen.evaluate.runs.presets import tiny
from worldgen.storage.manifests import MANIFEST, stage_files

# A server that has imported everything once and forks: a fresh process in milliseconds, without any thread.
PROCESSES = multiprocessing.get_context("forkserver")
PROCESSES.set_forkserver_preload(
    [
        "worldgen.evaluate.stages.whole",
        "worldgen.evaluate.stages.report_material",
        "worldgen.lm.training.pretrain",
        "worldgen.lm.editors.lowrank.lora",
        "worldgen.lm.encode",
    ]
)


def config() -> RunConfig:
    return override(tiny(), [*miniature.SETTINGS, "pretrain.checkpoint_minutes=0.005"])


def work(folder: Path, stages: str, workers: int) -> None:
    """Carries out stages; this is what a killed process was doing."""
    import os

    from worldgen.evaluate.methods.methods import METHODS
    from worldgen.evaluate.runs.run import Run, keeping_config, locked
    from worldgen.evaluate.stages import whole
    from worldgen.storage.engines import Local

    os.environ["TOKENIZERS_PARALLELISM"] = "false"
    run = Run(folder, config(), device="cpu", engine=Local(workers), quiet=True)
    with locked(folder), keeping_config(run):
        if stages == "build":
            whole.build(run)
        else:
            whole.run_everything(run, METHODS["lora"])


def start(folder: Path, stages: str, workers: int = 1):
    process = PROCESSES.Process(target=work, args=(folder, stages, workers))
    process.start()
    return process


def finish(folder: Path, stages: str, workers: int = 1) -> float:
    """Run to the end; how long it took."""
    begun = time.monotonic()
    process = start(folder, stages, workers)
    process.join()
    assert process.exitcode == 0
    return time.monotonic() - begun


def kill_after(folder: Path, stages: str, seconds: float) -> bool:
    """Whether the process was still at work when it was killed (with SIGKILL)."""
    process = start(folder, stages)
    process.join(seconds)
    alive = process.is_alive()
    process.kill()
    process.join()
    return alive


def contents(folder: Path, stages: tuple[str, ...]) -> dict[str, str]:
    """The hash of every file of the finished stages; what an edit cost in seconds is no result."""
    files = [path for stage in stages for path in stage_files(folder / stage)]
    kept = (path for path in files if not path.name.startswith("costs-") and path.name != MANIFEST)
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in kept}


BUILT = ("graph", "world", "corpus", "tokens", "agent", "cases")


@pytest.fixture(scope="module")
def whole(tmp_path_factory) -> tuple[Path, float]:
    runs = tmp_path_factory.mktemp("runs")
    finish(runs / "first", "build")  # the server's imports are no part of the time
    return runs / "whole", finish(runs / "whole", "build")


def test_building_killed_at_twenty_moments(whole, tmp_path):
    reference, seconds = whole
    expected = contents(reference, BUILT)
    draw, killed = np.random.default_rng(0), 0
    while killed < 20:
        moment = draw.uniform(0, seconds)
        folder = tmp_path / f"killed-{killed}-{moment:.3f}"
        folder.mkdir()
        if kill_after(folder, "build", moment):
            killed += 1
        else:
            seconds = moment  # the machine is faster than it was: so long is too long
        finish(folder, "build")
        assert contents(folder, BUILT) == expected, f"killed after {moment:.3f} s"


def test_two_workers_and_one_give_the_same_bytes(whole, tmp_path):
    finish(tmp_path / "two", "build", workers=2)
    assert contents(tmp_path / "two", BUILT) == contents(whole[0], BUILT)
    assert len(list((whole[0] / "corpus").glob("sentences-*.parquet"))) > 1


def test_training_and_editing_killed(whole, tmp_path):
    everything = (*BUILT, "lm/final", "edits/lora")
    seconds = finish(tmp_path / "reference", "run")
    expected = contents(tmp_path / "reference", everything)
    folder = tmp_path / "killed"
    killed = 0
    # Each start gets a piece of the whole's time, so that kills come in building, training and editing.
    for moment in np.random.default_rng(1).uniform(0.05 * seconds, 0.2 * seconds, size=12):
        killed += kill_after(folder, "run", moment)
    finish(folder, "run")
    assert killed >= 2
    assert contents(folder, everything) == expected
    assert (folder / "lm" / "training.parquet").read_bytes() == (
        tmp_path / "reference" / "lm" / "training.parquet"
    ).read_bytes()
