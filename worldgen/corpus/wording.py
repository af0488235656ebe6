"""Sentences of ids as text: a sentence is a row of fragments, joined by blanks. It is the text of `grammar.render`.

A fragment is a name with the punctuation next to it ('"Ada', 'born in', 'London"'). A corpus has few different
fragments, so each is spelled and tokenized once, however many sentences it stands in.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from itertools import chain

import numpy as np
from numpy.typing import NDArray

from worldgen.arrays import Ids, row_starts
from worldgen.corpus.sentences import Kind, Sentences
from worldgen.grammar import Atom, Both, Definition, Not, Sentence, Tag
from worldgen.worlds.world import NONE, World

_WORDS = ("is", "true.", "false.", '"not', "and", "or")
_IS, _TRUE, _FALSE, _NOT, _AND, _OR = range(len(_WORDS))


@dataclass(frozen=True)
class Wording:
    """The fragments of a world's language, and the sentences' texts made of them."""

    world: World

    @cached_property
    def _blocks(self) -> dict[str, tuple[str, ...]]:
        """The fragments by what they are. A dot or a quote in a block's name is in its fragments, too."""
        subjects, relations, objects = self._every_name()
        sources, defined = self.world.sources, self.world.definitions
        tag = tuple(tag if sources.place == "first" else f"{tag}." for tag in sources.tags.labels)
        variables, definers = defined.variables.labels, defined.tags.labels
        return {
            "subject": subjects,
            '"subject': tuple(f'"{name}' for name in subjects),
            "relation": relations,
            "object": objects,
            "object.": tuple(f"{name}." for name in objects),
            'object"': tuple(f'{name}"' for name in objects),
            "word": _WORDS,
            "tag": tag,
            "variable": variables,
            "variable.": tuple(f"{name}." for name in variables),
            "definer": definers,
            "definer.": tuple(f"{name}." for name in definers),
            "subject.": tuple(f"{name}." for name in subjects) if len(defined) else (),
        }

    @cached_property
    def _first(self) -> dict[str, int]:
        """The number of the first fragment of each block."""
        starts = row_starts(np.array([len(block) for block in self._blocks.values()]))
        return dict(zip(self._blocks, starts.tolist(), strict=False))

    @cached_property
    def fragments(self) -> tuple[str, ...]:
        """The text of every fragment."""
        return tuple(chain.from_iterable(self._blocks.values()))

    def fragments_of(self, sentences: Sentences) -> tuple[NDArray[np.int32], NDArray[np.int64]]:
        """Returns the sentences' fragments, back to back, and where each sentence starts: [fragments], [N+1]."""
        grid = np.full((len(sentences), _WIDEST), NONE, dtype=np.int32)
        for kind in map(Kind, np.unique(sentences.kind).tolist()):
            rows = np.flatnonzero(sentences.kind == kind)
            for column, values in enumerate(self._columns(sentences.where(rows), kind)):
                grid[rows, column] = values
        said = grid != NONE
        return grid[said], row_starts(said.sum(axis=1))

    def texts(self, sentences: Sentences) -> list[str]:
        """Returns every sentence as text."""
        fragment, start = self.fragments_of(sentences)
        words = [self.fragments[i] for i in fragment.tolist()]
        return [" ".join(words[begin:end]) for begin, end in zip(start[:-1].tolist(), start[1:].tolist(), strict=True)]

    def _every_name(self) -> tuple[tuple[str, ...], ...]:
        return self.world.subjects.every_name, self.world.relations.every_name, self.world.objects.every_name

    def _columns(self, s: Sentences, kind: Kind) -> list[NDArray | int]:
        """Returns the fragments of sentences of one kind, place by place in the sentence: [N] each."""
        if kind == Kind.DEFINITION:
            return self._definition(s)
        first = self._first
        subject, relation, object_ = self._names(s.fact, s.object, s.names_of("first"))
        verb, word = first["relation"] + relation, first["word"]
        if kind == Kind.ATOM:
            return [subject, verb, first["object."] + object_]
        if kind == Kind.QUESTION:
            assert s.variable is not None
            return [first["variable"] + s.variable, verb, first["object."] + object_]
        if kind == Kind.REPORT:
            assert s.source is not None
            if self.world.sources.place == "last":
                return [subject, verb, first["object"] + object_, first["tag"] + s.source]
            return [first["tag"] + s.source, subject, verb, first["object."] + object_]
        end: list[NDArray | int] = [word + _IS, np.where(s.truth, word + _TRUE, word + _FALSE)]
        if kind == Kind.STATED:
            return [first['"subject'] + subject, verb, first['object"'] + object_, *end]
        if kind == Kind.NOT:
            return [word + _NOT, subject, verb, first['object"'] + object_, *end]
        joint = word + (_AND if kind == Kind.AND else _OR)
        left: list[NDArray | int] = [first['"subject'] + subject, verb, first["object"] + object_, joint]
        subject, relation, object_ = self._names(s.second_fact, s.second_object, s.names_of("second"))
        return [*left, subject, first["relation"] + relation, first['object"'] + object_, *end]

    def _definition(self, s: Sentences) -> list[NDArray | int]:
        """Returns the fragments of definitions, in the world's word order. An entity is named by its label."""
        assert s.variable is not None
        defined = self.world.definitions
        row = defined.row_of_variable[s.variable]
        entity = self.world.subjects.first_name[defined.stated[row]]
        block = {"A": "variable", "T": "definer", "E": "subject"}
        place: dict[str, NDArray] = {"A": s.variable, "T": defined.tag[row], "E": entity}
        *others, final = list(defined.order)
        return [*(self._first[block[x]] + place[x] for x in others), self._first[f"{block[final]}."] + place[final]]

    def _names(self, fact: Ids, object_: Ids, names: NDArray[np.int8]) -> tuple[NDArray, NDArray, NDArray]:
        """Returns the places of the atoms' names in the `every_name` of subjects, relations and objects: [N] each.

        `names` [3, N] tells which name of the subject, relation and object is used.
        """
        world = self.world
        subject = world.subjects.first_name[world.subject[fact]] + names[0]
        relation = world.relations.first_name[world.relation[fact]] + names[1]
        return subject, relation, world.objects.first_name[object_] + names[2]


