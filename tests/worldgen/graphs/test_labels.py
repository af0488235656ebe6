"""Labels of a graph: which are merged, which are cut, which facts are left out, and how that is counted."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from itertools import permutations
from pathlib import Path

import numpy as np
import pytest
from graph_checks import facts_of

from worldgen.errors import UserError
from worldgen.graphs.graph import KnowledgeGraph
from worldgen.graphs.labels import LabelReport, speakable_graph
from worldgen.graphs.reading.opening import open_graph
from worldgen.graphs.selection import select
from worldgen.graphs.sources import Names, Rows, TripleTable
from worldgen.graphs.spelling import Spelling
from worldgen.settings import GraphConfig

Build = Callable[..., tuple[KnowledgeGraph, LabelReport]]


@dataclass
class NamesOnly:
    """A source that gives only names."""

    names: Names = field(default_factory=dict)

    def triples(self, limit: int, strict: bool) -> TripleTable:
        raise NotImplementedError

    def entity_names(self, ids: Collection[str]) -> Names:
        return {id_: self.names[id_] for id_ in ids if id_ in self.names}

    relation_names = entity_names


@pytest.fixture
def graph_of_text(words: Spelling) -> Build:
    """Builds a graph from triples "s r o" of ids. A keyword gives an id a label, or no label if it is None."""

    def build(text: str, most: int = 4, **names: str | None) -> tuple[KnowledgeGraph, LabelReport]:
        triples = [line.split() for line in text.split(";")]
        entities = list(dict.fromkeys(id_ for head, _, tail in triples for id_ in (head, tail)))
        relations = list(dict.fromkeys(relation for _, relation, _ in triples))
        codes = [(entities.index(h), relations.index(r), entities.index(t)) for h, r, t in triples]
        table = TripleTable(Rows(*np.array(codes, dtype=np.int32).T), tuple(entities), tuple(relations), len(codes))
        given = {id_: (id_, f"{id_}'s alias") for id_ in [*entities, *relations]}
        given |= {id_: (label, f"{id_}'s alias") for id_, label in names.items() if label}
        source = NamesOnly({id_: known for id_, known in given.items() if names.get(id_, "") is not None})
        return speakable_graph(table.rows, table, source, most, words)

    return build


def test_nothing_is_left_out_of_plain_names(graph_of_text: Build) -> None:
    graph, report = graph_of_text("s r a; s q b; t q a; t r s", s="Ada", a="London")
    assert facts_of(graph) == [("Ada", "r", "London"), ("Ada", "q", "b"), ("t", "r", "Ada"), ("t", "q", "London")]
    assert graph.subjects.source_ids == ("s", "t")
    assert graph.subjects.aliases == (("s's alias",), ("t's alias",))
    assert report == LabelReport(0, (), 0, {}, 0, 0, 0, 0)


def test_identical_object_labels_are_one_object(graph_of_text: Build) -> None:
    graph, report = graph_of_text("s r a; s q b; t r b; t q c", a="London", b="London")
    assert sorted(graph.objects.labels) == ["London", "c"]
    assert graph.objects.source_ids[graph.objects.id_of("London")] == "a"
    assert facts_of(graph) == [("s", "r", "London"), ("s", "q", "London"), ("t", "r", "London"), ("t", "q", "c")]
    assert report.object_labels_merged == 1


def test_object_labels_with_the_same_pieces_are_one_object(graph_of_text: Build) -> None:
    graph, report = graph_of_text("s r a; s q b", a="St.Louis", b="St. Louis")
    assert graph.objects.labels == ("St.Louis",)
    assert report.object_labels_merged == 1


def test_of_subjects_with_one_label_the_first_is_kept(graph_of_text: Build) -> None:
    graph, report = graph_of_text("s r a; t r b; s q b; t q c; u r a; u q b", s="Ada", t="Ada")
    assert facts_of(graph) == [("Ada", "r", "a"), ("Ada", "q", "b"), ("u", "r", "a"), ("u", "q", "b")]
    assert (report.namesake_facts, report.lone_facts) == (2, 0)
    assert graph.subjects.source_ids == ("s", "u")


def test_object_labels_are_cut_and_merged_again(graph_of_text: Build) -> None:
    graph, report = graph_of_text(
        "s r a; s q b; t r c; t q d", most=2, a="New York City", b="New York State", c="New York"
    )
    assert sorted(graph.objects.labels) == ["New York", "d"]
    assert (report.object_labels_cut, report.object_labels_merged) == (2, 2)
    # Subjects stay whole, also where they are objects too.
    graph, report = graph_of_text("a r b; a q c; t r a; t q b", most=2, a="New York City")
    assert facts_of(graph)[0] == ("New York City", "r", "b")
    assert facts_of(graph)[2] == ("t", "r", "New York")


def test_facts_with_an_unlabelled_id_are_left_out(graph_of_text: Build) -> None:
    graph, report = graph_of_text("s r a; s q b; s p c; t r a; t q b", c=None, t=None)
    assert facts_of(graph) == [("s", "r", "a"), ("s", "q", "b")]
    assert (report.unlabelled_facts, report.unlabelled_ids) == (3, ("c", "t"))


def test_subjects_left_with_one_fact_are_left_out(graph_of_text: Build) -> None:
    graph, report = graph_of_text("s r a; s q b; t r a; t q c", c=None)
    assert facts_of(graph) == [("s", "r", "a"), ("s", "q", "b")]
    assert (report.unlabelled_facts, report.lone_facts) == (1, 1)


def test_labels_that_break_the_language_are_left_out_with_a_reason(graph_of_text: Build) -> None:
    graph, report = graph_of_text("s r a; s q b; t r a; t q b; u r a; u q c", most=9, t="not me", c="a and s r b")
    assert facts_of(graph) == [("s", "r", "a"), ("s", "q", "b")]
    assert report.unspeakable_labels == {"not me": 'begins with "not"', "a and s r b": "holds a whole statement"}
    assert (report.unspeakable_facts, report.lone_facts) == (3, 1)
    assert "'not me' begins with \"not\"" in report.first_reasons()


def test_no_object_begins_with_another_one_and_its_full_stop(graph_of_text: Build, words: Spelling) -> None:
    """The rule holds for letters and for the tokenizer's pieces."""
    names = {"a": "St", "b": "St. Louis", "c": "St . Louis", "d": "St.Louis", "e": "D. C.", "f": "D"}
    graph, report = graph_of_text(
        "; ".join(f"{s} r {o}; {s} q x" for s, o in zip("stuvwy", "abcdef", strict=True)), **names
    )
    kept = graph.objects.labels
    assert set(kept) == {"St", "D", "x"}
    for one, other in permutations(kept, 2):
        pieces, stopped = words.pieces([other])[0], words.pieces([f"{one}."])[0]
        assert not other.startswith(f"{one}.")
        assert pieces[: len(stopped)] != stopped
    assert report.unspeakable_facts == 4


