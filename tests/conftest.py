"""Hypothesis profiles (`ci` by default, `pytest --hypothesis-profile thorough` for a long search), graphs and runs."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import miniature
import numpy as np
import pytest
from command_line import exit_code_of
from hypothesis import settings

from worldgen.evaluate.runs.run import Run
from worldgen.facts import Vocabulary
from worldgen.graphs.graph import KnowledgeGraph
from worldgen.graphs.spelling import Spelling
from worldgen.storage.engines import Ray

# One thread a process, before anything loads torch: the tests' models are so small that threads only wait for one
# another, and pytest-xdist has a process on each core.
os.environ.setdefault("OMP_NUM_THREADS", "1")

settings.register_profile("ci", deadline=None, derandomize=True, print_blob=True)
settings.register_profile("thorough", max_examples=20000, deadline=None)
settings.load_profile("ci")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Marks every test in tests/slow as slow."""
    for item in items:
        if Path(__file__).parent / "slow" in item.path.parents:
            item.add_marker("slow")


@pytest.fixture(scope="session")
def wikidata_sample() -> Path:
    """Real Wikidata triples beside the checkout; tests that ask for them are skipped where they are not."""
    folder = Path(__file__).parents[2] / "shared" / "data" / "wikidata-sample"
    if not folder.is_dir():
        pytest.skip(f"no {folder}")
    return folder


@pytest.fixture(scope="session")
def words() -> Spelling:
    """One piece a word or mark; a label is cut after its first pieces."""

    def cut(labels: Iterable[str], most: int) -> list[str]:
        ends = ([m.end() for m in re.finditer(r"\w+|[^\w\s]", label)] for label in labels)
        return [label[: (end[:most] or [len(label)])[-1]] for label, end in zip(labels, ends, strict=True)]

    def split(labels: Iterable[str]) -> list[tuple[str, ...]]:
        return [tuple(re.findall(r"\w+|[^\w\s]", label)) for label in labels]

    return Spelling(cut, split, lambda labels: list(split(labels)))


@pytest.fixture(scope="session")
def session_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A temporary folder that every process of the session has in common."""
    own = tmp_path_factory.getbasetemp()
    return own.parent if "PYTEST_XDIST_WORKER" in os.environ else own


@pytest.fixture(scope="session")
def built_run(session_folder: Path) -> Iterator[Run]:
    """A miniature run that is built, made once a session; to be read only, `miniature.variant` gives one to change."""
    with miniature.made_once(miniature.run_in(session_folder / "built"), miniature.build) as run:
        yield run


@pytest.fixture(scope="session")
def trained_run(session_folder: Path, built_run: Run) -> Iterator[Run]:
    """A miniature run with every stage, edited by LoRA, made once a session; to be read only as `built_run` is."""

    def make(run: Run) -> None:
        miniature.train_and_edit(miniature.variant(built_run, run.folder, miniature.TRAINED))

    with miniature.made_once(miniature.run_in(session_folder / "trained", *miniature.TRAINED), make) as run:
        yield run


Triple = tuple[str, str, str]


@pytest.fixture(scope="session")
def graph_of() -> Callable[[Iterable[Triple]], KnowledgeGraph]:
    """A graph of functional facts told in words."""

    def names(kind: str, labels: Iterable[str]) -> Vocabulary:
        known = tuple(dict.fromkeys(labels))
        return Vocabulary(kind, known, tuple(f"id of {label}" for label in known), ((),) * len(known))

    def build(triples: Iterable[Triple]) -> KnowledgeGraph:
        heads, links, tails = zip(*triples, strict=True)
        vocabularies = names("subject", heads), names("relation", links), names("object", tails)
        columns = [
            np.array([vocabulary.id_of(label) for label in column], dtype=np.int32)
            for vocabulary, column in zip(vocabularies, (heads, links, tails), strict=True)
        ]
        order = np.lexsort((columns[1], columns[0]))
        return KnowledgeGraph(*vocabularies, *(column[order] for column in columns))

    return build


@pytest.fixture(scope="session")
def chained_triples() -> list[Triple]:
    """120 subjects with 2 to 4 of the relations r0 .. r3; the objects of r1 lean on r0's, of r2 on r1's."""
    rng = np.random.default_rng(7)
    triples = []
    for s in range(120):
        first = int(rng.integers(8))
        second = int((first + rng.integers(3)) % 5)
        third = int((second + rng.integers(4)) % 7)
        objects = [f"red {first}", f"green {second}", f"blue {third}", f"black {rng.integers(9)}"]
        has = sorted(rng.choice(4, size=int(rng.integers(2, 5)), replace=False).tolist())
        triples += [(f"s{s}", f"r{r}", objects[r]) for r in has]
    return triples


@pytest.fixture(scope="session")
def chained_graph(graph_of: Callable, chained_triples: list[Triple]) -> KnowledgeGraph:
    """The graph of `chained_triples`."""
    return graph_of(chained_triples)


@pytest.fixture
def worldgen(capsys: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, str, str]]:
    """Returns what runs the command `worldgen` in this process and returns its exit code, stdout and stderr."""

    def run(*arguments: object) -> tuple[int, str, str]:
        code = exit_code_of(*arguments)
        return code, *capsys.readouterr()

    return run


@pytest.fixture(scope="session")
def ray_engine() -> Iterator[Ray]:
    """A real Ray cluster of this machine with two workers, which can import what the tests define."""
    pytest.importorskip("ray")
    engine = Ray(2)
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("RAY_ADDRESS", raising=False)
        patch.setenv("PYTHONPATH", str(Path(__file__).parent / "slow"))
        list(engine.map(max, 0, [0]))  # starts it
    yield engine
    engine.close()
