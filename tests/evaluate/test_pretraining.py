"""`worldgen pretrain`: pausing and going on, several processes, TensorBoard."""

import os
import subprocess
import sys

import miniature
import pandas as pd
import pytest
from click.testing import CliRunner

from worldgen.cli import cli
from worldgen.errors import Paused, UserError
from worldgen.evaluate.stages.scalars import Scalars
from worldgen.storage.manifests import read_manifest

SHORT = ["--set", "pretrain.tokens=20000", "--device", "cpu", "--quiet"]


@pytest.fixture
def built(tmp_path):
    folder = tmp_path / "run"
    arguments = ["build", str(folder), "--preset", "tiny", *miniature.OPTIONS, *SHORT]
    result = CliRunner().invoke(cli, arguments, catch_exceptions=False)
    assert result.exit_code == 0
    return folder


def command(*arguments, **environment):
    """The command in a process of its own."""
    return subprocess.run(
        [sys.executable, "-m", "worldgen", *map(str, arguments)], capture_output=True, text=True, timeout=240,
        env=os.environ | {"OMP_NUM_THREADS": "1"} | environment,
    )  # fmt: skip


@pytest.mark.slow
def test_a_pause_is_no_failure_and_the_same_command_goes_on(built):
    paused = command("pretrain", built, "--max-minutes", 0, "--quiet")
    assert paused.returncode == 0
    assert paused.stdout == ""
    assert paused.stderr.startswith("stopped after 0 minutes at ")
    assert paused.stderr.endswith("the same command goes on\n")
    assert read_manifest(built / "lm") is None
    done = command("pretrain", built, "--quiet")
    assert done.returncode == 0
    assert read_manifest(built / "lm").rows["parameters"] > 0


@pytest.mark.slow
def test_torchrun_trains_with_two_processes(built):
    """The README's command; the first process keeps the folder, and a finished stage is finished for all."""
    launch = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node", "2", "--standalone", "-m", "worldgen"]
    for _ in range(2):
        result = subprocess.run(
            [*launch, "pretrain", str(built), "--device", "cpu", "--quiet", "--json"],
            capture_output=True, text=True, timeout=240, env=os.environ | {"OMP_NUM_THREADS": "1"},
        )  # fmt: skip
        assert result.returncode == 0, result.stderr
        assert result.stdout.count('"parameters"') == 1
    history = pd.read_parquet(built / "lm" / "training.parquet")
    assert history["generative_accuracy"].notna().sum() == 2
    assert read_manifest(built / "lm").rows["parameters"] > 0


def test_paused_is_not_taken_for_a_fault(built, monkeypatch):
    def pause(*_, **__):
        raise Paused("enough")

    monkeypatch.setattr("worldgen.lm.training.pretrain.pretrain", pause)
    result = CliRunner().invoke(cli, ["pretrain", str(built), "--quiet"])
    assert isinstance(result.exception, Paused)
    assert not (built / "logs").exists()


def test_tensorboard_gets_every_number_but_the_counts(tmp_path):
    accumulator = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    scalars = Scalars(tmp_path)
    for step in (1, 2):
        scalars.add({"step": step, "tokens": 100 * step, "loss": 3.0 / step, "mfu": 0.5})
    scalars.add({"step": 2, "tokens": 200, "and_accuracy": 0.75, "truth_probabilities": [0.5, 0.25]})
    resumed = Scalars(tmp_path)  # from a checkpoint behind the first step
    resumed.add({"step": 2, "tokens": 200, "loss": 1.25, "mfu": 0.5})
    for each in (scalars, resumed):
        each.close()
    events = accumulator.EventAccumulator(str(tmp_path)).Reload()
    assert set(events.Tags()["scalars"]) == {"loss", "mfu", "and_accuracy"}
    assert [(event.step, event.value) for event in events.Scalars("loss")] == [(100, 3.0), (200, 1.25)]


def test_without_the_package_the_user_is_told(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", None)
    with pytest.raises(UserError, match=r"worldgen\[tensorboard\]"):
        Scalars(tmp_path)
