"""`worldgen build` makes the same world from a dump of Wikidata's as from Wikidata5m's files of the same facts."""

from __future__ import annotations

from pathlib import Path

import pytest
from command_line import exit_code_of
from dump_files import (
    MAKERS,
    json_of,
    write,
)
from graph_checks import facts_of

from worldgen.graphs.graph import KnowledgeGraph

FIXTURE = Path(__file__).parents[2] / "fixtures" / "mini-graph"


def names_in(file: str) -> dict[str, tuple[str, ...]]:
    rows = (line.split("\t") for line in (FIXTURE / file).read_text().splitlines())
    return {id_: tuple(dict.fromkeys(names)) for id_, *names in rows}


FIXTURE_TRIPLES = [
    (row[0], row[1], row[2])
    for row in (line.split("\t") for line in (FIXTURE / "wikidata5m_transductive_train.txt").read_text().splitlines())
]
SETTINGS = (
    "graph.min_cooccurrence=20", "graph.relations=4", "world.facts=200", "corpus.shard_subjects=64",
    "corpus.draws=4", "corpus.min_truths=2", "corpus.shuffles=1", "cases.cases=4",
)  # fmt: skip


def built(run: Path, kg: Path, *settings: str) -> int:
    options = [part for setting in (*SETTINGS, *settings) for part in ("--set", setting)]
    return exit_code_of("build", run, "--preset", "tiny", "--kg", kg, "--quiet", "--strict", *options)


def facts_in(run: Path) -> set[tuple[str, str, str]]:
    return set(facts_of(KnowledgeGraph.load(run / "graph")))


@pytest.fixture(scope="module")
def from_wikidata5m(tmp_path_factory: pytest.TempPathFactory) -> Path:
    run = tmp_path_factory.mktemp("runs") / "wikidata5m"
    assert built(run, FIXTURE) == 0
    return run


@pytest.mark.parametrize("ending", ["json.gz", "json.bz2", "nt.bz2", "nt.gz"])
def test_a_world_from_a_dump_is_that_of_the_same_facts(tmp_path: Path, ending: str, from_wikidata5m: Path) -> None:
    make = MAKERS[ending.split(".")[0]]
    names = names_in("wikidata5m_entity.txt"), names_in("wikidata5m_relation.txt")
    kg = write(tmp_path / f"dump.{ending}", make(FIXTURE_TRIPLES, *names, "de"))
    assert built(tmp_path / "run", kg, "graph.language=de") == 0
    assert facts_in(tmp_path / "run") == facts_in(from_wikidata5m)
    assert (tmp_path / "run" / "cases" / "manifest.json").exists()
    if ending.startswith("nt"):  # the same facts in the same order
        for name in ("facts", "entities", "relations"):
            file = Path("graph") / f"{name}.parquet"
            assert (tmp_path / "run" / file).read_bytes() == (from_wikidata5m / file).read_bytes()


def test_a_world_of_some_properties(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    names = names_in("wikidata5m_entity.txt"), names_in("wikidata5m_relation.txt")
    kg = write(tmp_path / "dump.json.bz2", json_of(FIXTURE_TRIPLES, *names))
    two = 'graph.properties=["P69", "P106"]'
    for source in (kg, FIXTURE):  # the setting means the same for every source
        assert built(tmp_path / f"of {source.name}", source, two, "graph.relations=2", "world.facts=100") == 0
        relations = {relation for _, relation, _ in facts_in(tmp_path / f"of {source.name}")}
        assert relations == {"educated at", "occupation"}
    assert built(tmp_path / "fr", kg, "graph.language=fr") == 2
    assert "graph.language" in capsys.readouterr().err
