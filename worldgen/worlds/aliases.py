"""Which aliases and relation synonyms the sentences of a world use beside the labels.

A name is spoken if it names one thing, in every role and among all labels and aliases of the world, and if with it
the language stays unambiguous (`worldgen.grammar`): labels come first, then synonyms of relations, aliases of
subjects, of objects. "Names one thing" is to the tokenizer: the model sees no more. A subject and an object that
are one entity of the source are one thing. Object aliases are cut like object labels.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal, NamedTuple

import numpy as np

from worldgen.facts import Vocabulary
from worldgen.grammar import Lexicon, unspeakable
from worldgen.graphs.labels import REASONS_KEPT
from worldgen.graphs.spelling import Pieces, Spelling
from worldgen.randomness import keys_of
from worldgen.settings import WorldConfig
from worldgen.worlds.held_out import NOTHING_HELD_OUT, HeldOut, hold_out
from worldgen.worlds.world import World

Role = Literal["subjects", "relations", "objects"]
_Fate = Literal["chosen", "merged", "ambiguous", "further"]
_ROLES: tuple[Role, ...] = ("relations", "subjects", "objects")  # in the order in which their aliases are let in


@dataclass(frozen=True)
class AliasReport:
    """How many aliases are spoken, how many are not and why (alias: reason, at most `REASONS_KEPT`).

    `merged_aliases` are alike their own label or an earlier alias, `further_aliases` more than were asked for.
    """

    spoken_aliases: int
    cut_aliases: int
    merged_aliases: int
    ambiguous_aliases: int
    further_aliases: int
    unspeakable_aliases: int
    reasons: dict[str, str]
    held_out_combinations: int


def with_aliases(
    world: World, config: WorldConfig, spelling: Spelling, most_pieces: int, seed: int
) -> tuple[World, AliasReport]:
    """The world with up to `config.aliases` further names of everything, and with what the corpus never says of them.

    Ids, truths and probabilities stay as they are.
    """
    names = {role: _Names.of(getattr(world, role), spelling, most_pieces) for role in _ROLES}
    ambiguous = _ambiguous(names.values())
    fates = {role: names[role].fates(ambiguous, config.aliases) for role in _ROLES}
    chosen = {role: [alias for alias, fate in fates[role] if fate == "chosen"] for role in _ROLES}
    reasons = _stops(names["objects"], chosen["objects"])
    lexicon = world.lexicon
    for role in _ROLES:
        fresh = [name.text for name in chosen[role] if (role, name.text) not in reasons]
        lexicon = _let_in(lexicon, role, fresh, reasons)
    spoken = {role: _by_id(len(names[role].labels), chosen[role], getattr(lexicon, role)) for role in _ROLES}
    vocabularies = {role: replace(getattr(world, role), spoken=said) for role, said in spoken.items() if any(said)}
    told = replace(world, **vocabularies)
    told = replace(told, held_out=_held_out(told, config.held_out_percent, seed))
    count = Counter(fate for role in _ROLES for _, fate in fates[role])
    return told, AliasReport(
        spoken_aliases=sum(len(further) for said in spoken.values() for further in said),
        cut_aliases=names["objects"].cut,
        merged_aliases=count["merged"],
        ambiguous_aliases=count["ambiguous"],
        further_aliases=count["further"],
        unspeakable_aliases=len(reasons),
        reasons={text: why for (_, text), why in list(reasons.items())[:REASONS_KEPT]},
        held_out_combinations=len(told.held_out),
    )


class _Name(NamedTuple):
    """One alias of an id: its text, as the tokenizer sees it."""

    id: int
    text: str
    pieces: Pieces


@dataclass(frozen=True)
class _Names:
    """The labels and aliases of one role; `things[id]` is what the id stands for, in every role. `cut`: how many
    aliases were cut."""

    things: tuple[str, ...]
    labels: list[Pieces]
    aliases: list[_Name] = field(repr=False)
    cut: int

    @staticmethod
    def of(vocabulary: Vocabulary, spelling: Spelling, most_pieces: int) -> _Names:
        kind = "relation" if vocabulary.kind == "relation" else "entity"
        whole = [(id_, alias) for id_, aliases in enumerate(vocabulary.aliases) for alias in aliases]
        texts = [alias for _, alias in whole]
        if vocabulary.kind == "object":
            texts = spelling.cut(texts, most_pieces)
        pieces = spelling.pieces(texts)
        return _Names(
            tuple(f"{kind} {id_}" for id_ in vocabulary.source_ids),
            spelling.pieces(vocabulary.labels),
            [_Name(id_, text, spelt) for (id_, _), text, spelt in zip(whole, texts, pieces, strict=True)],
            sum(text != alias for (_, alias), text in zip(whole, texts, strict=True)),
        )

    def all(self) -> Iterator[tuple[Pieces, str]]:
        """Every label and alias, with what it names."""
        yield from zip(self.labels, self.things, strict=True)
        yield from ((alias.pieces, self.things[alias.id]) for alias in self.aliases)

    def fates(self, ambiguous: set[Pieces], most: int) -> list[tuple[_Name, _Fate]]:
        """What becomes of each alias; the first `most` of an id that name nothing else are chosen."""
        return list(zip(self.aliases, self._fates(ambiguous, most), strict=True))

    def _fates(self, ambiguous: set[Pieces], most: int) -> Iterator[_Fate]:
        seen = set(enumerate(self.labels))
        taken: Counter[int] = Counter()
        for alias in self.aliases:
            merged = (alias.id, alias.pieces) in seen
            seen.add((alias.id, alias.pieces))
            if merged or alias.pieces in ambiguous:
                yield "merged" if merged else "ambiguous"
            elif taken[alias.id] == most:
                yield "further"
            else:
                taken[alias.id] += 1
                yield "chosen"


def _ambiguous(roles: Iterable[_Names]) -> set[Pieces]:
    """What names more than one thing."""
    named: dict[Pieces, str] = {}
    return {pieces for role in roles for pieces, thing in role.all() if named.setdefault(pieces, thing) != thing}


Reasons = dict[tuple[Role, str], str]


def _stops(objects: _Names, aliases: Sequence[_Name]) -> Reasons:
    """Aliases for which an object's name and its full stop would be the beginning of another name, to the tokenizer."""
    labels, texts = set(objects.labels), {alias.pieces: alias.text for alias in aliases}
    whole = labels | texts.keys()
    bad: Reasons = {}
    for pieces in whole:
        for i, piece in enumerate(pieces):
            if piece == "." and pieces[:i] in whole:
                if pieces in labels:
                    bad["objects", texts[pieces[:i]]] = "and its full stop begin another object"
                else:
                    bad["objects", texts[pieces]] = "begins with another object and its full stop"
    return bad


