"""The part of the page about belief graphs: numbers, drawings of the right nodes and edges, and hostile labels."""

from __future__ import annotations

import re
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pandas as pd
import pytest
from belief_graphs import graph_of_edges, nodes_in

from worldgen.evaluate.report.figures.svg import FigureFolder
from worldgen.evaluate.report.graphs.material import GraphMaterial
from worldgen.evaluate.report.graphs.parts import MOST_DRAWN, MOST_LABELLED, around, with_edges
from worldgen.evaluate.report.graphs.section import GraphPart, graph_section
from worldgen.evaluate.report.page import _environment
from worldgen.evaluate.slag.graphs.belief_graph import BeliefGraph
from worldgen.evaluate.slag.graphs.comparison import edge_table
from worldgen.evaluate.slag.graphs.drawn import drawn_graph
from worldgen.evaluate.slag.graphs.files import node_table
from worldgen.evaluate.statistics.block_bootstrap import Resampling

HOSTILE = ['"</script><b>x</b>" is', "\u202eright to left", "a" * 500, "$x_1$ & 'quotes'"]
MODEL = {(0, 1): ("true", 0.5), (1, 2): ("true", 0.2), (0, 2): ("true", 0.4), (3, 0): ("true", 0.9)}
RATIONAL = {(0, 1): ("true", 0.6), (2, 3): ("true", 0.1)}


def material(M: BeliefGraph, R: BeliefGraph | None, texts: list[str] | None = None) -> GraphMaterial:
    nodes = nodes_in("paired", len(M.before))
    drawn = drawn_graph(nodes, M, R, Resampling(100, 0.95, "sample"), np.random.default_rng(0))
    table = node_table(nodes, M, M.before, R)
    if texts:
        table.loc[: len(texts) - 1, "text"] = texts
        table.loc[: len(texts) - 1, "label"] = texts
    return GraphMaterial("ft", "ft", drawn, table, edge_table(M, R))


def part(folder: Path, found: GraphMaterial) -> GraphPart:
    (only,) = graph_section([found], FigureFolder(folder))
    return only


def page_of(parts: list[GraphPart]) -> str:
    return _environment().get_template("graphs.html.jinja").render(graphs=parts, confidence="95%")


def test_the_table_has_both_graphs_side_by_side(tmp_path: Path) -> None:
    R = graph_of_edges(6, RATIONAL, observed={0, 2})
    found = part(tmp_path, material(graph_of_edges(6, MODEL), R))
    rows = {row.label: [cell.text for cell in row.cells] for row in found.rows}
    assert found.title == "ft: 6 statements, true or false"
    assert rows["edges"] == ["4", "2"]
    assert rows["flips made, or observed"] == ["6", "2"]
    assert rows["update-transitivity, grandchildren"] == ["0.333", "–"]  # 0-1-2 is closed; 3-0-1 and 3-0-2 are not
    assert {row.label: row.cells[0].text for row in found.agreement}["edge precision"] == "0.500"
    assert found.drawn == "All 4 beliefs with an edge are drawn; 2 without an edge are left out."
    assert set(found.around) == {"the model", "the rational agent"}


def test_a_part_has_the_neighbours_of_the_most_connected_node() -> None:
    its = material(graph_of_edges(6, MODEL), graph_of_edges(6, RATIONAL, observed={0, 2}))
    model, rational = (around(its.nodes, its.edges, graph) for graph in ("model", "rational"))
    assert model is not None
    assert rational is not None
    assert set(model.nodes.index) == {0, 1, 2, 3}
    assert set(rational.nodes.index) == {0, 1}  # all have one edge: the first
    assert len(rational.edges) == 1


def test_large_graphs_are_cut_and_places_are_numbers() -> None:
    n = 400
    edges = pd.DataFrame({"source": np.arange(1, n), "target": 0, "model": True, "weight": np.linspace(0, 1, n - 1)})
    nodes = pd.DataFrame({"text": ["t"] * n, "label": ["l"] * n, "right": True})
    whole, near = with_edges(nodes, edges), around(nodes, edges, "model")
    assert len(whole.nodes) == MOST_DRAWN
    assert 0 in whole.nodes.index
    assert np.isfinite([whole.x, whole.y]).all()
    assert near is not None
    assert near.nodes.index.tolist() == [0, *range(n - MOST_LABELLED + 1, n)]  # those of the greatest weights
    again = with_edges(nodes, edges)
    assert (again.x == whole.x).all()


def test_drawings_have_two_styles_and_every_label_is_text(tmp_path: Path) -> None:
    its = material(graph_of_edges(6, MODEL), graph_of_edges(6, RATIONAL, observed={0, 2}), HOSTILE)
    page = page_of([part(tmp_path, its)])
    svg = (tmp_path / "belief-graph-ft.svg").read_text()
    ElementTree.fromstring(svg)
    assert "stroke-dasharray" in svg
    assert "<script" not in page
    assert "<b>x" not in page
    assert "$x_1$" in svg
    assert "&lt;/script&gt;" in page
    assert re.search(r"a{60,70}…", page.replace("\n", "")) is None  # a long label is broken into lines
    assert "var(--model)" in page


def test_a_graph_without_edges_or_without_an_agent_is_a_table_alone(tmp_path: Path) -> None:
    lonely = part(tmp_path, material(graph_of_edges(4, {}), None))
    assert (lonely.whole, lonely.around, lonely.curve, lonely.agreement) == (None, {}, None, [])
    assert lonely.heads == ("model",)
    assert "rational agent</th>" not in page_of([lonely])


@pytest.mark.parametrize("threshold", [0.3])
def test_the_curve_is_drawn_where_both_graphs_have_edges(tmp_path: Path, threshold: float) -> None:
    its = material(graph_of_edges(6, MODEL), graph_of_edges(6, RATIONAL, observed={0, 2}))
    assert part(tmp_path, its).curve is not None
    at = next(at for at in its.drawn.curve if at.threshold == threshold)
    assert (at.edges, at.precision.mean) == (3, 0.5)
    assert part(tmp_path, material(graph_of_edges(6, MODEL), graph_of_edges(6, {}))).curve is None
