"""The selection of the facts that a world is made from (paper, appendix A.1 step 1)."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from worldgen.arrays import Ids
from worldgen.errors import UserError
from worldgen.graphs.graph import KnowledgeGraph, cooccurrence
from worldgen.graphs.labels import LabelReport, speakable_graph
from worldgen.graphs.sources import Rows, Source, TripleTable
from worldgen.graphs.spelling import Spelling
from worldgen.settings import GraphConfig


@dataclass(frozen=True)
class SelectionReport:
    """How many rows were read, how many were left out for which reason, and the size of the graph."""

    rows_read: int
    malformed_rows: int
    first_malformed: str

    excluded: int
    """The number of rows with an excluded relation or entity."""

    further_objects: int
    """The number of rows that give a subject and relation a second object, or the same one again."""

    other_relations: int
    """The number of rows whose relation is not selected, or whose subject has only one selected relation."""

    labels: LabelReport
    """The facts that are left out for their labels."""

    facts: int
    subjects: int
    relations: int
    objects: int

    def as_dict(self) -> dict[str, object]:
        """Returns the report as nested plain values, for JSON."""
        return asdict(self)


def select(source: Source, config: GraphConfig, spelling: Spelling) -> tuple[KnowledgeGraph, SelectionReport]:
    """Reads a source and returns the graph of its most frequent relations that occur together, with a report.

    Raises UserError if the source has fewer such relations than `config.relations`; the message says how many it has.
    """
    table = source.triples(config.max_triples, config.strict)
    selected, left_out = _selected(table, config)
    table = replace(table, rows=selected)  # the other rows of all Wikidata5m would take 0.2 GB until the end
    if not len(selected):
        raise UserError(f"no subject has two of the {config.relations} most frequent relations: raise graph.relations")
    graph, label_report = speakable_graph(selected, table, source, config.max_object_tokens, spelling)
    if len(graph.relations) < config.relations:
        raise UserError(
            f"only {len(graph.relations)} of the {config.relations} selected relations have labels that the language "
            f"can keep: {label_report.first_reasons()}"
        )
    return graph, SelectionReport(
        rows_read=table.lines,
        malformed_rows=table.malformed,
        first_malformed=table.first_malformed,
        **left_out,
        labels=label_report,
        facts=len(graph),
        subjects=len(graph.subjects),
        relations=len(graph.relations),
        objects=len(graph.objects),
    )


def _selected(table: TripleTable, config: GraphConfig) -> tuple[Rows, dict[str, int]]:
    """Returns the rows to keep, and the number of rows left out for each reason.

    A row is kept if its relation is one of the most frequent and its subject has at least two such rows.
    """
    allowed = table.rows.where(~_excluded(table, config))
    functional = allowed.where(_first_of_each(allowed))
    relations = _frequent_relations(functional, table, config)
    selected = functional.where(np.isin(functional.relation, relations)).of_connected_subjects()
    return selected, {
        "excluded": len(table.rows) - len(allowed),
        "further_objects": len(allowed) - len(functional),
        "other_relations": len(functional) - len(selected),
    }


def _excluded(table: TripleTable, config: GraphConfig) -> NDArray[np.bool_]:
    """Returns the mask of the rows with an excluded relation or entity."""
    allowed = {*(config.properties or table.relation_ids)} - {*config.excluded_relations}
    relations = [i for i, id_ in enumerate(table.relation_ids) if id_ not in allowed]
    entities = [i for i, id_ in enumerate(table.entity_ids) if id_ in config.excluded_entities]
    rows = table.rows
    return np.isin(rows.relation, relations) | np.isin(rows.head, entities) | np.isin(rows.tail, entities)


def _first_of_each(rows: Rows) -> NDArray[np.int64]:
    """Returns the row number of the first row of each (subject, relation), in order."""
    key = rows.head.astype(np.int64) * (int(rows.relation.max(initial=0)) + 1) + rows.relation
    return np.flatnonzero(~pd.Series(key).duplicated().to_numpy())


def _frequent_relations(rows: Rows, table: TripleTable, config: GraphConfig) -> Ids:
    """Returns the most frequent ones of the relations that share enough subjects with another relation, sorted."""
    together = cooccurrence(rows.head, rows.relation, len(table.entity_ids), len(table.relation_ids))
    count = np.diag(together).copy()
    np.fill_diagonal(together, 0)
    linked = np.flatnonzero((together >= config.min_cooccurrence).any(axis=1))
    if len(linked) < config.relations:
        raise UserError(
            f"the graph offers {len(linked)} relations that share at least {config.min_cooccurrence} subjects with "
            f"another one, {config.relations} are asked for: lower graph.min_cooccurrence (the commonest pair shares "
            f"{int(together.max(initial=0))} subjects) or graph.relations"
        )
    by_count = linked[np.argsort(-count[linked], kind="stable")]
    return np.sort(by_count[: config.relations]).astype(np.int32)
