"""The knowledge graph: facts as arrays of ids, with at most one object for each subject and relation."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from worldgen.arrays import Ids
from worldgen.facts import Vocabulary
from worldgen.graphs.vocabularies import names_table, vocabulary
from worldgen.storage.files import read_columns, write_table


@dataclass(frozen=True)
class KnowledgeGraph:
    """Functional facts over three vocabularies; rows are sorted by (subject, relation), and no pair occurs twice.

    Array shapes: F facts, S subjects, R relations.
    """

    subjects: Vocabulary
    relations: Vocabulary
    objects: Vocabulary
    subject: Ids  # [F]
    relation: Ids  # [F]
    object: Ids  # [F]

    def __len__(self) -> int:
        return len(self.subject)

    def cooccurrence(self) -> NDArray[np.int64]:
        """Returns the number of subjects that have both relations, [R, R]; on the diagonal, that have the one."""
        return cooccurrence(self.subject, self.relation, len(self.subjects), len(self.relations))

    def objects_of(self, relation: int) -> Ids:
        """Returns each subject's object under one relation, [S]; -1 for a subject without that relation."""
        objects = np.full(len(self.subjects), -1, dtype=np.int32)
        rows = self.relation == relation
        objects[self.subject[rows]] = self.object[rows]
        return objects

    def save(self, folder: Path) -> None:
        """Writes entities.parquet, relations.parquet and facts.parquet."""
        write_table(folder / "entities.parquet", names_table(self.subjects, self.objects))
        write_table(folder / "relations.parquet", names_table(self.relations))
        facts = {"subject": self.subject, "relation": self.relation, "object": self.object}
        write_table(folder / "facts.parquet", facts)

    @staticmethod
    def load(folder: Path) -> KnowledgeGraph:
        """Reads the graph that `save` wrote."""
        entities = read_columns(folder / "entities.parquet")
        relations = read_columns(folder / "relations.parquet")
        facts = read_columns(folder / "facts.parquet")
        return KnowledgeGraph(
            vocabulary("subject", entities),
            vocabulary("relation", relations),
            vocabulary("object", entities),
            facts["subject"],
            facts["relation"],
            facts["object"],
        )


def cooccurrence(subject: Ids, relation: Ids, S: int, R: int) -> NDArray[np.int64]:
    """Returns the number of subjects that have both relations, [R, R].

    The facts must hold each pair of subject and relation once only.
    """
    from scipy import sparse  # slow to import, and needed only when a graph is selected

    ones = np.ones(len(subject), dtype=np.int64)
    has = sparse.csr_array((ones, (subject, relation)), shape=(S, R))
    return (has.T @ has).toarray()
