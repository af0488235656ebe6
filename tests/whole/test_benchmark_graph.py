"""benchmarks/graph.py at small sizes: every part gives its line of JSON."""

from __future__ import annotations

import json

import benchmark_files
from click.testing import CliRunner


def lines(*arguments: str) -> list[dict]:
    found = CliRunner().invoke(benchmark_files.load("graph").main, arguments, catch_exceptions=False)
    return [json.loads(line) for line in found.stdout.splitlines()]


def test_statistics_of_a_large_graph() -> None:
    for kind in ("random", "acyclic"):
        (found,) = lines("statistics", "--nodes", "60", "--edges", "500", "--kind", kind)
        assert 400 < found["edges"] < 600
        assert 0 < found["transitivity"] < 1
        assert (found["strong_components"] == 60) == (kind == "acyclic")
        assert found["graphml_bytes"] > 20 * 500


def test_rational_graphs_of_both_tasks() -> None:
    gen, tf = lines("rational", "--nodes", "40")
    assert (tf["task"], gen["task"]) == ("tf", "gen")
    assert tf["nodes"] == gen["nodes"] == gen["observed"] == 40 > tf["observed"] > 0
