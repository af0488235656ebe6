"""benchmarks/edit.py: both contenders on a run without a model, and what is said of them."""

import json

import benchmark_files
import pytest
from click.testing import CliRunner


@pytest.fixture(scope="module")
def benchmark():
    return benchmark_files.load("edit")


@pytest.mark.parametrize("method", ["lora", "ft"])
def test_both_do_the_same(benchmark, built_run, method):
    arguments = [str(built_run.folder), "--cases", "5", "--reference", "2", "--device", "cpu", "--json"]
    done = CliRunner().invoke(benchmark.main, [*arguments, "--method", method, "--set", "ft.steps=3", "--pairs", "2"])
    assert done.exit_code == 0, done.output
    said = json.loads(done.stdout)
    assert said["cases"] == 5
    assert said["reference_cases"] == 2
    assert said["steps_per_edit"] == 3
    assert 0 < said["max_loss_difference"] + said["max_probability_difference"] < 1e-4
    assert said["factor"] > 0
    assert said["cpu_factor"] > 0
    if method == "lora":
        assert 0 < said["batched_gflop_per_edit"] < said["reference_gflop_per_edit"]
    else:
        assert said["batched_gflop_per_edit"] > 0
        assert said["megabytes_per_step"] > 0
        assert said["memory_floor_ms_per_step"] > 0


def test_a_disagreement_is_an_error(benchmark, built_run, monkeypatch):
    monkeypatch.setattr("worldgen.lm.editors.stacked_adamw.WEIGHT_DECAY", 5000.0)
    done = CliRunner().invoke(
        benchmark.main, [str(built_run.folder), "--cases", "2", "--reference", "2", "--device", "cpu"]
    )
    assert done.exit_code != 0
    assert "disagree" in str(done.exception) + done.output
