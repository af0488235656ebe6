"""The shape of the built-in graph: its relations, its kinds of subjects, and the number of objects of each role.

The figures are those of the paper's selection from Wikidata: 2.13 facts for each subject, one fact in five with a known
upstream fact, and 20k distinct objects in a sample of 100k facts out of 160k.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from worldgen.graphs.builtin.names import POOLS


@dataclass(frozen=True)
class Relation:
    """A relation: its Wikidata id, its names (label, then synonyms), and the role of its objects."""

    id: str
    names: tuple[str, ...]
    role: str


@dataclass(frozen=True)
class Dependence:
    """The dependence of a downstream object on the upstream object.

    Each upstream object has its own weights over its favourite downstream objects. `favourites` are the means of these
    weights, from the first favourite on. The remaining weight goes to all downstream objects by their popularity.
    """

    upstream: str
    downstream: str
    favourites: tuple[float, ...]


@dataclass(frozen=True)
class Profile:
    """A group of subjects: their kind of name, the relations that they have, and their share in a thousand."""

    kind: str
    relations: tuple[str, ...]
    share: int


@dataclass(frozen=True)
class Census:
    """The number of objects of a role: count * (facts / facts of the shape)^growth."""

    role: str
    count: int
    growth: float


@dataclass(frozen=True)
class Shape:
    """The shape of a graph of about `facts` facts; the growth of each role extends it to other sizes."""

    facts: int
    profiles: tuple[Profile, ...]
    census: tuple[Census, ...]

    @property
    def relations(self) -> tuple[Relation, ...]:
        """The relations that at least one profile has."""
        used = {relation for profile in self.profiles for relation in profile.relations}
        return tuple(relation for relation in RELATIONS if relation.id in used)

    @property
    def facts_per_subject(self) -> float:
        """The mean number of facts of a subject."""
        total = sum(profile.share for profile in self.profiles)
        return sum(profile.share * len(profile.relations) for profile in self.profiles) / total

    def objects(self, facts: int) -> dict[str, int]:
        """Returns the number of objects of each role in a graph of `facts` facts: at least 2, at most its names."""
        scale = facts / self.facts
        wanted = {part.role: max(2, round(part.count * scale**part.growth)) for part in self.census}
        return {role: min(count, POOLS[role].room) for role, count in wanted.items()}


RELATIONS: Final = (
    Relation("P69", ("educated at", "alma mater", "studied at", "attended"), "school"),
    Relation("P106", ("occupation", "profession", "works as"), "occupation"),
    Relation("P19", ("place of birth", "birthplace", "born in"), "town"),
    Relation("P27", ("citizenship", "citizen of", "nationality"), "country"),
    Relation("P413", ("position", "plays as", "playing role"), "position"),
    Relation("P54", ("sports team", "plays for", "member of team"), "club"),
    Relation("P641", ("sport", "athletic discipline", "plays the game of"), "sport"),
    Relation("P421", ("time zone", "local time", "clock set to"), "zone"),
    Relation("P31", ("instance of", "example of", "type"), "class"),
    Relation("P17", ("country", "located in", "sovereign state"), "country"),
)

SUBJECT_KINDS: Final = ("person", "contest", "thing")

DEPENDENCES: Final = (
    Dependence("P69", "P106", (0.5, 0.2, 0.1, 0.07, 0.05, 0.03)),
    Dependence("P19", "P27", (0.85, 0.08, 0.03)),
    Dependence("P413", "P54", (0.45, 0.2, 0.12, 0.08, 0.05, 0.03)),
    Dependence("P641", "P421", (0.5, 0.2, 0.1, 0.07, 0.05, 0.03)),
    Dependence("P31", "P17", (0.45, 0.2, 0.12, 0.08, 0.05, 0.03)),
)

PAPER: Final = Shape(
    facts=160_000,
    profiles=(
        # Two relations of one pair.
        Profile("person", ("P69", "P106"), 88),
        Profile("person", ("P19", "P27"), 84),
        Profile("person", ("P413", "P54"), 62),
        Profile("contest", ("P641", "P421"), 58),
        Profile("thing", ("P31", "P17"), 70),
        # A pair and one more.
        Profile("person", ("P69", "P106", "P27"), 8),
        Profile("person", ("P69", "P106", "P19"), 5),
        Profile("person", ("P106", "P19", "P27"), 6),
        Profile("person", ("P27", "P413", "P54"), 4),
        Profile("contest", ("P641", "P421", "P17"), 4),
        Profile("thing", ("P421", "P31", "P17"), 4),
        # Two pairs, and more.
        Profile("person", ("P69", "P106", "P19", "P27"), 9),
        Profile("person", ("P19", "P27", "P413", "P54"), 4),
        Profile("person", ("P69", "P106", "P19", "P27", "P641"), 3),
        # Two or three relations of different pairs.
        Profile("person", ("P69", "P27"), 58),
        Profile("person", ("P69", "P19"), 50),
        Profile("person", ("P106", "P19"), 50),
        Profile("person", ("P106", "P27"), 48),
        Profile("person", ("P19", "P54"), 40),
        Profile("person", ("P27", "P54"), 60),
        Profile("person", ("P69", "P54"), 58),
        Profile("person", ("P19", "P413"), 24),
        Profile("person", ("P27", "P413"), 24),
        Profile("person", ("P27", "P641"), 20),
        Profile("person", ("P19", "P641"), 20),
        Profile("contest", ("P641", "P17"), 28),
        Profile("contest", ("P421", "P17"), 22),
        Profile("thing", ("P421", "P31"), 24),
        Profile("person", ("P69", "P19", "P54"), 35),
        Profile("person", ("P106", "P19", "P54"), 30),
    ),
    census=(
        Census("school", 7_500, 1.0),
        Census("occupation", 420, 0.35),
        Census("town", 10_500, 1.0),
        Census("country", 190, 0.3),
        Census("position", 90, 0.3),
        Census("club", 7_300, 1.0),
        Census("sport", 107, 0.3),
        Census("zone", 38, 0.3),
        Census("class", 420, 0.35),
    ),
)

# Nearly every subject has all four relations, so that a world of a few hundred facts still has two pairs to learn.
# These subjects do not say which relations form a pair; the few subjects with only one pair do.
TINY: Final = Shape(
    facts=600,
    profiles=(
        Profile("person", ("P69", "P106", "P19", "P27"), 944),
        Profile("person", ("P69", "P106"), 28),
        Profile("person", ("P19", "P27"), 28),
    ),
    census=(
        Census("school", 60, 1.0),
        Census("occupation", 25, 0.35),
        Census("town", 45, 1.0),
        Census("country", 14, 0.3),
    ),
)


def shape_of(facts: int) -> Shape:
    """Returns the shape for a graph of `facts` facts."""
    return TINY if facts < 2_000 else PAPER
