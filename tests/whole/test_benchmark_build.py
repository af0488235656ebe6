"""benchmarks/build.py and its made-up Wikidata5m, at their smallest."""

from __future__ import annotations

import importlib
import json
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import benchmark_files
import numpy as np
import pytest
from click.testing import CliRunner

from worldgen.corpus.wording import Wording
from worldgen.evaluate.runs.run import Run
from worldgen.graphs.reading.opening import open_graph

EVERYTHING = 10**9


@pytest.fixture(scope="module")
def modules() -> Any:
    """Import a module of benchmarks/ by its name."""
    sys.path.insert(0, str(benchmark_files.FOLDER))
    yield importlib.import_module
    sys.path.remove(str(benchmark_files.FOLDER))


@pytest.fixture
def build(modules: Any, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """benchmarks/build.py, its processes left out."""
    module = benchmark_files.load("build")
    monkeypatch.setattr(module, "in_own_process", lambda work, *arguments: work(*arguments))
    return module


@pytest.fixture(scope="module")
def made_up(modules: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("made-up")
    modules("wikidata5m_shaped").make(folder, 20_000, False, seed=0)
    return folder


def test_a_small_build_says_everything(build: ModuleType, made_up: Path, tmp_path: Path) -> None:
    arguments = ["--facts", "1000", "--cases", "20", "--round-trip", "--wikidata5m", str(made_up)]
    settings = ["graph.min_cooccurrence=5", "graph.relations=4"]
    arguments += [part for setting in settings for part in ("--set", setting)]
    done = CliRunner().invoke(build.main, [*arguments, "--out", str(tmp_path / "out" / "build.json")])
    assert (done.exit_code, done.exception) == (0, None), done.output
    results = json.loads((tmp_path / "out" / "build.json").read_text())
    assert results["exponents"] == {}  # of one world
    (world,) = results["builds"]
    assert 950 <= world["facts"] <= 1050
    assert list(world["stages"]) == ["graph", "world", "corpus", "tokens", "agent", "cases"]
    assert world["round_trip"]["sentences"] == world["sentences"] > 10 * world["facts"]
    assert world["round_trip"]["errors"] == 0
    for stage in world["stages"].values():
        assert stage["seconds"] > 0 < stage["floor_seconds"]
        assert stage["factor"] == pytest.approx(stage["seconds"] / stage["floor_seconds"], abs=0.06)
        assert stage["peak_bytes"] > results["imports_bytes"] / 2
        assert stage["bytes"] > 0 < stage["items"]
    assert world["stages"]["tokens"]["bytes"] > 2 * world["tokens"] == 2 * world["stages"]["tokens"]["items"]
    assert world["peak_bytes"] == max(stage["peak_bytes"] for stage in world["stages"].values())
    read = results["wikidata5m"]
    assert not read["made_up"]
    assert read["selection"]["rows_read"] == 20_000
    assert read["seconds"]["all"] == pytest.approx(sum(read["seconds"].values()) / 2, abs=0.1)
    assert read["saved_bytes"] > 0
    assert f"{world['facts']:,}" in done.output
    assert "0 errors" in done.output


def test_sentences_that_are_read_as_others_are_counted(
    modules: Any, built_run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = built_run.folder
    read_back = modules("build_stages").read_back
    whole = read_back(folder, 1)
    assert (whole["errors"], whole["sentences"] > 1000) == (0, True)
    true_texts = Wording.texts

    def texts(wording: Wording, sentences: Any) -> list[str]:
        right = true_texts(wording, sentences)
        return ["no sentence", right[-1], *right[2:]]  # one that is none, and one that says something else

    monkeypatch.setattr(Wording, "texts", texts)
    shards = len(list((folder / "corpus").glob("sentences-*.parquet")))
    assert read_back(folder, 1)["errors"] == 2 * shards


def test_exponents_are_those_of_the_law_that_costs_follow(build: ModuleType) -> None:
    worlds = [
        {"asked_for": n, "facts": n, "sentences": 24 * n, "seconds": 3e-4 * n**1.1, "peak_bytes": 1e6 * (24 * n) ** 0.3}
        for n in (10_000, 30_000, 100_000, 1_000_000)
    ]
    small = {"asked_for": 1000, "facts": 1000, "sentences": 24_000, "seconds": 9.0, "peak_bytes": 1e9}
    expected = {"seconds_by_facts": pytest.approx(1.1), "peak_bytes_by_sentences": pytest.approx(0.3)}
    assert build.exponents([small, *worlds]) == expected
    assert build.exponents(worlds[:1]) == {}


# --- files of Wikidata5m's shape ----------------------------------------------------------------------------


def test_the_made_up_graph_is_shaped_like_wikidata5m(modules: Any, made_up: Path) -> None:
    """As large for its triples; lines as long; half of the facts of ten relations; some objects much commoner."""
    shaped = modules("wikidata5m_shaped")
    source = open_graph(made_up)
    table = source.triples(EVERYTHING, strict=True)
    assert table.lines == 20_000
    assert len(np.unique(table.rows.head)) == round(shaped.ENTITIES * 20_000 / shaped.TRIPLES)
    relations = np.sort(np.bincount(table.rows.relation))[::-1]
    assert 0.4 < relations[:10].sum() / 20_000 < 0.65
    assert len(relations) > 150
    assert np.bincount(table.rows.tail).max() > 100
    lines = (made_up / "wikidata5m_entity.txt").read_text(encoding="utf-8").splitlines()
    assert len(lines) == round(shaped.NAMED * 20_000 / shaped.TRIPLES)
    assert len({line.split("\t")[0] for line in lines}) == len(lines)
    assert 75 < (made_up / "wikidata5m_entity.txt").stat().st_size / len(lines) < 100
    assert source.entity_names(table.entity_ids).keys() == set(table.entity_ids)
    assert source.relation_names(table.relation_ids).keys() == set(table.relation_ids)


def test_packed_files_hold_the_same(modules: Any, made_up: Path, tmp_path: Path) -> None:
    paths = modules("wikidata5m_shaped").make(tmp_path, 20_000, True, seed=0)
    assert sorted(paths) == sorted(tmp_path.iterdir())
    packed, plain = open_graph(tmp_path), open_graph(made_up)
    tables = [source.triples(EVERYTHING, strict=True) for source in (packed, plain)]
    assert list(tables[0].entity_ids) == list(tables[1].entity_ids)
    assert np.array_equal(tables[0].rows.tail, tables[1].rows.tail)
    some_ids = tables[0].entity_ids[:100]
    assert packed.entity_names(some_ids) == plain.entity_names(some_ids)
    other = modules("wikidata5m_shaped").make(tmp_path / "other", 20_000, False, seed=1)
    assert other[0].read_bytes() != (made_up / other[0].name).read_bytes()
