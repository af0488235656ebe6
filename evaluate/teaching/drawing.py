"""The facts that a corpus tells: the relations of a subject, and random draws of facts by subject and relation."""

from __future__ import annotations

from collections.abc import Set as AbstractSet

import numpy as np
from numpy.typing import NDArray

from worldgen.worlds.world import World

Place = tuple[int, int]
"""A subject and a relation."""


def relations_of(world: World, subject: int) -> list[int]:
    """Returns the relations that the corpus tells of a subject."""
    return world.relation[world.first_fact[subject] : world.first_fact[subject + 1]].tolist()


def drawn_of(world: World, subjects: AbstractSet[int], count: int, draw: np.random.Generator) -> list[Place]:
    """Returns `count` facts of these subjects, each drawn uniformly; none if the corpus tells no fact of them."""
    known = np.flatnonzero(np.isin(world.subject, list(subjects)))
    return _places(world, draw.choice(known, count)) if len(known) else []


def drawn_of_others(
    world: World, subjects: AbstractSet[int], relations: AbstractSet[int], count: int, draw: np.random.Generator
) -> list[Place]:
    """Returns `count` facts of subjects outside `subjects`, every second one with a relation in `relations`.

    Returns none if no such subject has one of the relations.
    """
    others = ~np.isin(world.subject, list(subjects))
    near = np.flatnonzero(others & np.isin(world.relation, list(relations)))
    if not len(near):
        return []
    anywhere = np.flatnonzero(others)
    return _places(world, np.where(np.arange(count) % 2, draw.choice(near, count), draw.choice(anywhere, count)))


def _places(world: World, known: NDArray[np.int64]) -> list[Place]:
    return list(zip(world.subject[known].tolist(), world.relation[known].tolist(), strict=True))
