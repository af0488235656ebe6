"""benchmarks/trust.py: both models on a few reports, and its check."""

import json

import benchmark_files
import pytest
from click.testing import CliRunner


@pytest.fixture(scope="module")
def benchmark():
    return benchmark_files.load("trust")


def test_the_figures_of_both_models(benchmark):
    done = CliRunner().invoke(benchmark.main, ["--facts", "600", "--reports", "1200"])
    assert done.exit_code == 0, done.output
    a, b = json.loads(done.stdout)
    assert (a["model"], b["model"]) == ("A", "B")
    for said in (a, b):
        assert said["reports"] == 1200
        assert said["fit_seconds"] > 0
        assert said["question_ms_p99"] >= said["question_ms_median"] > 0
    assert a["learned"] == sorted(a["learned"], reverse=True)


def test_a_model_that_learns_wrongly_is_an_error(benchmark, monkeypatch):
    monkeypatch.setattr(benchmark, "fit", lambda model, said, prior, reading: benchmark_fit(model, said, prior))

    def benchmark_fit(model, said, prior):
        from worldgen.bayes.trust.trust import fit

        return fit(model, said, prior.observe([1000] * said.K, [0] * said.K), "independent")

    done = CliRunner().invoke(benchmark.main, ["--facts", "600", "--reports", "1200"])
    assert done.exit_code != 0
    assert "model A learned" in done.output
