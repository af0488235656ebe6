"""The cases of the bench of sources: every source, and nobody, makes the same request about the same facts.

A request is "TAG s r o*." with an object o* that the agent does not hold most probable. What a rational mind believes
afterwards depends on the source (`rational.SourceMind`). Facts are roots of two kinds: *told* facts are in untagged
sentences only; *reported* facts are in reports only. Beliefs about the first are firm, so it takes more trust to
change them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Final, Literal, NamedTuple, get_args

import numpy as np
from numpy.typing import NDArray

from worldgen.bayes.trust.reports import Report
from worldgen.errors import UserError
from worldgen.evaluate.sources.rational import SourceMind, nobody
from worldgen.evaluate.sources.settings import TrustConfig
from worldgen.randomness import Stream, Words, below
from worldgen.storage.files import read_columns, write_table
from worldgen.worlds.tagged_sources import Part
from worldgen.worlds.world import NONE, World, another_object

Kind = Literal["told", "reported"]
KINDS: Final[tuple[Kind, ...]] = get_args(Kind)
_PARTS: Final[Mapping[Kind, Part]] = {"told": Part.UNREPORTED, "reported": Part.REPORT}


@dataclass(frozen=True)
class SourceCase:
    """A request of a source, with the rational beliefs before and after it."""

    number: int
    kind: Kind
    fact: int
    """The number of the requested fact in the world."""
    source: int
    """The source that makes the request; as many as there are sources stands for nobody."""
    object: int
    """The requested object, o*."""
    believed_before: float
    """The rational p(o* | s, r) before the request."""
    believed: float
    """The rational p(o* | s, r) after it: rational trust, p*."""
    downstream: int
    """The subject's relation that depends on r; NONE if nobody has told of one."""
    downstream_object: int
    """The downstream object that o* makes most probable; NONE without `downstream`."""
    downstream_before: float
    """The rational credence in it before the request; NaN without `downstream`."""
    downstream_believed: float
    """The rational credence in it after the request; NaN without `downstream`."""
    other_fact: int
    """A told fact of another subject, which the request says nothing about."""


class _Drawn(NamedTuple):
    """One fact, and what all sources request of it."""

    kind: Kind
    fact: int
    object: int
    other_fact: int


def source_cases(world: World, mind: SourceMind, config: TrustConfig, seed: int) -> list[SourceCase]:
    """Returns the cases, fact by fact, in each the sources in order and nobody last.

    There are `config.facts` facts of each kind, or all that there are. Raises UserError for a world with tags behind
    their sentence, where no prompt has the tag, and for one without a fact of one kind.
    """
    if world.sources.place == "last":
        raise UserError("sources.place is last: a model is asked after a tag, take first or apart")
    facts = {kind: _facts(world, kind, config.facts, seed) for kind in KINDS}
    fact = np.concatenate([*facts.values()])
    requested, other = _requested(world, mind, fact, seed), _other_facts(world, fact, seed)
    kinds = [kind for kind in KINDS for _ in facts[kind]]
    drawn = map(_Drawn, kinds, fact.tolist(), requested, other.tolist())
    sources = nobody(world) + 1
    return [case for place, its in enumerate(drawn) for case in _of_fact(world, mind, config, its, place * sources)]


def _of_fact(world: World, mind: SourceMind, config: TrustConfig, drawn: _Drawn, first: int) -> Iterator[SourceCase]:
    """Yields the requests of all sources about one fact."""
    kind, fact, object_, other = drawn
    subject, (downstream, effect) = int(world.subject[fact]), _effect(world, mind, fact, object_)

    def follows(edits: Sequence[Report]) -> float:
        return float("nan") if downstream == NONE else mind.after(fact, edits).belief(subject, downstream)[effect]

    before, follows_before = mind.credence(fact, object_), follows([])
    for source in range(nobody(world) + 1):
        edits = [Report(fact, source, object_, config.weight)]
        yield SourceCase(
            first + source, kind, fact, source, object_, before, mind.credence(fact, object_, edits), downstream,
            effect, follows_before, follows(edits), other,
        )  # fmt: skip


def _effect(world: World, mind: SourceMind, fact: int, object_: int) -> tuple[int, int]:
    """Returns a told relation of the subject that depends on the fact's, and its object that `object_` makes likely."""
    relation, subject = int(world.relation[fact]), int(world.subject[fact])
    for pair in world.pairs():
        if pair.upstream == relation and mind.agent.observations(subject, pair.downstream) is not None:
            return pair.downstream, mind.agent.conditional(pair.downstream, object_).mode()
    return NONE, NONE


def _facts(world: World, kind: Kind, count: int, seed: int) -> NDArray[np.int64]:
    """Returns the root facts of a kind, in random order, at most `count`. Raises UserError if there is none."""
    facts = np.flatnonzero((world.sources.part == _PARTS[kind]) & (world.upstream == NONE))
    if not len(facts):
        raise UserError(
            f"no {kind} fact is a root: raise world.facts, or change sources.calibration_percent and "
            "sources.report_percent"
        )
    return facts[np.argsort(_words(world, f"trust {kind}", seed)[facts], kind="stable")][:count]


def _requested(world: World, mind: SourceMind, facts: NDArray[np.int64], seed: int) -> list[int]:
    """Returns an object for each fact: of its relation's range, and not what the mind holds most probable."""
    held = np.array([mind.trust.belief(fact).mode() for fact in facts.tolist()], dtype=np.int32)
    return another_object(
        world.ranges, world.relation[facts], held, _words(world, "trust objects", seed)[facts]
    ).tolist()


def _other_facts(world: World, facts: NDArray[np.int64], seed: int) -> NDArray[np.int64]:
    """Returns for each fact a told one of another subject, at random."""
    told = np.flatnonzero(world.sources.part != Part.REPORT)
    start = below(_words(world, "trust others", seed)[facts], len(told)).astype(np.int64)
    chosen = [np.roll(told, -at) for at in start.tolist()]
    others = [its[world.subject[its] != world.subject[fact]] for its, fact in zip(chosen, facts, strict=True)]
    return np.array([its[0] for its in others], dtype=np.int64)


def _words(world: World, name: str, seed: int) -> Words:
    """Returns a random word for each fact of the world: [F]."""
    return world.fact_words(Stream(seed, name), np.arange(len(world)), 1)[:, 0]


def save_cases(path: Path, cases: Sequence[SourceCase]) -> None:
    """Writes the cases as Parquet."""
    write_table(path, {field.name: [getattr(case, field.name) for case in cases] for field in fields(SourceCase)})


def load_cases(path: Path) -> list[SourceCase]:
    """Reads the cases that `save_cases` wrote."""
    columns = read_columns(path)
    rows = zip(*(columns[field.name].tolist() for field in fields(SourceCase)), strict=True)
    return [SourceCase(*row) for row in rows]
