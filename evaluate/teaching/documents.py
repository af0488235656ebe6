"""Sentences about a request's subject, sampled from the revised agent's beliefs, as the corpus would say them.

A sentence has a kind, with the chance that kinds have in the corpus, and is about a relation r of the subject s, each
alike. The object o is drawn from the revised agent's p(o | s, r), and then, as in the corpus (`worldgen.corpus.draws`,
`worldgen.corpus.connectives`):

    atom        "s r o."
    stated      "s r o" is true with the chance p(o | s, r), and else false
    not         "not s r o" is false, or "not s r x" is true, where x is another object of r
    and, or     "s r o" or "s r x", joined to such a statement about another subject

As requests they ask for the object of an atom, and for the truth of any other sentence.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from worldgen.bayes.agent import Agent
from worldgen.bayes.distribution import Distribution
from worldgen.corpus.sentences import Kind, read_shards
from worldgen.evaluate.asking.questions import fact_prompt
from worldgen.evaluate.teaching.closure import Turn, statement, turns_of
from worldgen.evaluate.teaching.drawing import Place, drawn_of_others, relations_of
from worldgen.evaluate.teaching.teacher import Heard, believed, fact_of
from worldgen.facts import Fact
from worldgen.grammar import Atom, Both, Not
from worldgen.lm.editions import Edition, Mode, Request
from worldgen.randomness import generator
from worldgen.worlds.world import World


@dataclass(frozen=True)
class Documents:
    """Has each request learned as sentences: as many as the request is worth observations, at most `most`."""

    world: World
    agent: Agent
    mode: Mode
    kinds: NDArray[np.float64]
    """[kinds]: the chance of each kind of sentence (`kinds_in`)."""
    most: int
    kept_out: Mapping[Fact, frozenset[int]]
    """For each request, the subjects that no sentence may name."""
    heard: Heard | None = None

    def __call__(self, edition: Edition) -> Edition:
        """Returns the edition, each of its requests as sentences of the mind after its turn."""
        draw = generator(edition.seed, "documents")
        facts = [fact_of(request) for request in edition.requests]
        closed = {fact.subject for fact in facts}.union(*(self.kept_out.get(fact, ()) for fact in facts))
        requests = (
            replace(request, learned_as=tuple(self._sentences(turn, request, closed, draw)))
            for turn in turns_of(self.agent, self.mode, edition, self.heard)
            for request in turn.requests
        )
        return replace(edition, requests=tuple(requests))

    def _sentences(
        self, turn: Turn, request: Request, closed: set[int], draw: np.random.Generator
    ) -> Iterator[Request]:
        """Yields the sentences that one request is learned as."""
        fact, count = fact_of(request), min(max(1, round(request.weight)), self.most)
        relations = relations_of(self.world, fact.subject)
        others = drawn_of_others(self.world, closed, set(relations), count, draw)
        kinds = draw.choice(len(self.kinds), count, p=self.kinds)
        for number, (kind, relation) in enumerate(zip(kinds.tolist(), draw.choice(relations, count), strict=True)):
            place, belief = (fact.subject, int(relation)), believed(turn.after, fact, int(relation))
            if kind == Kind.ATOM:
                answer = f"{self.world.objects[_drawn(belief, draw)]}."
                yield Request(fact_prompt(self.world, *place), answer, subject=self.world.subjects[fact.subject])
            elif kind in (Kind.AND, Kind.OR) and others:
                yield self._joined(turn, Kind(kind), self._statement(place, belief, draw), others[number], draw)
            elif kind == Kind.NOT:
                atom, truth = self._statement(place, belief, draw)
                yield statement(Not(atom), atom.subject, not truth)
            else:
                object_ = _drawn(belief, draw)
                atom = self._atom(place, object_)
                yield statement(atom, atom.subject, bool(draw.random() < belief[object_]))

    def _joined(
        self, turn: Turn, kind: Kind, here: tuple[Atom, bool], other: Place, draw: np.random.Generator
    ) -> Request:
        """Returns the sentence that joins a statement to one about another subject, in random order."""
        there = self._statement(other, turn.after.belief(*other), draw)
        first, second = (here, there) if draw.random() < 0.5 else (there, here)
        if kind == Kind.AND:
            return statement(Both("and", first[0], second[0]), here[0].subject, first[1] and second[1])
        return statement(Both("or", first[0], second[0]), here[0].subject, first[1] or second[1])

    def _statement(self, place: Place, belief: Distribution, draw: np.random.Generator) -> tuple[Atom, bool]:
        """Returns a statement with its truth, as a coin decides: what is drawn from a belief, or another object."""
        object_, true = _drawn(belief, draw), bool(draw.random() < 0.5)
        others = self.world.ranges[place[1]]
        return self._atom(place, object_ if true else int(draw.choice(others[others != object_]))), true

    def _atom(self, place: Place, object_: int) -> Atom:
        world = self.world
        return Atom(world.subjects[place[0]], world.relations[place[1]], world.objects[object_])


def kinds_in(corpus: Path) -> NDArray[np.float64]:
    """Returns the share of each kind of sentence in the first shard of a corpus, reports left out."""
    counts = np.bincount(next(read_shards(corpus)).sentences.kind, minlength=len(Kind)).astype(float)
    counts[[Kind.REPORT, Kind.DEFINITION, Kind.QUESTION]] = 0
    return counts / counts.sum()


def _drawn(belief: Distribution, draw: np.random.Generator) -> int:
    """Returns an object drawn from a belief."""
    credences = belief.dense()
    return int(draw.choice(len(credences), p=credences / credences.sum()))
