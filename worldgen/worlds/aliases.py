"""Spoken names: the aliases and relation synonyms that a world's sentences use beside the labels.

An alias is spoken if it names one thing only, among all labels and aliases of all roles, and if the language stays
unambiguous with it (`worldgen.grammar`). Labels come first, then synonyms of relations, aliases of subjects, aliases
of objects. Two names are the same if they are the same to the tokenizer, because the model sees no more. A subject and
an object that are one entity of the source are one thing. Object aliases are cut like object labels.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal, NamedTuple

from worldgen.facts import Vocabulary
from worldgen.grammar import Lexicon
from worldgen.graphs.labels import REASONS_KEPT
from worldgen.graphs.spelling import Pieces, Spelling
from worldgen.randomness import keys_of
from worldgen.settings import WorldConfig
from worldgen.unspeakable import unspeakable
from worldgen.worlds.held_out import NOTHING_HELD_OUT, HeldOut, hold_out
from worldgen.worlds.world import World

Role = Literal["subjects", "relations", "objects"]
_Outcome = Literal["chosen", "merged", "ambiguous", "further"]
_ROLES: tuple[Role, ...] = ("relations", "subjects", "objects")  # in the order in which their aliases are admitted


@dataclass(frozen=True)
class AliasReport:
    """The numbers of aliases that are spoken and that are not."""

    spoken_aliases: int
    cut_aliases: int
    """Object aliases that were cut to the longest length of an object."""
    merged_aliases: int
    """Aliases that are the same as their own label or as an earlier alias of it."""
    ambiguous_aliases: int
    """Aliases that name another thing too."""
    further_aliases: int
    """Aliases beyond the number that the config asks for."""
    unspeakable_aliases: int
    """Aliases that would make the language ambiguous."""
    reasons: dict[str, str]
    """Unspeakable alias -> reason, for at most `REASONS_KEPT` of them."""
    held_out_combinations: int


def with_aliases(
    world: World, config: WorldConfig, spelling: Spelling, most_pieces: int, seed: int
) -> tuple[World, AliasReport]:
    """Returns the world with up to `config.aliases` spoken names for each id, and a report.

    Draws the held-out combinations too. Object aliases are cut to `most_pieces` pieces. Ids, truths and probabilities
    stay as they are.
    """
    names = {role: _Names.of(getattr(world, role), spelling, most_pieces) for role in _ROLES}
    ambiguous = _ambiguous(names.values())
    outcomes = {role: names[role].outcomes(ambiguous, config.aliases) for role in _ROLES}
    chosen = {role: [alias for alias, outcome in outcomes[role] if outcome == "chosen"] for role in _ROLES}
    reasons = _early_ends(names["objects"], chosen["objects"])
    lexicon = world.lexicon
    for role in _ROLES:
        new = [name.text for name in chosen[role] if (role, name.text) not in reasons]
        lexicon = _admit(lexicon, role, new, reasons)
    spoken = {role: _by_id(len(names[role].labels), chosen[role], getattr(lexicon, role)) for role in _ROLES}
    vocabularies = {role: replace(getattr(world, role), spoken=said) for role, said in spoken.items() if any(said)}
    speaking = replace(world, **vocabularies)
    speaking = replace(speaking, held_out=_held_out(speaking, config.held_out_percent, seed))
    count = Counter(outcome for role in _ROLES for _, outcome in outcomes[role])
    return speaking, AliasReport(
        spoken_aliases=sum(len(further) for said in spoken.values() for further in said),
        cut_aliases=names["objects"].cut,
        merged_aliases=count["merged"],
        ambiguous_aliases=count["ambiguous"],
        further_aliases=count["further"],
        unspeakable_aliases=len(reasons),
        reasons={text: why for (_, text), why in list(reasons.items())[:REASONS_KEPT]},
        held_out_combinations=len(speaking.held_out),
    )


class _Name(NamedTuple):
    """One alias of an id."""

    id: int
    text: str
    pieces: Pieces
    """The text as the tokenizer sees it."""


@dataclass(frozen=True)
class _Names:
    """The labels and aliases of one role, as the tokenizer sees them."""

    things: tuple[str, ...]
    """For each id the thing that it stands for. Ids of two roles that stand for one entity have the same thing."""
    labels: list[Pieces]
    aliases: list[_Name] = field(repr=False)
    cut: int
    """The number of aliases that were cut."""

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
        """Yields every label and alias with the thing that it names."""
        yield from zip(self.labels, self.things, strict=True)
        yield from ((alias.pieces, self.things[alias.id]) for alias in self.aliases)

    def outcomes(self, ambiguous: set[Pieces], most: int) -> list[tuple[_Name, _Outcome]]:
        """Returns each alias with its outcome. The first `most` aliases of an id that name nothing else are chosen."""
        return list(zip(self.aliases, self._outcomes(ambiguous, most), strict=True))

    def _outcomes(self, ambiguous: set[Pieces], most: int) -> Iterator[_Outcome]:
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
    """Returns the names that name more than one thing."""
    named: dict[Pieces, str] = {}
    return {pieces for role in roles for pieces, thing in role.all() if named.setdefault(pieces, thing) != thing}


Reasons = dict[tuple[Role, str], str]


def _early_ends(objects: _Names, aliases: Sequence[_Name]) -> Reasons:
    """Returns the aliases with which an object's name and its full stop begin another name, to the tokenizer."""
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


def _admit(lexicon: Lexicon, role: Role, names: Sequence[str], reasons: Reasons) -> Lexicon:
    """Returns the lexicon with the names that leave every name speakable, and adds the others to `reasons`.

    If some name makes a name that is already in the lexicon unspeakable, the names are halved until it is found.
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
    return _admit(_admit(lexicon, role, names[:half], reasons), role, names[half:], reasons)


def _joined(lexicon: Lexicon, role: Role, names: Sequence[str]) -> Lexicon:
    return replace(lexicon, **{role: getattr(lexicon, role) | {*names}})


def _by_id(n: int, aliases: Sequence[_Name], spoken: frozenset[str]) -> tuple[tuple[str, ...], ...]:
    """Returns for each of n ids its aliases that are in `spoken`, in order."""
    names: list[list[str]] = [[] for _ in range(n)]
    for alias in aliases:
        if alias.text in spoken:
            names[alias.id].append(alias.text)
    return tuple(map(tuple, names))


def _held_out(world: World, percent: int, seed: int) -> HeldOut:
    if not percent:
        return NOTHING_HELD_OUT
    facts = zip(world.subject.tolist(), world.relation.tolist(), strict=True)
    keys = keys_of(f"{world.subjects[s]}\t{world.relations[r]}" for s, r in facts)  # no label has a tab
    aliases, synonyms = (names.name_counts - 1 for names in (world.subjects, world.relations))
    return hold_out(seed, keys, aliases[world.subject], synonyms[world.relation], percent)
