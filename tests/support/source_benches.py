"""A small world with sources, the mind that has heard them, and their requests."""

from __future__ import annotations

from functools import cache

import source_worlds

from worldgen.bayes.agent import Agent
from worldgen.bayes.evidence import evidence_of
from worldgen.bayes.fitting import fit
from worldgen.bayes.trust.minds import MixedMind
from worldgen.bayes.trust.reports import Report
from worldgen.corpus.recipe import make_shard
from worldgen.evaluate.sources.cases import SourceCase, source_cases
from worldgen.evaluate.sources.rational import SourceMind, source_mind
from worldgen.evaluate.sources.settings import TrustConfig
from worldgen.lm.editions import Request
from worldgen.settings import CorpusConfig, SourcesConfig
from worldgen.worlds.world import World

SEVEN = SourcesConfig(reliabilities=(1, 0.9, 0.75, 0.5, 0.25, 0, 0.5), newcomers=1)
CONFIG = TrustConfig(facts=5)


def world(config: SourcesConfig = SEVEN) -> World:
    return source_worlds.reported(config)


@cache
def agent(config: SourcesConfig = SEVEN) -> Agent:
    its, recipe = world(config), CorpusConfig()
    evidence = evidence_of(its, make_shard(its, recipe, 0, 0, len(its.subjects)).sentences, recipe.shuffles)
    K = len(its.objects)
    return fit(evidence, K, len(its.relations), its.pairs(), 1 / K)


@cache
def mind(config: SourcesConfig = SEVEN, trust: TrustConfig = CONFIG) -> SourceMind:
    return source_mind(world(config), agent(config), trust)


@cache
def cases() -> tuple[SourceCase, ...]:
    return tuple(source_cases(world(), mind(), CONFIG, 0))


def heard(request: Request) -> MixedMind:
    """The mind that has heard a request of a source."""
    its = world()
    assert request.fact is not None
    assert request.source is not None
    fact = its.fact_of(request.fact.subject, request.fact.relation)
    return mind().after(fact, [Report(fact, request.source, request.fact.object, request.weight)])
