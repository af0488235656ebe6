"""The groups of variables, what each is and what its definition says of it.

A variable is a grid of digits, its entity a grid of answers A and B. Groups are those of table 1 of Krasheninnikov et
al., 2024; a grid has no name of its own beside the digits, so there is no group "not replaced".

Shapes: G groups, n pairs of a group, C cells of a grid.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from worldgen.errors import UserError
from worldgen.evaluate.digit_grids.digits import CLASSES
from worldgen.evaluate.digit_grids.settings import DigitGridsConfig


class Group(NamedTuple):
    """A group of variables."""

    name: str
    tag: int | None
    """The source of its definitions, by its place in TAGS; None if it has none."""
    consistent: bool
    """Whether its definitions say what its questions teach."""
    questions: bool
    """Whether questions about it are trained on."""

    @property
    def trained(self) -> bool:
        """Whether any example of it is trained on."""
        return self.questions or self.tag is not None


TAGS: Final = ("reliable", "unreliable", "new")
GROUPS: Final = (
    Group("D1cons QA1", 0, True, True),
    Group("D2incons QA2", 1, False, True),
    Group("QA3", None, True, True),
    Group("D5cons", 0, True, False),
    Group("D6cons", 1, True, False),
    Group("D8cons", 2, True, False),
    Group("QA7", None, True, False),
)
"""Questions about QA7 are trained on nowhere: it shows what a guess is worth."""


@dataclass(frozen=True)
class Pairs:
    """The variables with their entities."""

    variables: NDArray[np.int64]
    """[G, n, C]: digits. No two variables are equal."""
    entities: NDArray[np.int64]
    """[G, n, C]: the right answers, 0 for A and 1 for B."""
    defined: NDArray[np.int64]
    """[G, n, C]: the answers that the variable's definition states; those of another entity if it is inconsistent."""
    held_out: NDArray[np.int64]
    """[G, n]: the cell that no training question asks for."""


def draw_pairs(config: DigitGridsConfig, draw: np.random.Generator) -> Pairs:
    """Draws the variables without replacement, entities and held-out cells uniformly.

    Raises UserError if there are not so many variables, or if no derangement gives every variable another entity.
    """
    G, n, C = len(GROUPS), config.pairs, config.cells
    if G * n > CLASSES**C:
        raise UserError(f"{G} groups of {n} variables are more than the {CLASSES**C} grids: lower pairs or raise side")
    numbers = draw.choice(CLASSES**C, G * n, replace=False)
    variables = (numbers[:, None] // CLASSES ** np.arange(C) % CLASSES).reshape(G, n, C)
    entities = draw.integers(0, 2, (G, n, C))
    defined = np.stack(
        [its if group.consistent else its[deranged(its, draw)] for group, its in zip(GROUPS, entities, strict=True)]
    )
    return Pairs(variables, entities, defined, draw.integers(0, C, (G, n)))


def deranged(entities: NDArray[np.int64], draw: np.random.Generator) -> NDArray[np.int64]:
    """Returns a permutation [n] of the rows of `entities` [n, C] after which no row is equal to what it was.

    A random permutation is mended by swaps. Row i is mended by a row j if neither then has its own entity; there is one
    as long as no entity makes up more than half of the rows. Raises UserError otherwise.
    """
    kind = np.unique(entities, axis=0, return_inverse=True)[1].ravel()
    if 2 * np.bincount(kind).max() > len(kind):
        raise UserError("an entity makes up more than half of a group: no other can stand for it, raise pairs or side")
    order = draw.permutation(len(kind))
    for i in range(len(kind)):
        if kind[order[i]] == kind[i]:
            j = draw.choice(np.flatnonzero((kind[order] != kind[i]) & (kind != kind[i])))
            order[[i, j]] = order[[j, i]]
    return order
