"""The knowledge graph: facts with one object for a subject and relation, as arrays of ids."""

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
    """Functional facts over three vocabularies; rows are sorted by (subject, relation), no two are equal there.

    Array shapes: F facts, R relations.
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
        """[R, R]: how many subjects have both relations; the diagonal says how many have the one."""
        return cooccurrence(self.subject, self.relation, len(self.subjects), len(self.relations))

    def objects_of(self, relation: int) -> Ids:
        """[S]: each subject's object under one relation, -1 where there is none."""
        objects = np.full(len(self.subjects), -1, dtype=np.int32)
        rows = self.relation == relation
        objects[self.subject[rows]] = self.object[rows]
        return objects

    def save(self, folder: Path) -> None:
        """Write entities.parquet, relations.parquet and facts.parquet."""
        write_table(folder / "entities.parquet", names_table(self.subjects, self.objects))
        write_table(folder / "relations.parquet", names_table(self.relations))
        facts = {"subject": self.subject, "relation": self.relation, "object": self.object}
        write_table(folder / "facts.parquet", facts)

    @staticmethod
    def load(folder: Path) -> KnowledgeGraph:
        """Read what `save` wrote."""
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
    """[R, R]: the subjects that have both relations, of facts in which a (subject, relation) comes once."""
    from scipy import sparse  # slow to import, and needed only where a graph is selected

    ones = np.ones(len(subject), dtype=np.int64)
    has = sparse.csr_array((ones, (subject, relation)), shape=(S, R))
    return (has.T @ has).toarray()
