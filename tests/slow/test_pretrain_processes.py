"""`worldgen pretrain` in processes of its own: pausing and going on, several processes."""

import os
import subprocess
import sys

import miniature
import pandas as pd
import pytest

from worldgen.storage.manifests import read_manifest


@pytest.fixture
def built(built_run, tmp_path):
    """Returns the folder of a built run whose training is short."""
    return miniature.variant(built_run, tmp_path / "run", ["pretrain.tokens=20000"]).folder


def command(*arguments, **environment):
    """Runs the command in a process of its own."""
    return subprocess.run(
        [sys.executable, "-m", "worldgen", *map(str, arguments)], capture_output=True, text=True, timeout=240,
        env=os.environ | {"OMP_NUM_THREADS": "1"} | environment,
    )  # fmt: skip


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
