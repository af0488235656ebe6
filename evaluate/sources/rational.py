"""The rational mind of a world with sources: today's agent for what nobody says, and reliabilities learned exactly.

What the untagged sentences say of a calibration fact leaves no doubt about its truth. So each report of such a fact is
right or wrong, and with R_k right and W_k wrong reports of source k (A1 of `bayes.trust`):

    rho_k ~ Beta(a + R_k, b + W_k)

Other reports and requests are those of Model B: with probability rho_k the report is genuine and worth `trust.weight`
observations of its fact, else it says any object. The reports of a downstream fact are heard where that fact is asked
about, and teach nothing about their sources: what they are worth hangs on other facts. A request of nobody is genuine
for certain: nobody is one more source, the last one, whose reliability is known to be 1.

Sources are taken to err independently of each other: that a copier repeats another, the agent does not suspect.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from worldgen.bayes.agent import Agent
from worldgen.bayes.sparse import Integers
from worldgen.bayes.trust.genuine import Genuine, uniform_background
from worldgen.bayes.trust.minds import MixedMind, MixedMinds, mind_after, minds_after
from worldgen.bayes.trust.reliability import Betas
from worldgen.bayes.trust.reports import Report, Reports
from worldgen.bayes.trust.trust import Trust, fit
from worldgen.errors import UserError
from worldgen.evaluate.sources.settings import TrustConfig
from worldgen.worlds.tagged_sources import Part
from worldgen.worlds.tagged_sources import Reports as TaggedReports
from worldgen.worlds.world import NONE, World


@dataclass(frozen=True)
class SourceMind:
    """A rational mind that has read what nobody says, and has heard what the sources report."""

    agent: Agent
    """The agent that has read the untagged sentences alone."""
    trust: Trust
    """The mind that has heard the reports of roots as well. Facts and sources have the world's numbers, nobody is
    source K."""
    downstream: Mapping[int, tuple[Report, ...]]
    """The reports of each downstream fact that only sources tell."""

    def credence(self, fact: int, object_: int, edits: Sequence[Report] = ()) -> float:
        """Returns p(o | s, r) of one object of a fact as of a request, as if the edits had been heard."""
        return self.trust.credence(fact, object_, self._heard(fact, edits))

    def after(self, fact: int, edits: Sequence[Report] = ()) -> MixedMind:
        """Returns the mind that has heard all reports about one fact, edits included: it also knows what follows."""
        return mind_after(self.trust, fact, self._heard(fact, edits))

    def many_after(self, facts: Sequence[int], edits: Sequence[Sequence[Report]]) -> MixedMinds:
        """Returns the minds `after(facts[m], edits[m])`, all at once."""
        heard = [self._heard(*question) for question in zip(facts, edits, strict=True)]
        return minds_after(self.trust, np.array(facts, dtype=np.int64), heard)

    def _heard(self, fact: int, edits: Sequence[Report]) -> Sequence[Report]:
        return [*self.downstream.get(fact, ()), *edits]


def source_mind(world: World, agent: Agent, config: TrustConfig) -> SourceMind:
    """Returns the mind of a world's agent that has heard every report of the world once.

    Raises UserError for a world without sources.
    """
    K, heard = len(world.sources), world.sources.reports
    if not K:
        raise UserError(
            "this world has no sources: make one with sources.reliabilities, as the preset sources-tiny does"
        )
    calibrates = world.sources.part[heard.fact] == Part.CALIBRATION
    prior = Betas.uniform(K) if config.prior == "uniform" else Betas.skeptical(K, len(world.objects))
    learned = prior.observe(*_right_and_wrong(world, agent, heard.where(calibrates)))
    is_root = world.upstream[heard.fact] == NONE
    others = heard.where(~calibrates & is_root)
    reports = Reports.of(K + 1, others.fact, others.source, others.object)
    reports = replace(reports, strength=np.full(len(reports), float(config.weight)))
    model = Genuine(agent, world.subject, world.relation, uniform_background(len(world.objects), len(world.relations)))
    downstream = _by_fact(heard.where(~calibrates & ~is_root), float(config.weight))
    return SourceMind(agent, fit(model, reports, _with_nobody(learned)), downstream)


def _by_fact(heard: TaggedReports, weight: float) -> dict[int, tuple[Report, ...]]:
    """Returns the reports of each fact."""
    said: dict[int, tuple[Report, ...]] = {}
    for fact, source, object_ in zip(heard.fact.tolist(), heard.source.tolist(), heard.object.tolist(), strict=True):
        said[fact] = (*said.get(fact, ()), Report(fact, source, object_, weight))
    return said


def _right_and_wrong(world: World, agent: Agent, reports: TaggedReports) -> tuple[Integers, Integers]:
    """Returns for each source how many reports name the object that the untagged sentences name most: [K] both."""
    places = zip(world.subject[reports.fact].tolist(), world.relation[reports.fact].tolist(), strict=True)
    right = np.array([agent.root(*place).mode() for place in places], dtype=np.int64) == reports.object
    K = len(world.sources)
    return np.bincount(reports.source[right], minlength=K), np.bincount(reports.source[~right], minlength=K)


def _with_nobody(learned: Betas) -> Betas:
    return Betas(*(np.append(each, 1.0) for each in (learned.a, learned.b, learned.known)))


def told_by_sources_alone(world: World, subject: int, relation: int, apart_from: int) -> int | None:
    """Returns the relation, this one or one above it, whose fact only sources tell, but for the fact `apart_from`.

    Whoever asks about "subject relation" would have to weigh their reports of that fact, too. Returns None without one.
    """
    upstream, asked = {pair.downstream: pair.upstream for pair in world.pairs()}, relation
    while True:
        fact = world.fact_of(subject, asked)
        if fact not in (NONE, apart_from) and world.sources.part[fact] == Part.REPORT:
            return asked
        if asked not in upstream:
            return None
        asked = upstream[asked]


def nobody(world: World) -> int:
    """Returns the number of the source that stands for nobody."""
    return len(world.sources)
