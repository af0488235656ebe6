"""The knowledge graph: its order, its counts, and its files."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from worldgen.graphs.graph import KnowledgeGraph, cooccurrence


def test_rows_are_sorted_and_functional(chained_graph: KnowledgeGraph) -> None:
    keys = list(zip(chained_graph.subject.tolist(), chained_graph.relation.tolist(), strict=True))
    assert keys == sorted(set(keys))


@given(st.sets(st.tuples(st.integers(0, 5), st.integers(0, 3)), min_size=1))
def test_cooccurrence_counts_subjects(facts: set[tuple[int, int]]) -> None:
    subject, relation = (np.array(column, dtype=np.int32) for column in zip(*sorted(facts), strict=True))
    expected = Counter((r, q) for s, r in facts for t, q in facts if s == t)
    table = cooccurrence(subject, relation, 6, 4)
    assert table.shape == (4, 4)
    assert {(r, q): n for r, row in enumerate(table.tolist()) for q, n in enumerate(row) if n} == expected


def test_objects_of_a_relation_are_those_of_its_facts(chained_graph: KnowledgeGraph) -> None:
    objects = chained_graph.objects_of(2)
    told = {(s, o) for s, o in enumerate(objects.tolist()) if o >= 0}
    rows = chained_graph.relation == 2
    assert told == set(zip(chained_graph.subject[rows].tolist(), chained_graph.object[rows].tolist(), strict=True))


def test_a_graph_is_saved_and_loaded(chained_graph: KnowledgeGraph, tmp_path: Path) -> None:
    chained_graph.save(tmp_path)
    loaded = KnowledgeGraph.load(tmp_path)
    for name, value in vars(chained_graph).items():
        if isinstance(value, np.ndarray):
            assert getattr(loaded, name).dtype == value.dtype
            np.testing.assert_array_equal(getattr(loaded, name), value)
        else:
            assert getattr(loaded, name) == value
