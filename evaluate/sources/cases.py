"""The cases of the bench of sources: every source, and nobody, makes the same request about the same facts.

A request is "TAG s r o*." with an object o* that the agent does not hold most probable. What a rational mind believes
afterwards depends on the source (`rational.SourceMind`). Facts are of three kinds: roots that are *told*, in untagged
sentences only, and roots that are *reported*, in reports only; and *dependent* facts, which are told and depend on a
told one. Beliefs about told facts are firm, so it takes more trust to change them. In the reading `marginal` there are
no dependent facts: it does not believe what it is told of one, whoever says it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Final, Literal, NamedTuple, get_args

import numpy as np
from numpy.typing import NDArray

from worldgen.bayes.trust.minds import MixedMinds
from worldgen.bayes.trust.reports import Report
from worldgen.errors import UserError
from worldgen.evaluate.sources.rational import SourceMind, nobody, told_by_sources_alone
from worldgen.evaluate.sources.settings import TrustConfig
from worldgen.randomness import Stream, Words, below
from worldgen.storage.files import read_columns, write_table
from worldgen.worlds.tagged_sources import Part
from worldgen.worlds.world import NONE, World, another_object

Kind = Literal["told", "reported", "dependent"]
KINDS: Final[tuple[Kind, ...]] = get_args(Kind)
FOLLOWS: Final = "follows"
"""The kind of what follows from a request of any kind, where it is scored by itself."""
_PARTS: Final[Mapping[Kind, Part]] = {"told": Part.UNREPORTED, "reported": Part.REPORT, "dependent": Part.UNREPORTED}


@dataclass(frozen=True)
class SourceCase:
    """A request of a source, with the rational beliefs before and after it."""

    number: int
    kind: Kind | Literal["follows"]
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
    """One fact, what all sources request of it, and what follows."""

    kind: Kind
    fact: int
    object: int
    other_fact: int
    downstream: int
    downstream_object: int


def source_cases(world: World, mind: SourceMind, config: TrustConfig, seed: int) -> list[SourceCase]:
    """Returns the cases, fact by fact, in each the sources in order and nobody last.

    There are `config.facts` facts of each kind, or all that there are. Raises UserError for a world with tags behind
    their sentence, where no prompt has the tag, and for one without a told or a reported fact.
    """
    if world.sources.place == "last":
        raise UserError("sources.place is last: a model is asked after a tag, take first or apart")
    facts = {kind: _facts(world, mind, kind, config.facts, seed) for kind in KINDS}
    fact = np.concatenate([*facts.values()])
    requested, other = _requested(world, mind, fact, seed), _other_facts(world, fact, seed)
    kinds = [kind for kind in KINDS for _ in facts[kind]]
    effects = [_effect(world, mind, *its) for its in zip(fact.tolist(), requested, strict=True)]
    columns = zip(kinds, fact.tolist(), requested, other.tolist(), effects, strict=True)
    drawn = [_Drawn(kind, f, o, another, *effect) for kind, f, o, another, effect in columns]
    return list(_judged(world, mind, drawn, config.weight))


def _judged(world: World, mind: SourceMind, drawn: Sequence[_Drawn], weight: int) -> Iterator[SourceCase]:
    """Yields the requests of all sources about each fact, with the mind's beliefs, all asked for at once."""
    sources = nobody(world) + 1
    said = [(its, Report(its.fact, k, its.object, weight)) for its in drawn for k in range(sources)]
    before = _beliefs(world, mind.many_after([its.fact for its in drawn], [()] * len(drawn)), drawn)
    everybody = [its for its, _ in said]
    after = _beliefs(
        world, mind.many_after([its.fact for its in everybody], [[report] for _, report in said]), everybody
    )
    for number, (its, report) in enumerate(said):
        believed_before, follows_before = before[number // sources]
        believed, follows = after[number]
        yield SourceCase(
            number, its.kind, its.fact, report.source, its.object, believed_before, believed, its.downstream,
            its.downstream_object, follows_before, follows, its.other_fact,
        )  # fmt: skip


def _beliefs(world: World, minds: MixedMinds, drawn: Sequence[_Drawn]) -> list[list[float]]:
    """Returns each mind's beliefs in the request, and in what follows: NaN where nothing does."""
    fact, object_, downstream, effect = np.array(
        [(its.fact, its.object, its.downstream, its.downstream_object) for its in drawn], dtype=np.int64
    ).T
    subject, every = world.subject[fact], np.arange(len(drawn))
    found = np.full((len(drawn), 2), np.nan)
    found[:, 0] = minds.requests(every, subject, world.relation[fact]).at(object_[:, np.newaxis])[:, 0]
    if len(leads := np.flatnonzero(downstream != NONE)):
        asked = minds.beliefs(leads, subject[leads], downstream[leads])
        found[leads, 1] = asked.at(effect[leads, np.newaxis])[:, 0]
    return found.tolist()


def _effect(world: World, mind: SourceMind, fact: int, object_: int) -> tuple[int, int]:
    """Returns a told relation of the subject that depends on the fact's, and its object that `object_` makes likely."""
    relation, subject = int(world.relation[fact]), int(world.subject[fact])
    for pair in world.pairs():
        if pair.upstream == relation and mind.agent.observations(subject, pair.downstream) is not None:
            return pair.downstream, mind.agent.conditional(pair.downstream, object_).mode()
    return NONE, NONE


def _facts(world: World, mind: SourceMind, kind: Kind, count: int, seed: int) -> NDArray[np.int64]:
    """Returns the facts of a kind, in random order, at most `count`. Raises UserError if there is no root of it."""
    of_part, is_root = world.sources.part == _PARTS[kind], world.upstream == NONE
    if kind == "dependent":
        facts = _told_throughout(world, np.flatnonzero(of_part & ~is_root & (mind.agent.reading.name != "marginal")))
    else:
        facts = np.flatnonzero(of_part & is_root)
        if not len(facts):
            raise UserError(
                f"no {kind} fact is a root: raise world.facts, or change sources.calibration_percent and "
                "sources.report_percent"
            )
    return facts[np.argsort(_words(world, f"trust {kind}", seed)[facts], kind="stable")][:count]


def _told_throughout(world: World, facts: NDArray[np.int64]) -> NDArray[np.int64]:
    """Returns those facts that neither by themselves nor by what they depend on are told by sources alone."""
    places = zip(world.subject[facts].tolist(), world.relation[facts].tolist(), strict=True)
    return facts[[told_by_sources_alone(world, *place, NONE) is None for place in places]]


def _requested(world: World, mind: SourceMind, facts: NDArray[np.int64], seed: int) -> list[int]:
    """Returns an object for each fact: of its relation's range, and not what the mind holds most probable."""
    minds, every = mind.many_after(facts.tolist(), [()] * len(facts)), np.arange(len(facts))
    believed = minds.requests(every, world.subject[facts], world.relation[facts]).distributions()
    held = np.array([belief.mode() for belief in believed], dtype=np.int32)
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
