"""Made-up names, distinct by construction.

A name is one word from each of a few lists. So N distinct names are N distinct numbers below the product of the lists'
lengths, and no draw is thrown away. No more names can be drawn than there are such numbers.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from worldgen.errors import UserError
from worldgen.graphs.builtin import lexicon

# The words of the formal language itself; no label or alias holds any of them.
RESERVED_WORDS: Final = frozenset({"and", "or", "not", "is", "true", "false"})


@dataclass(frozen=True)
class Pattern:
    """Names like "{} Institute of {}": each gap takes a word of its own list. `quota` limits the number of names."""

    template: str
    parts: tuple[tuple[str, ...], ...]
    quota: int | None = None

    @property
    def room(self) -> int:
        """The number of names: prod_i |parts_i|, at most the quota."""
        product = math.prod(len(words) for words in self.parts)
        return product if self.quota is None else min(product, self.quota)

    def draw(self, count: int, rng: np.random.Generator) -> list[str]:
        """Draws `count` distinct names, in random order."""
        shape = tuple(len(words) for words in self.parts)
        codes = rng.choice(math.prod(shape), count, replace=False)
        choices = [index.tolist() for index in np.unravel_index(codes, shape)]
        words = [[self.parts[i][j] for j in column] for i, column in enumerate(choices)]
        return [self.template.format(*gaps) for gaps in zip(*words, strict=True)]


@dataclass(frozen=True)
class NamePool:
    """The names of one role; every name of an earlier pattern is drawn before the first of a later one."""

    role: str
    patterns: tuple[Pattern, ...]

    @property
    def room(self) -> int:
        """The number of distinct names."""
        return sum(pattern.room for pattern in self.patterns)

    def draw(self, count: int, rng: np.random.Generator) -> list[str]:
        """Draws `count` distinct names. Raises UserError if the pool has fewer."""
        if count > self.room:
            raise UserError(
                f"the built-in graph has names for {self.room} of the role {self.role!r}, not for {count}: "
                "ask for fewer facts"
            )
        names: list[str] = []
        for pattern in self.patterns:
            names += pattern.draw(min(pattern.room, count - len(names)), rng)
        return names


def _compounds(stems: Sequence[str], endings: Sequence[str], taken: Sequence[str] = ()) -> tuple[str, ...]:
    """Returns every stem with every ending, without the names in `taken`."""
    # A letter doubled at the seam, or a stem that is its own ending, does not read like a name.
    names = (stem + ending for stem in stems for ending in endings if stem[-1] != ending[0] and stem.lower() != ending)
    return tuple(name for name in dict.fromkeys(names) if name not in taken)


_PLACES: Final = _compounds(lexicon.STEMS, lexicon.PLACE_ENDINGS)
_FAMILIES: Final = _compounds(lexicon.STEMS, lexicon.FAMILY_ENDINGS, taken=lexicon.GIVEN)
_LONG_FAMILIES: Final = _compounds(lexicon.STEMS, lexicon.LONG_FAMILY_ENDINGS)
_COUNTRIES: Final = _compounds(lexicon.COUNTRY_STEMS, lexicon.COUNTRY_ENDINGS)

# After the first few thousand, people need a middle name or a second family name. Nobody is called Otto Otto.
_PEOPLE: Final = (
    Pattern("{} {}", (lexicon.GIVEN, _FAMILIES), quota=5_000),
    Pattern("{} {} {}", (lexicon.GIVEN[::2], lexicon.GIVEN[1::2], _LONG_FAMILIES), quota=10_000),
    Pattern("{} {}-{}", (lexicon.GIVEN, _FAMILIES[::2], _FAMILIES[1::2])),
)
# The most popular schools have the long names. Cut to four pieces, only a few of these names stay distinct.
_SCHOOLS: Final = (
    Pattern("University of {}", (_PLACES,), quota=12),
    Pattern("{} Institute of {}", (_PLACES, lexicon.FACULTIES), quota=12),
    Pattern("{} {}", (_PLACES, lexicon.SCHOOLS)),
)
_CLUBS: Final = (
    Pattern("{} {}", (lexicon.CLUB_PREFIXES, _PLACES), quota=200),
    Pattern("{} {}", (_PLACES, lexicon.CLUBS)),
)
_OCCUPATIONS: Final = (
    Pattern("{}", (lexicon.OCCUPATIONS,)),
    Pattern("{} {}", (lexicon.OCCUPATION_FIELDS, lexicon.OCCUPATIONS)),
)
_POOLS: Final = (
    NamePool("person", _PEOPLE),
    NamePool("contest", (Pattern("{} {} {}", (_PLACES, lexicon.CONTEST_GRADES, lexicon.CONTESTS)),)),
    NamePool("thing", (Pattern("{} {} of {}", (lexicon.ADJECTIVES, lexicon.NOUNS, _PLACES)),)),
    NamePool("school", _SCHOOLS),
    NamePool("occupation", _OCCUPATIONS),
    NamePool("town", (Pattern("{}", (_PLACES,)), Pattern("{} {}", (lexicon.PLACE_PREFIXES, _PLACES)))),
    NamePool("country", (Pattern("{}", (_COUNTRIES,)),)),
    NamePool("position", (Pattern("{}", (lexicon.POSITIONS,)),)),
    NamePool("club", _CLUBS),
    NamePool("sport", (Pattern("{}", (lexicon.SPORTS,)),)),
    NamePool("zone", (Pattern("{} Time", (_PLACES,), quota=38),)),
    NamePool(
        "class",
        (Pattern("{}", (lexicon.CLASSES,)), Pattern("{} {}", (lexicon.CLASS_KINDS, lexicon.CLASSES))),
    ),
)
POOLS: Final = {pool.role: pool for pool in _POOLS}


def _clock(number: int) -> str:
    # Steps of half an hour from UTC-09:00 on; the 38 zones have distinct offsets.
    minutes = -540 + 30 * number
    hours, rest = divmod(abs(minutes), 60)
    return f"UTC{'-' if minutes < 0 else '+'}{hours:02d}:{rest:02d}"


def _school_form(words: list[str]) -> str:
    return "".join(word[0] for word in words) if "of" in words else f"{words[0]} {words[1][0]}"


_SHORT_FORMS: Final[dict[str, Callable[[int, list[str]], tuple[str, ...]]]] = {
    "person": lambda _, words: (f"{words[0][0]} {words[-1]}", f"{words[-1]} {' '.join(words[:-1])}"),
    "thing": lambda _, words: (" ".join(words[:2]), f"{words[3]} {words[0]} {words[1]}"),
    "contest": lambda _, words: (f"{' '.join(words[1:])} of {words[0]}",),
    "school": lambda _, words: (_school_form(words),),
    "town": lambda _, words: (f"{' '.join(words)} Town",),
    "country": lambda _, words: (f"Republic of {words[0]}",),
    "club": lambda _, words: (f"{words[1]} {words[0]}",),
    "zone": lambda number, _: (_clock(number),),
}


def short_forms(role: str, labels: Sequence[str]) -> list[tuple[str, ...]]:
    """Returns other names of each label, such as people use ("A Solmer", "Solmer Arvid"); they may coincide."""
    form = _SHORT_FORMS.get(role)
    return [form(number, label.split()) if form else () for number, label in enumerate(labels)]


def distinct_aliases(labels: Sequence[str], candidates: Sequence[tuple[str, ...]]) -> list[tuple[str, ...]]:
    """Returns each entity's candidates that name nothing else and are no reserved word."""
    uses = Counter(labels)
    for aliases in candidates:
        uses.update(aliases)
    return [tuple(a for a in aliases if uses[a] == 1 and a.lower() not in RESERVED_WORDS) for aliases in candidates]
