"""benchmarks/bootstrap.py: both forms of the bootstrap are timed, and means that differ are an error."""

import importlib.util
import json
from pathlib import Path

import pytest
from click.testing import CliRunner

OPTIONS = ["--points", "40", "--seeds", "3", "--metrics", "2", "--samples", "50"]


@pytest.fixture
def benchmark():
    path = Path(__file__).parents[2] / "benchmarks" / "bootstrap.py"
    spec = importlib.util.spec_from_file_location("benchmark_bootstrap", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_both_forms_are_timed_and_agree(benchmark):
    done = CliRunner().invoke(benchmark.main, OPTIONS)
    assert done.exit_code == 0, done.output
    found = json.loads(done.stdout)
    assert set(found) == {"points", "seeds", "metrics", "samples", "weights", "indexing"}
    assert set(found["weights"]) == {"seconds", "processor_seconds", "bytes"}
    assert set(found["indexing"]) == {"seconds", "processor_seconds"}


def test_means_that_differ_in_one_bit_are_an_error(benchmark, monkeypatch):
    true_means = benchmark.by_indexing
    monkeypatch.setattr(benchmark, "by_indexing", lambda *given: benchmark.np.nextafter(true_means(*given), 2))
    done = CliRunner().invoke(benchmark.main, OPTIONS)
    assert done.exit_code == 1
    assert "different means" in done.output
