"""Belief graphs: an editor that is a table of what changes, the rational graph against the slow agent, agreement."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import networkx as nx
import numpy as np
import pandas as pd
import pytest
import slag_worlds
from numpy.typing import NDArray
from scipy.sparse import csr_array

from worldgen.bayes.statements import credence
from worldgen.evaluate.asking.measurements import Measurements, save_measurements
from worldgen.evaluate.asking.replies import Replies
from worldgen.evaluate.slag.graphs.comparison import compared, edge_table
from worldgen.evaluate.slag.graphs.drawn import drawn_graph, truths
from worldgen.evaluate.slag.graphs.files import node_table, write_graph
from worldgen.evaluate.slag.graphs.flips import changed_by_flips, flip_blocks, graph_of_flips
from worldgen.evaluate.slag.graphs.measures import edges_of, graph_of
from worldgen.evaluate.slag.graphs.nodes import Node, entailed_nodes, nodes_of
from worldgen.evaluate.slag.graphs.rational import RationalGraph, rational_graph
from worldgen.evaluate.slag.graphs.text import graph_as_text
from worldgen.evaluate.slag.points import TRUE, Task
from worldgen.evaluate.slag.predictions import PointQuestions, predictions_of
from worldgen.evaluate.slag.updating.measured_blocks import trials_of
from worldgen.evaluate.statistics.block_bootstrap import Resampling

WHICH = pytest.mark.parametrize("which", ["paired", "chained"])


def nodes_in(which: str, count: int, entailed: bool = False) -> list[Node]:
    """TF nodes of a world, those of few subjects, of a model that answers by a coin."""
    world, agent = getattr(slag_worlds, which)()
    points = sorted(slag_worlds.of_task(which, Task.TF), key=lambda point: point.subject)[:count]
    questions = PointQuestions(tuple(points))
    coins = np.random.default_rng(0).choice(["true", "false"], len(questions.asked))
    said = predictions_of(questions.asked, coins.tolist())
    nodes = nodes_of(world, questions, said)
    return nodes + (entailed_nodes(world, agent, questions, said, 0.95) if entailed else [])


def adjacency(n: int, edges: Sequence[tuple[int, int]]) -> csr_array:
    source, target = np.array(edges, dtype=np.int64).reshape(-1, 2).T
    return graph_of(source, target, n)


def pairs(A: csr_array) -> set[tuple[int, int]]:
    return set(zip(*(ends.tolist() for ends in edges_of(A)), strict=True))


def test_the_graph_has_the_edges_of_a_table(tmp_path: Path) -> None:
    """Flip u changes what the table says, itself among it; flips are in two folders, one has two files."""
    world, nodes = slag_worlds.paired()[0], nodes_in("paired", 5)
    table = {0: {0, 1, 4}, 1: {1}, 2: {0}, 3: {3, 2}, 4: set()}
    holds, _ = truths(nodes)
    for name, first, last in (("0000000", 0, 3), ("0000003", 3, 5)):
        trials = trials_of(flip_blocks(nodes, first, last), world, 0)
        questions = [question for trial in trials for question in trial.questions]
        number = {node.point.id: v for v, node in enumerate(nodes)}
        after = [
            0.9 if (holds[v := number[q.about]] != (v in table[q.case])) == (q.target == TRUE) else 0.1
            for q in questions
        ]
        replies = Replies(np.array(after), [""] * len(after))
        save_measurements(tmp_path / name, Measurements.of(questions, replies, replies))
    A, flipped = graph_of_flips(changed_by_flips(nodes, sorted(tmp_path.iterdir())), 5)
    assert pairs(A) == {(0, 1), (0, 4), (2, 0), (3, 2)}
    assert flipped.tolist() == [True, True, False, True, False]


def test_a_flip_asks_for_what_the_model_does_not_say_and_for_every_node_once() -> None:
    nodes = nodes_in("chained", 6, entailed=True)
    for u, block in enumerate(flip_blocks(nodes, 0, len(nodes))):
        assert block.updates[0].label != nodes[u].predicted
        prompts = [asked.prompt for asked in block.asked] + [point.main.prompt for point in block.random]
        assert sorted(prompts) == sorted(node.point.main.prompt for node in nodes)


@WHICH
def test_the_rational_graph_is_the_slow_agents(which: str) -> None:
    """One agent revised for every flip and asked every statement. "not s r o" made false observes "s r o"."""
    world, agent = getattr(slag_worlds, which)()
    nodes = nodes_in(which, 30, entailed=True)
    found, before = rational_graph(world, agent, nodes), [credence(agent, x.statement) > 0.5 for x in nodes]
    expected = set()
    for u, node in enumerate(nodes):
        statement, becomes = node.statement, node.flip.label
        can = (statement.connective, becomes) in {("", "true"), ("not", "false")}
        assert found.observed[u] == can == (node.observation is not None)
        if can:
            weight = agent.weight_for(*statement.first, slag_worlds.CONFIG.target_credence)
            edit = node.observation
            assert edit is not None
            assert (*edit[:3], edit.weight) == (*statement.first, weight)
            after = agent.revise(edit)
            expected |= {
                (u, v)
                for v, other in enumerate(nodes)
                if v != u and (credence(after, other.statement) > 0.5) != before[v]
            }
    assert pairs(found.edges) == expected
    assert found.before.tolist() == before
    assert 0 < found.observed.sum() < len(nodes)
    assert expected


def test_entailed_nodes_are_labelled_by_the_truth_and_are_no_point_twice() -> None:
    nodes = nodes_in("chained", 40, entailed=True)
    prompts = [node.point.main.prompt for node in nodes]
    assert len(set(prompts)) == len(prompts) > 40
    for node in nodes[40:]:
        assert node.point.fact is None or node.point.fact == node.statement.first
        assert len(node.point.main.eligible) == 1


def made_rational(n: int, edges: Sequence[tuple[int, int]], observed: set[int], before: list[bool]) -> RationalGraph:
    return RationalGraph(adjacency(n, edges), np.array([u in observed for u in range(n)]), np.array(before))


def test_agreement_by_hand() -> None:
    """The model has 0 -> 1, 0 -> 2, 1 -> 2 and 3 -> 0, the agent 0 -> 1, 0 -> 3 and 1 -> 2; it cannot observe flip 3.

    Both hold 1 true before: 0 -> 1 is entailed. The agent holds 2 false, the model true: 1 -> 2 is contradictory.
    """
    M = adjacency(4, [(0, 1), (0, 2), (1, 2), (3, 0)])
    R = made_rational(4, [(0, 1), (0, 3), (1, 2)], {0, 1, 2}, [True, True, False, True])
    holds = np.array([True, True, True, False])
    found = {name: ratios.pooled for name, ratios in compared(M, R, holds).items()}
    third = pytest.approx(1 / 3)
    assert found == {
        "precision": pytest.approx(2 / 3), "recall": pytest.approx(2 / 3), "f1": pytest.approx(2 / 3),
        "entailed": third, "contradictory": third, "neutral": third,
    }  # fmt: skip
    kinds = {(row.source, row.target): row.kind for row in edge_table(M, R, holds).itertuples()}
    assert kinds == {
        (0, 1): "entailed", (0, 2): "neutral", (0, 3): "missed", (1, 2): "contradictory", (3, 0): "",
    }  # fmt: skip


def test_the_rational_graph_agrees_with_itself() -> None:
    world, agent = slag_worlds.chained()
    rational = rational_graph(world, agent, nodes_in("chained", 30))
    found = compared(rational.edges, rational, rational.before)
    assert [found[name].pooled for name in ("precision", "recall", "f1", "entailed")] == [1, 1, 1, 1]


@pytest.fixture(scope="module")
def drawn_files(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[Node], csr_array, RationalGraph]:
    (world, agent), nodes = slag_worlds.paired(), nodes_in("paired", 12)
    M, folder = adjacency(12, [(0, 1), (1, 2), (2, 0), (5, 6)]), tmp_path_factory.mktemp("graph")
    rational = rational_graph(world, agent, nodes)
    flipped: NDArray[np.bool_] = np.arange(12) != 4
    write_graph(folder, node_table(nodes, M, flipped, rational), edge_table(M, rational, truths(nodes)[0]))
    return folder, nodes, M, rational


def test_every_file_has_the_same_graph(drawn_files: tuple[Path, list[Node], csr_array, RationalGraph]) -> None:
    folder, nodes, M, rational = drawn_files
    both = pairs(M) | pairs(rational.edges)
    for edges in (pd.read_parquet(folder / "edges.parquet"), pd.read_csv(folder / "edges.csv")):
        assert {(row.source, row.target) for row in edges[edges["model"]].itertuples()} == pairs(M)
        assert {(row.source, row.target) for row in edges[edges["rational"]].itertuples()} == pairs(rational.edges)
    known = pd.read_parquet(folder / "nodes.parquet")
    assert known["text"].tolist() == [node.point.main.prompt for node in nodes]
    assert known["right"].tolist() == [node.right for node in nodes]
    assert (known["updated"] == known["predicted"]).tolist() == [u == 4 for u in range(12)]
    assert pd.read_csv(folder / "nodes.csv")["out_degree"].tolist() == known["out_degree"].tolist()
    graph = nx.read_graphml(folder / "beliefs.graphml", node_type=int)
    assert set(graph.edges) == both
    assert graph.nodes[3]["text"] == nodes[3].point.main.prompt
    assert graph.edges[0, 1]["model"] is True


def test_the_statistics_are_told_in_words_and_json(
    drawn_files: tuple[Path, list[Node], csr_array, RationalGraph],
) -> None:
    _, nodes, M, rational = drawn_files
    resampling = Resampling(100, 0.95, "sample")
    drawn = drawn_graph(nodes, M, np.ones(12, dtype=bool), rational, resampling, np.random.default_rng(0))
    text, json = graph_as_text(drawn), drawn.as_json()
    assert "update-transitivity, grandchildren" in text
    assert isinstance(json["model"], dict)
    assert json["model"]["edges"] == 4
    assert json["model"]["transitivity"]["mean"] == 0
    assert drawn.rational.flips == rational.observed.sum()
