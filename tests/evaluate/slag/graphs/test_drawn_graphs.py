"""Belief graphs: an editor that is a table of what changes, agreement by hand, and every file of a graph."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import belief_graphs
import networkx as nx
import numpy as np
import pandas as pd
import pytest
import slag_worlds
from belief_graphs import graph_of_edges, nodes_in, pairs
from hypothesis import given
from hypothesis import strategies as st

from worldgen.evaluate.asking.measurements import Measurements, save_measurements
from worldgen.evaluate.asking.questions import Question, QuestionKind
from worldgen.evaluate.asking.replies import Replies
from worldgen.evaluate.slag.graphs.belief_graph import BeliefGraph, texts_of
from worldgen.evaluate.slag.graphs.comparison import THRESHOLDS, by_threshold, compared, curve_name, edge_table
from worldgen.evaluate.slag.graphs.drawn import drawn_graph, read_drawn_graph, write_drawn_graph
from worldgen.evaluate.slag.graphs.files import node_table, write_graph
from worldgen.evaluate.slag.graphs.flips import flip_blocks, flipped_beliefs, graph_of_flips
from worldgen.evaluate.slag.graphs.measures import out_degrees
from worldgen.evaluate.slag.graphs.nodes import Node
from worldgen.evaluate.slag.graphs.rational import rational_graph
from worldgen.evaluate.slag.graphs.text import graph_as_text
from worldgen.evaluate.slag.points import TRUE, Task
from worldgen.evaluate.slag.predictions import normalised
from worldgen.evaluate.slag.updating.measured_blocks import trials_of
from worldgen.evaluate.statistics.block_bootstrap import Resampling

TABLE = {0: {0, 1, 4}, 1: {1}, 2: {0}, 3: {3, 2}, 4: set()}
"""Flip u changes what the table says, itself among it."""
RESAMPLING = Resampling(100, 0.95, "sample")


def by_the_table(folder: Path, nodes: Sequence[Node], task: Task) -> BeliefGraph:
    """The graph of an editor that is the table: p of what is held falls from .9 to .1; flips are in two folders."""
    world, number = slag_worlds.paired()[0], {node.point.id: v for v, node in enumerate(nodes)}

    def replies(questions: Sequence[Question], after: bool) -> Replies:
        said, probability = [], []
        for q in questions:
            v = number[q.about]
            moves = after and v in TABLE[q.case]
            said.append(("another" if moves else nodes[v].predicted) if q.kind is QuestionKind.ANSWER else "")
            asks_for_held = task is Task.GEN or (nodes[v].predicted == TRUE) == (q.target == TRUE)
            probability.append(0.1 if moves == asks_for_held else 0.9)
        return Replies(np.array(probability), said)

    for first, last in ((0, 3), (3, 5)):
        trials = trials_of(flip_blocks(nodes, world.objects, first, last), world, 0)
        questions = [question for trial in trials for question in trial.questions]
        measured = Measurements.of(questions, replies(questions, False), replies(questions, True))
        save_measurements(folder / f"{first:07d}", measured)
    graph, updated = graph_of_flips(flipped_beliefs(nodes, sorted(folder.iterdir())), nodes)
    assert (updated != graph.before).tolist() == graph.flips.tolist()
    return graph


@pytest.mark.parametrize("task", Task)
def test_the_graph_has_the_edges_of_a_table(tmp_path: Path, task: Task) -> None:
    nodes = nodes_in("paired", 5, task)
    graph = by_the_table(tmp_path, nodes, task)
    assert pairs(graph.A) == {(0, 1), (0, 4), (2, 0), (3, 2)}
    assert graph.flips.tolist() == [True, True, False, True, False]
    assert graph.weight.tolist() == pytest.approx([0.8] * 4)
    other = {"true": "false", "false": "true"}
    changed = [1, 4, 0, 2]
    expected = ["another"] * 4 if task is Task.GEN else [other[nodes[v].predicted] for v in changed]
    assert graph.becomes.tolist() == expected


@pytest.mark.parametrize("task", Task)
def test_a_flip_asks_for_what_the_model_does_not_say_and_for_every_node_once(task: Task) -> None:
    nodes = nodes_in("chained", 6, task, entailed=task is Task.TF)
    for u, block in enumerate(flip_blocks(nodes, slag_worlds.chained()[0].objects, 0, len(nodes))):
        assert normalised(block.updates[0].label) != nodes[u].predicted
        prompts = [asked.prompt for asked in block.asked] + [point.main.prompt for point in block.random]
        assert sorted(prompts) == sorted(node.point.main.prompt for node in nodes)


def test_a_gen_node_is_asked_for_the_probability_of_what_is_held() -> None:
    nodes, world = nodes_in("paired", 4, Task.GEN), slag_worlds.paired()[0]
    (block,) = flip_blocks(nodes, world.objects, 2, 3)
    assert [point.main.eligible[0].lower() for point in block.random] == [nodes[v].predicted for v in (0, 1, 3)]
    assert block.updates[0].label in nodes[2].point.alternatives
    assert block.updates[0].weight in nodes[2].point.alternative_weights


def test_entailed_nodes_are_labelled_by_the_truth_and_are_no_point_twice() -> None:
    nodes = nodes_in("chained", 40, entailed=True)
    prompts = [node.point.main.prompt for node in nodes]
    assert len(set(prompts)) == len(prompts) > 40
    assert all(len(node.point.main.eligible) == 1 for node in nodes[40:])
    assert any(node.point.fact is None for node in nodes[40:])


def test_agreement_by_hand() -> None:
    """The model has 0 -> 1, 0 -> 2, 1 -> 2 and 3 -> 0, the agent 0 -> 1, 0 -> 3 and 1 -> 2; it cannot observe flip 3.

    0 -> 1 becomes the same of both: entailed. 1 -> 2 becomes another answer: contradictory. Its weight is the least.
    """
    M = graph_of_edges(4, {(0, 1): ("a", 0.5), (0, 2): ("a", 0.4), (1, 2): ("b", 0.1), (3, 0): ("a", 0.9)})
    R = graph_of_edges(4, {(0, 1): ("a", 0.2), (0, 3): ("a", 0.2), (1, 2): ("c", 0.2)}, observed={0, 1, 2})
    found = {name: ratios.pooled for name, ratios in compared(M, R).items()}
    third = pytest.approx(1 / 3)
    assert found == {
        "precision": pytest.approx(2 / 3), "recall": pytest.approx(2 / 3), "f1": pytest.approx(2 / 3),
        "entailed": third, "contradictory": third, "neutral": third,
    }  # fmt: skip
    strong = {name: ratios.pooled for name, ratios in compared(M, R, 0.3).items()}
    assert strong == {
        "precision": 1 / 2, "recall": third, "f1": pytest.approx(2 / 5), "entailed": 1 / 2, "contradictory": 0,
        "neutral": 1 / 2,
    }  # fmt: skip
    assert by_threshold(M, R)[curve_name("f1", 0.3)].pooled == pytest.approx(2 / 5)
    table = edge_table(M, R)
    assert {(row.source, row.target): row.kind for row in table.itertuples()} == {
        (0, 1): "entailed", (0, 2): "neutral", (0, 3): "missed", (1, 2): "contradictory", (3, 0): "",
    }  # fmt: skip
    assert table["weight"].tolist() == pytest.approx([0.5, 0.4, np.nan, 0.1, 0.9], nan_ok=True)
    assert table["agent_becomes"].tolist() == ["a", "", "a", "c", ""]
    assert edge_table(M, None)["target"].tolist() == [1, 2, 2, 0]


@st.composite
def two_graphs(draw: st.DrawFn) -> tuple[BeliefGraph, BeliefGraph]:
    n = draw(st.integers(1, 6))
    every = [(u, v) for u in range(n) for v in range(n) if u != v]
    about = st.tuples(st.sampled_from("ab"), st.sampled_from([0.0, 0.3, 1.0, np.nan]))
    edges = st.dictionaries(st.sampled_from(every), about) if every else st.just({})
    observed = draw(st.sets(st.integers(0, n - 1)))
    R = {pair: said for pair, said in draw(edges).items() if pair[0] in observed}
    return graph_of_edges(n, draw(edges)), graph_of_edges(n, R, observed)


@given(two_graphs(), st.sampled_from(THRESHOLDS))
def test_agreement_is_that_of_loops(both: tuple[BeliefGraph, BeliefGraph], threshold: float) -> None:
    M, R = both
    found = compared(M, R, threshold)
    model = {
        pair: said
        for pair, said, weight in zip(belief_graphs.ordered(M), M.becomes, M.weight, strict=True)
        if R.flips[pair[0]] and not (np.isnan(weight) and threshold > 0) and not weight < threshold
    }
    agent = dict(zip(belief_graphs.ordered(R), R.becomes, strict=True))
    for u in range(len(M.before)):
        mine, due = ({pair for pair in edges if pair[0] == u} for edges in (model, agent))
        same = sum(model[pair] == agent[pair] for pair in mine & due)
        assert (found["precision"].hits[u], found["precision"].trials[u]) == (len(mine & due), len(mine))
        assert (found["recall"].hits[u], found["recall"].trials[u]) == (len(mine & due), len(due))
        assert (found["entailed"].hits[u], found["contradictory"].hits[u]) == (same, len(mine & due) - same)
        assert found["neutral"].hits[u] == len(mine - due)


@pytest.mark.parametrize("task", Task)
def test_the_rational_graph_agrees_with_itself(task: Task) -> None:
    rational = rational_graph(*slag_worlds.chained(), nodes_in("chained", 60, task))
    found = compared(rational, rational)
    assert [found[name].pooled for name in ("precision", "recall", "f1", "entailed")] == [1, 1, 1, 1]


HOSTILE = {"text": '"</data> & <script>\x07 \u202eevil" is', "id": "a<b"}


@pytest.fixture(scope="module")
def drawn_files(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[Node], BeliefGraph, BeliefGraph]:
    nodes, folder = nodes_in("paired", 12), tmp_path_factory.mktemp("graph")
    edges = {(0, 1): ("true", 0.5), (1, 2): ("false", 0.25), (2, 0): ("true", np.nan), (5, 6): ("false", 1.0)}
    M = graph_of_edges(12, edges, before=[node.predicted for node in nodes])
    R = rational_graph(*slag_worlds.paired(), nodes)
    table = node_table(nodes, M, M.before, R)
    table.loc[4, list(HOSTILE)] = list(HOSTILE.values())
    write_graph(folder, table, edge_table(M, R))
    return folder, nodes, M, R


def test_every_file_has_the_same_graph(drawn_files: tuple[Path, list[Node], BeliefGraph, BeliefGraph]) -> None:
    folder, nodes, M, R = drawn_files
    for edges in (pd.read_parquet(folder / "edges.parquet"), pd.read_csv(folder / "edges.csv")):
        assert {(row.source, row.target) for row in edges[edges["model"]].itertuples()} == pairs(M.A)
        assert {(row.source, row.target) for row in edges[edges["rational"]].itertuples()} == pairs(R.A)
    known = pd.read_parquet(folder / "nodes.parquet")
    assert known["text"].drop(4).tolist() == [node.point.main.prompt for node in nodes if node is not nodes[4]]
    assert known["right"].tolist() == [node.right for node in nodes]
    assert pd.read_csv(folder / "nodes.csv")["out_degree"].tolist() == known["out_degree"].tolist()
    assert known["out_degree"].tolist() == out_degrees(M.A).tolist()


def test_graphml_is_read_by_a_library_hostile_labels_too(
    drawn_files: tuple[Path, list[Node], BeliefGraph, BeliefGraph],
) -> None:
    folder, nodes, M, R = drawn_files
    graph = nx.read_graphml(folder / "beliefs.graphml", node_type=int)
    assert set(graph.edges) == pairs(M.A) | pairs(R.A)
    assert graph.nodes[3]["text"] == nodes[3].point.main.prompt
    assert graph.nodes[4]["text"] == HOSTILE["text"].replace("\x07", "\N{REPLACEMENT CHARACTER}")
    assert graph.nodes[4]["point"] == "a<b"
    assert graph.edges[0, 1]["model"] is True
    assert graph.edges[0, 1]["weight"] == 0.5
    assert "weight" not in graph.edges[2, 0]


def test_the_statistics_are_told_in_words_and_json(
    drawn_files: tuple[Path, list[Node], BeliefGraph, BeliefGraph], tmp_path: Path
) -> None:
    _, nodes, M, R = drawn_files
    drawn = drawn_graph(nodes, M, R, RESAMPLING, np.random.default_rng(0))
    text, json = graph_as_text(drawn), drawn.as_json()
    assert "update-transitivity, grandchildren" in text
    assert isinstance(json["model"], dict)
    assert json["model"]["edges"] == 4
    assert json["model"]["transitivity"]["mean"] == 0
    assert drawn.rational is not None
    assert drawn.rational.flips == R.flips.sum()
    assert [at.edges for at in drawn.curve] == [4, *[3] * 5, *[2] * 5, *[1] * 9]  # weights .25, .5, 1, and unknown
    write_drawn_graph(tmp_path / "statistics.json", drawn)
    assert read_drawn_graph(tmp_path / "statistics.json").as_json() == json


def test_without_an_agent_there_is_the_models_graph_alone(tmp_path: Path) -> None:
    nodes = nodes_in("paired", 6)
    M = graph_of_edges(6, {(0, 1): ("true", 0.5)})
    drawn = drawn_graph(nodes, M, None, RESAMPLING, np.random.default_rng(0))
    assert (drawn.rational, drawn.agreement, drawn.curve) == (None, {}, ())
    assert "rational" not in graph_as_text(drawn)
    write_drawn_graph(tmp_path / "statistics.json", drawn)
    assert read_drawn_graph(tmp_path / "statistics.json").as_json() == drawn.as_json()
    assert not [name for name in node_table(nodes, M, texts_of([""] * 6), None) if name.startswith("agent")]
