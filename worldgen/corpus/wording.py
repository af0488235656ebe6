"""Sentences of ids as words: each a row of fragments, which joined by blanks are what `grammar.render` writes.

A fragment is a name with the punctuation that clings to it ('"Ada', 'born in', 'London"'), so that a text, or
its tokens, is put together from a few fragments that are spelled once, not from 2.4 million strings.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from worldgen.arrays import Ids, row_starts
from worldgen.corpus.sentences import Kind, Sentences
from worldgen.grammar import Atom, Both, Not, Sentence
from worldgen.worlds.world import NONE, World

_WORDS = ("is", "true.", "false.", '"not', "and", "or")
_IS, _TRUE, _FALSE, _NOT, _AND, _OR = range(len(_WORDS))


@dataclass(frozen=True)
class Wording:
    """The fragments of a world's language. `fragments[i]` is the text of fragment i."""

    world: World

    @cached_property
    def fragments(self) -> tuple[str, ...]:
        """Subjects, subjects after a quote, relations, objects, objects before a stop, before a quote, words."""
        subjects, relations, objects = self._every_name()
        return (
            *subjects,
            *(f'"{name}' for name in subjects),
            *relations,
            *objects,
            *(f"{name}." for name in objects),
            *(f'{name}"' for name in objects),
            *_WORDS,
        )

    def fragments_of(self, sentences: Sentences) -> tuple[NDArray[np.int32], NDArray[np.int64]]:
        """The sentences' fragments back to back [fragments], and where each sentence starts [N+1]."""
        grid = np.full((len(sentences), _WIDEST), NONE, dtype=np.int32)
        for kind in Kind:
            rows = np.flatnonzero(sentences.kind == kind)
            for column, values in enumerate(self._columns(sentences.where(rows), kind)):
                grid[rows, column] = values
        said = grid != NONE
        return grid[said], row_starts(said.sum(axis=1))

    def texts(self, sentences: Sentences) -> list[str]:
        """Every sentence as text."""
        fragment, start = self.fragments_of(sentences)
        words = [self.fragments[i] for i in fragment.tolist()]
        return [" ".join(words[begin:end]) for begin, end in zip(start[:-1].tolist(), start[1:].tolist(), strict=True)]

    def _every_name(self) -> tuple[tuple[str, ...], ...]:
        return self.world.subjects.every_name, self.world.relations.every_name, self.world.objects.every_name

    def _columns(self, s: Sentences, kind: Kind) -> list[NDArray | int]:
        S, R, O = map(len, self._every_name())  # noqa: E741
        quoted_subject, relation = S, 2 * S
        plain, stopped, quoted = 2 * S + R, 2 * S + R + O, 2 * S + R + 2 * O
        word = 2 * S + R + 3 * O
        of, by, what = self._places(s.fact, s.object, s.names_of("first"))
        end: list[NDArray | int] = [word + _IS, np.where(s.truth, word + _TRUE, word + _FALSE)]
        if kind == Kind.ATOM:
            return [of, relation + by, stopped + what]
        if kind == Kind.STATED:
            return [quoted_subject + of, relation + by, quoted + what, *end]
        if kind == Kind.NOT:
            return [word + _NOT, of, relation + by, quoted + what, *end]
        joint = word + (_AND if kind == Kind.AND else _OR)
        of_second, by_second, second = self._places(s.second_fact, s.second_object, s.names_of("second"))
        first: list[NDArray | int] = [quoted_subject + of, relation + by, plain + what, joint]
        return [*first, of_second, relation + by_second, quoted + second, *end]

    def _places(self, fact: Ids, object_: Ids, names: NDArray[np.int8]) -> tuple[NDArray, NDArray, NDArray]:
        """Of atoms' subjects, relations and objects the places [N] among all names of their role; `names` [3, N]."""
        world = self.world
        of = world.subjects.first_name[world.subject[fact]] + names[0]
        by = world.relations.first_name[world.relation[fact]] + names[1]
        return of, by, world.objects.first_name[object_] + names[2]


_WIDEST = 9


def sentence(world: World, sentences: Sentences, i: int) -> Sentence:
    """The i-th sentence as a syntax tree: the slow way, and the reading that the fast one is held against."""

    def atom(fact: int, object_: int, names: NDArray[np.int8]) -> Atom:
        ids = (world.subjects, world.subject[fact]), (world.relations, world.relation[fact]), (world.objects, object_)
        return Atom(*(vocabulary.names(id_)[name] for (vocabulary, id_), name in zip(ids, names, strict=True)))

    kind = Kind(sentences.kind[i])
    first = atom(sentences.fact[i], sentences.object[i], sentences.names_of("first")[:, i])
    if kind == Kind.ATOM:
        return Sentence(first)
    truth = bool(sentences.truth[i])
    if kind == Kind.STATED:
        return Sentence(first, truth)
    if kind == Kind.NOT:
        return Sentence(Not(first), truth)
    second = atom(sentences.second_fact[i], sentences.second_object[i], sentences.names_of("second")[:, i])
    return Sentence(Both("and" if kind == Kind.AND else "or", first, second), truth)