def test_two_relations_with_one_label_are_left_out(graph_of_text: Build) -> None:
    """The language could not distinguish the two relations."""
    graph, report = graph_of_text("s r a; s q b; s p c; s o d", r="sport", q="sport")
    assert facts_of(graph) == [("s", "p", "c"), ("s", "o", "d")]
    assert report.unspeakable_labels == {"sport": "is the label of two relations"}
    assert report.unspeakable_facts == 2


def test_a_graph_without_labels_is_refused(graph_of_text: Build) -> None:
    with pytest.raises(UserError, match=r"none of the selected facts has labels .*: check the label files"):
        graph_of_text("s r a; s q b", s=None)


def test_a_graph_without_a_usable_subject_is_refused(graph_of_text: Build) -> None:
    with pytest.raises(UserError, match=r"no subject .* \('not s' begins with \"not\"\): raise graph.relations"):
        graph_of_text("s r a; s q b", s="not s")


def test_selecting_says_which_relation_has_no_usable_label(tmp_path: Path, words: Spelling) -> None:
    path = tmp_path / "mine.tsv"
    path.write_text('s\tr\ta\ns\tq\tb\ns\t"p"\tc\ns\to\td\n')
    with pytest.raises(UserError, match=r"only 3 of the 4 selected relations .*'\"p\"' has a quote or a full stop"):
        select(open_graph(path), GraphConfig(relations=4, min_cooccurrence=1), words)