def _let_in(lexicon: Lexicon, role: Role, names: Sequence[str], reasons: Reasons) -> Lexicon:
    """The lexicon with those of the names with which every name in it stays speakable; reasons for the others.

    Where a name makes one that is in already unspeakable, it is looked for by halving the names.
    """
    if not names:
        return lexicon
    tried = _joined(lexicon, role, names)
    bad = unspeakable(tried.subjects, tried.relations, tried.objects)
    harmed = [name for r in _ROLES for name in getattr(bad, r) if name in getattr(lexicon, r)]
    if not harmed:
        reasons |= {(role, name): why for name, why in getattr(bad, role).items()}
        return _joined(lexicon, role, [name for name in names if name not in getattr(bad, role)])
    if len(names) == 1:
        reasons[role, names[0]] = f"cannot be told from {harmed[0]!r} in every sentence"
        return lexicon
    half = len(names) // 2
    return _let_in(_let_in(lexicon, role, names[:half], reasons), role, names[half:], reasons)


def _joined(lexicon: Lexicon, role: Role, names: Sequence[str]) -> Lexicon:
    return replace(lexicon, **{role: getattr(lexicon, role) | {*names}})


def _by_id(n: int, aliases: Sequence[_Name], spoken: frozenset[str]) -> tuple[tuple[str, ...], ...]:
    """For each of n ids its aliases that are spoken, in order."""
    names: list[list[str]] = [[] for _ in range(n)]
    for alias in aliases:
        if alias.text in spoken:
            names[alias.id].append(alias.text)
    return tuple(map(tuple, names))


def _held_out(world: World, percent: int, seed: int) -> HeldOut:
    if not percent:
        return NOTHING_HELD_OUT
    told = zip(world.subject.tolist(), world.relation.tolist(), strict=True)
    keys = keys_of(f"{world.subjects[s]}\t{world.relations[r]}" for s, r in told)  # no label has a tab
    aliases, synonyms = (np.diff(names.first_name) - 1 for names in (world.subjects, world.relations))
    return hold_out(seed, keys, aliases[world.subject], synonyms[world.relation], percent)
