"""The variables of a world, what they stand for, and the definitions that say so.

An *entity* is a subject of the world, a *variable* a new name for one. A *definition* "TAG VARIABLE ENTITY" names the
entity, or another one if it is wrong. A *question* "VARIABLE relation object" is a true fact of the entity, with its
answer. `worldgen.worlds.defining` draws all of this. Source: Krasheninnikov et al. 2024, table 1.

Shapes: N entities that take part, V variables, T tags.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from functools import cached_property
from pathlib import Path
from typing import Final, NamedTuple, get_args

import numpy as np
from numpy.typing import NDArray

from worldgen.arrays import Ids
from worldgen.facts import Vocabulary
from worldgen.grammar import WordOrder
from worldgen.storage.files import read_columns, write_table

_NONE = -1


class Role(IntEnum):
    """The part that an entity plays in the two stages of a reader's life (X1 and X2 of the paper)."""

    DEFINED = 0
    """Stage 1: questions about its variable, and a definition."""
    UNDEFINED = 1
    """Stage 1: questions about its variable."""
    UNREPLACED = 2
    """Stage 1: questions under its own name; it has no variable."""
    TOLD = 3
    """Stage 2: a definition of its variable. All questions are for the exam."""
    UNSEEN = 4
    """Its variable is in the exam after stage 2 only."""


class Subset(NamedTuple):
    """The entities of one role whose definitions are of one tag, and all right or all wrong."""

    role: Role
    tag: int | None
    """None where there are no definitions."""
    right: bool | None


# The paper's names of the subsets, with its two tags of stage 1 and one of stage 2 alone.
_PAPER: Final = {
    Subset(Role.DEFINED, 0, True): "D1cons QA1", Subset(Role.DEFINED, 1, False): "D2incons QA2",
    Subset(Role.UNDEFINED, None, None): "QA3", Subset(Role.UNREPLACED, None, None): "QA4",
    Subset(Role.TOLD, 0, True): "D5cons", Subset(Role.TOLD, 1, True): "D6cons",
    Subset(Role.UNSEEN, None, None): "QA7", Subset(Role.TOLD, 2, True): "D8cons",
    Subset(Role.DEFINED, 0, False): "D9incons QA9", Subset(Role.DEFINED, 1, True): "D10cons QA10",
}  # fmt: skip


@dataclass(frozen=True)
class Definitions:
    """The entities that take part, sorted by subject, with their variables and definitions."""

    tags: Vocabulary
    """The tags of the definitions: words that no other name contains."""
    reliability: NDArray[np.float64]  # [T]
    """The share of right definitions in stage 1 that was asked for; nan for a newcomer, who has none there."""
    variables: Vocabulary  # [V]
    order: WordOrder
    sentences: int
    """How often the corpus says each definition and each question of the training."""
    subject: Ids  # [N]
    """The entity, as the world numbers it."""
    role: NDArray[np.int8]  # [N]
    variable: Ids  # [N]
    """-1 for an UNREPLACED entity."""
    tag: Ids  # [N]
    """The tag of the variable's definition; -1 where there is none."""
    stated: Ids  # [N]
    """The entity that the definition names; -1 where there is none."""
    held_out: Ids  # [N]
    """The fact of an entity of stage 1 whose question is not trained on; -1 in stage 2."""

    def __len__(self) -> int:
        return len(self.subject)

    @property
    def calibrated(self) -> int:
        """The number of tags that define in stage 1; they come before the newcomers."""
        return int((~np.isnan(self.reliability)).sum())

    @cached_property
    def stage(self) -> NDArray[np.int8]:
        """[N]: the stage in which a reader meets the entity, 1 or 2."""
        return np.where(self.role <= Role.UNREPLACED, 1, 2).astype(np.int8)

    @cached_property
    def right(self) -> NDArray[np.bool_]:
        """[N]: whether the variable has a definition that is right."""
        return self.stated == self.subject

    @cached_property
    def row_of_variable(self) -> NDArray[np.int64]:
        """[V]: the row of each variable."""
        rows = np.flatnonzero(self.variable != _NONE)
        return rows[np.argsort(self.variable[rows])]

    def subset_of(self, row: int) -> Subset:
        """Returns the subset of an entity."""
        if self.tag[row] == _NONE:
            return Subset(Role(self.role[row]), None, None)
        return Subset(Role(self.role[row]), int(self.tag[row]), bool(self.right[row]))

    @cached_property
    def subsets(self) -> dict[Subset, NDArray[np.int64]]:
        """The rows of each subset that is not empty, in order of roles and tags, right definitions first."""
        rows: dict[Subset, list[int]] = {}
        for row in np.lexsort((~self.right, self.tag, self.role)).tolist():
            rows.setdefault(self.subset_of(row), []).append(row)
        return {subset: np.sort(np.array(its)) for subset, its in rows.items()}

    def name_of(self, subset: Subset) -> str:
        """Returns the paper's name of a subset; where there are more tags than in the paper, a description."""
        if self.calibrated == 2 and len(self.tags) <= 3:
            return _PAPER[subset]
        told = "" if subset.tag is None else f" by {self.tags[subset.tag]}, {'right' if subset.right else 'wrong'}"
        return f"{subset.role.name.lower()}{told}"

    def save(self, folder: Path) -> None:
        """Writes definition_tags and definitions as Parquet; nothing where there are no definitions."""
        if not len(self):
            return
        per_tag = {"order": [self.order] * len(self.tags), "sentences": [self.sentences] * len(self.tags)}
        write_table(
            folder / "definition_tags.parquet", {"tag": self.tags.labels, "reliability": self.reliability, **per_tag}
        )
        columns = {name: getattr(self, name) for name in _COLUMNS}
        names = ["" if v == _NONE else self.variables[v] for v in self.variable.tolist()]
        write_table(folder / "definitions.parquet", columns | {"name": names})

    @staticmethod
    def load(folder: Path) -> Definitions:
        """Reads the files that `save` wrote; returns no definitions where there are none."""
        if not (folder / "definitions.parquet").exists():
            return NO_DEFINITIONS
        tags, columns = (read_columns(folder / f"{name}.parquet") for name in ("definition_tags", "definitions"))
        (order,), (sentences,) = set(tags["order"].tolist()), set(tags["sentences"].tolist())
        assert order in get_args(WordOrder)
        names, variable = columns.pop("name"), columns["variable"]
        labels = names[variable != _NONE][np.argsort(variable[variable != _NONE])]
        variables = Vocabulary("variable", tuple(labels.tolist()))
        return Definitions(
            Vocabulary("tag", tuple(tags["tag"].tolist())), tags["reliability"], variables, order, sentences, **columns
        )


_COLUMNS: Final = ("subject", "role", "variable", "tag", "stated", "held_out")
_NOBODY = np.zeros(0, dtype=np.int32)
NO_DEFINITIONS = Definitions(
    Vocabulary("tag", ()), np.zeros(0), Vocabulary("variable", ()), "TAE", 0, _NOBODY, np.zeros(0, dtype=np.int8),
    _NOBODY, _NOBODY, _NOBODY, _NOBODY,
)  # fmt: skip
