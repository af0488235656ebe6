"""What tests of graphs look at: triples and facts as words, and the message of a refusal."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from worldgen.errors import UserError
from worldgen.graphs.graph import KnowledgeGraph
from worldgen.graphs.sources import TripleTable

Triple = tuple[str, str, str]
EVERYTHING = 10**9  # a limit that no test's source reaches


def triples_of(table: TripleTable) -> list[Triple]:
    """Returns a table's triples as the source's ids, in order."""
    columns = (table.rows.head, table.rows.relation, table.rows.tail)
    ids = (table.entity_ids, table.relation_ids, table.entity_ids)
    return list(zip(*([ids_of[i] for i in column] for ids_of, column in zip(ids, columns, strict=True)), strict=True))


def facts_of(graph: KnowledgeGraph) -> list[Triple]:
    """Returns a graph's facts as labels, in order."""
    rows = zip(graph.subject.tolist(), graph.relation.tolist(), graph.object.tolist(), strict=True)
    return [(graph.subjects[s], graph.relations[r], graph.objects[o]) for s, r, o in rows]


def refusal(action: Callable, *arguments: object) -> str:
    """Calls an action that must raise a UserError; returns its message, which must be one line."""
    with pytest.raises(UserError) as raised:
        action(*arguments)
    assert "\n" not in str(raised.value)
    return str(raised.value)
