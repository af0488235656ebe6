"""The selection of facts from a source, and the refusal of a source with too few relations."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from graph_checks import facts_of
from hypothesis import given
from hypothesis import strategies as st

from worldgen.errors import UserError
from worldgen.graphs.graph import KnowledgeGraph
from worldgen.graphs.reading.opening import open_graph
from worldgen.graphs.selection import SelectionReport, select
from worldgen.graphs.spelling import Spelling
from worldgen.settings import GraphConfig


@pytest.fixture
def selected(tmp_path: Path, words: Spelling) -> Callable[..., tuple[KnowledgeGraph, SelectionReport]]:
    """Selects from a TSV file with these lines."""

    def choose(text: str, **settings: object) -> tuple[KnowledgeGraph, SelectionReport]:
        (tmp_path / "mine.tsv").write_text(text.replace(" ", "\t") + "\n", encoding="utf-8")
        config = GraphConfig(**{"relations": 2, "min_cooccurrence": 1, **settings})  # type: ignore[arg-type]
        return select(open_graph(tmp_path / "mine.tsv"), config, words)

    return choose


def assert_every_row_is_accounted_for(report: SelectionReport) -> None:
    labels = report.labels
    left_out = report.malformed_rows + report.excluded + report.further_objects + report.other_relations
    for_labels = labels.unlabelled_facts + labels.unspeakable_facts + labels.namesake_facts + labels.lone_facts
    assert report.rows_read == report.facts + left_out + for_labels


def test_a_second_object_is_left_out(selected: Callable) -> None:
    graph, report = selected("s r a\ns r b\ns q c\nt r d\ns r a")
    assert set(facts_of(graph)) == {("s", "r", "a"), ("s", "q", "c")}
    # "t" has one fact only; of s r the first object is kept.
    assert (report.further_objects, report.other_relations) == (2, 1)
    assert_every_row_is_accounted_for(report)


def test_excluded_relations_and_entities_are_left_out(selected: Callable) -> None:
    text = "s r a\ns q b\ns P735 c\ns P131 d\ns x Q5\nQ16521 r a\nQ16521 q a\ns r z"
    graph, report = selected(text)
    assert set(facts_of(graph)) == {("s", "r", "a"), ("s", "q", "b")}
    assert (report.excluded, report.further_objects) == (5, 1)
    # An excluded first object makes room for the second.
    graph, report = selected("s r Q5\ns r a\ns q b")
    assert set(facts_of(graph)) == {("s", "r", "a"), ("s", "q", "b")}
    graph, _ = selected(text, excluded_relations=("q",), excluded_entities=("z",))
    assert ("s", "P735", "c") in facts_of(selected(text, excluded_relations=(), relations=4)[0])
    assert "q" not in graph.relations.labels


def test_the_most_frequent_linked_relations_are_selected(selected: Callable) -> None:
    text = "\n".join(
        [f"s{i} r a\ns{i} q b" for i in range(3)]  # 3 subjects with r and q
        + [f"t{i} p a\nt{i} o b" for i in range(2)]  # 2 with p and o
        + [f"u{i} lone a" for i in range(9)]  # often, but never with another
    )
    graph, report = selected(text)
    assert set(graph.relations.labels) == {"r", "q"}
    assert (report.subjects, report.facts, report.relations, report.objects) == (3, 6, 2, 2)
    assert set(selected(text, relations=4)[0].relations.labels) == {"r", "q", "p", "o"}
    assert_every_row_is_accounted_for(report)


def test_min_cooccurrence_is_the_least_number_of_shared_subjects(selected: Callable) -> None:
    text = "\n".join(f"s{i} r a\ns{i} q b" for i in range(3))
    assert len(selected(text, min_cooccurrence=3)[0]) == 6
    with pytest.raises(
        UserError, match=r"offers 0 relations that share at least 4 subjects .* commonest pair shares 3"
    ):
        selected(text, min_cooccurrence=4)


def test_too_few_relations_are_refused_with_their_number(selected: Callable) -> None:
    with pytest.raises(UserError, match=r"offers 2 relations .* 4 are asked for: lower graph.min_cooccurrence"):
        selected("s r a\ns q b", relations=4)


def test_frequent_relations_that_share_no_subject_are_refused(selected: Callable) -> None:
    """r and p are the most frequent relations, but each shares its subjects with another one (q, o)."""
    text = "s r a\ns q b\nt p a\nt o b\nu r a\nv p a"
    with pytest.raises(UserError, match=r"no subject has two of the 2 most frequent relations: raise graph.relations"):
        selected(text)


def test_a_graph_with_every_fact_excluded_is_refused(selected: Callable) -> None:
    with pytest.raises(UserError, match="offers 0 relations"):
        selected("s r a\ns q b", excluded_entities=("s",))


def test_malformed_rows_are_in_the_report(selected: Callable) -> None:
    _, report = selected("s r a\ns q\ns q b")
    assert (report.rows_read, report.malformed_rows) == (3, 1)
    assert report.first_malformed == "mine.tsv line 2: 2 columns, 3 expected"
    assert_every_row_is_accounted_for(report)
    assert report.as_dict()["labels"]["lone_facts"] == 0
    with pytest.raises(UserError, match="strict"):
        selected("s r a\ns q\ns q b", strict=True)


LINE = st.tuples(st.sampled_from("abcd"), st.sampled_from("pqr"), st.sampled_from("abwxyz"))


@given(lines=st.lists(LINE, min_size=1, max_size=30), least=st.integers(1, 3))
def test_selection_is_the_papers(
    tmp_path_factory: pytest.TempPathFactory, words: Spelling, lines: list[tuple[str, str, str]], least: int
) -> None:
    """The result is that of the paper's selection, written with sets."""
    path = tmp_path_factory.getbasetemp() / "drawn.tsv"
    path.write_text("".join(f"{s}\t{r}\t{o}\n" for s, r, o in lines))
    config = GraphConfig(relations=2, min_cooccurrence=least, excluded_entities=("w",), excluded_relations=())

    first: dict[tuple[str, str], str] = {}
    for s, r, o in lines:
        if o != "w":
            first.setdefault((s, r), o)
    has = {r: {s for s, q in first if q == r} for r in "pqr"}
    linked = [r for r in "pqr" if any(len(has[r] & has[q]) >= least for q in "pqr" if q != r)]
    chosen = sorted(linked, key=lambda r: -len(has[r]))[:2]
    both = has[chosen[0]] & has[chosen[1]] if len(chosen) == 2 else set()
    # Equally frequent relations: which of them is taken is the source's order; leave these draws out.
    tie = len(linked) == 3 and len(set(sorted(-len(has[r]) for r in linked)[1:])) == 1

    try:
        graph, report = select(open_graph(path), config, words)
    except UserError:
        assert tie or not both
        return
    assert_every_row_is_accounted_for(report)
    if not tie:
        assert set(facts_of(graph)) == {(s, r, first[s, r]) for s in both for r in chosen}


def test_the_real_sample_is_nearly_all_kept(wikidata_sample: Path, words: Spelling) -> None:
    graph, report = select(open_graph(wikidata_sample), GraphConfig(relations=4, min_cooccurrence=100), words)
    assert_every_row_is_accounted_for(report)
    assert report.relations == 4
    assert np.bincount(graph.subject).min() >= 2
    # Real names are nearly all kept.
    assert report.labels.unspeakable_facts <= 0.01 * report.facts