_WIDEST = 9  # fragments of an "and" or "or" sentence, the longest kind


def syntax_tree(world: World, sentences: Sentences, i: int) -> Sentence:
    """Returns the i-th sentence as a syntax tree of labels. It is slow; tests hold `Wording` against it."""

    def atom(fact: int, object_: int, names: NDArray[np.int8]) -> Atom:
        ids = (world.subjects, world.subject[fact]), (world.relations, world.relation[fact]), (world.objects, object_)
        return Atom(*(vocabulary.names(id_)[name] for (vocabulary, id_), name in zip(ids, names, strict=True)))

    kind = Kind(sentences.kind[i])
    if kind == Kind.DEFINITION:
        return Sentence(_definition_tree(world, sentences, i))
    first = atom(sentences.fact[i], sentences.object[i], sentences.names_of("first")[:, i])
    if kind == Kind.ATOM:
        return Sentence(first)
    if kind == Kind.QUESTION:
        assert sentences.variable is not None
        return Sentence(replace(first, subject=world.definitions.variables[sentences.variable[i]]))
    if kind == Kind.REPORT:
        assert sentences.source is not None
        return Sentence(first, tag=Tag(world.sources.tags[sentences.source[i]], world.sources.place))
    truth = bool(sentences.truth[i])
    if kind == Kind.STATED:
        return Sentence(first, truth)
    if kind == Kind.NOT:
        return Sentence(Not(first), truth)
    second = atom(sentences.second_fact[i], sentences.second_object[i], sentences.names_of("second")[:, i])
    return Sentence(Both("and" if kind == Kind.AND else "or", first, second), truth)


def _definition_tree(world: World, sentences: Sentences, i: int) -> Definition:
    assert sentences.variable is not None
    defined, variable = world.definitions, int(sentences.variable[i])
    row = defined.variable.tolist().index(variable)
    entity = world.subjects[defined.stated[row]]
    return Definition(defined.tags[defined.tag[row]], defined.variables[variable], entity, defined.order)
