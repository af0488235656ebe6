"""Why the agent of a run believes what it does: sentences of the corpus, terms of the formula, rows that moved."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from worldgen.arrays import Ids
from worldgen.bayes.agent import Agent
from worldgen.bayes.decomposition import Mixture, RootFormula, mixture, moved_rows, root_formula
from worldgen.bayes.testimony import weighed_mentions
from worldgen.corpus.sentences import Kind, Sentences, sentences_naming
from worldgen.corpus.wording import sentence
from worldgen.errors import UserError
from worldgen.evaluate.inquiry.ask import ANYONE, Minds, Question
from worldgen.evaluate.runs.config import RunConfig
from worldgen.evaluate.runs.load import finished
from worldgen.grammar import render
from worldgen.worlds.world import NONE, World

EXAMPLES = 4  # sentences quoted of each fact
FORMS = {Kind.ATOM: "A", Kind.STATED: '"A"', Kind.NOT: '"not A"', Kind.AND: '"A and .."', Kind.OR: '"A or .."'}


@dataclass(frozen=True)
class Mentions:
    """How often sentences of one form name one object for a fact, and what that weighs, in observations."""

    form: str
    object: str
    mentions: int
    weight_for: float
    weight_against: float


@dataclass(frozen=True)
class Sources:
    """What the corpus says of a fact; every sentence was read `readings` times and weighs so much more.

    What it says of a downstream fact counts only through the conditional that all subjects `shared`.
    """

    subject: str
    relation: str
    shared: bool
    readings: int
    mentions: list[Mentions]
    examples: list[str]


@dataclass(frozen=True)
class Root:
    """credence = (prior + count) / (prior * objects + total)."""

    credence: float
    prior: float
    objects: int
    count: float
    total: float


@dataclass(frozen=True)
class UpstreamTerm:
    """What one object of the upstream relation adds: share = credence * conditional."""

    object: str
    responsibility: float
    credence: float
    conditional: float
    share: float


@dataclass(frozen=True)
class Downstream:
    """credence = the sum of the terms' shares + rest_share, which `rest_objects` other objects add together.

    The upstream credences are themselves such a sum where `upstream` depends on another relation.
    """

    credence: float
    upstream: str
    upstream_depends_on: str | None
    terms: list[UpstreamTerm]
    rest_objects: int
    rest_credence: float
    rest_share: float


@dataclass(frozen=True)
class Moved:
    """A row of the conditional that the edits changed: its weight, and the object's probability in it."""

    upstream_object: str
    weight_before: float
    weight_after: float
    before: float
    after: float


@dataclass(frozen=True)
class Explanation:
    """Why `object` has its credence; `after` is None without an edit, `upstream` is what the moved rows are of."""

    object: str
    before: Root | Downstream
    after: Root | Downstream | None
    upstream: str | None
    moved: list[Moved]
    sources: list[Sources]


def explain(folder: Path, config: RunConfig, minds: Minds, question: Question, most: int) -> Explanation:
    """Why the best object, or the one asked for, has its credence; the `most` greatest terms of each mixture.

    Raises UserError for a question about no subject, or under a condition.
    """
    if question.subject == ANYONE or question.given:
        raise UserError("--explain tells of a named subject's belief, without --given")
    world, later = minds.world, minds.after
    s, r = world.subjects.id_of(question.subject), world.relations.id_of(question.relation)
    o = world.objects.id_of(question.object) if question.object is not None else later.belief(s, r).mode()
    mixtures = [mixture(agent, s, r, o) for agent in (minds.before, later)]
    shown = _shown([m for m in mixtures if m], most)
    accounts = [
        _downstream(world, m, agent.upstream_of(s, m.upstream_relation), shown)
        if m
        else _root(root_formula(agent, s, r, o))
        for agent, m in zip((minds.before, later), mixtures, strict=True)
    ]
    upstream = later.parent.get(r)
    rows = [] if upstream is None else moved_rows(minds.before, later, r, o)
    return Explanation(
        object=world.objects[o],
        before=accounts[0],
        after=accounts[1] if minds.edits else None,
        upstream=None if upstream is None else world.relations[upstream],
        moved=[Moved(world.objects[row[0]], *row[1:]) for row in rows],
        sources=_sources(finished(folder / "corpus"), world, later, (s, r), config.corpus.shuffles),
    )


def _root(numbers: RootFormula) -> Root:
    return Root(numbers.credence, numbers.a, numbers.K, numbers.count, numbers.total)


def _shown(mixtures: list[Mixture], most: int) -> Ids:
    """The upstream objects that matter most in any of the mixtures, the last one's order first."""
    tops = [m.top(most) for m in reversed(mixtures)]
    return np.array(list(dict.fromkeys(o for top in tops for o in top.tolist())), dtype=np.int32)


def _downstream(world: World, terms: Mixture, above: int | None, shown: Ids) -> Downstream:
    rest_credence, rest_share = terms.rest(shown)
    return Downstream(
        terms.credence,
        world.relations[terms.upstream_relation],
        None if above is None else world.relations[above],
        [UpstreamTerm(world.objects[o], *terms.term(o)) for o in shown.tolist()],
        len(terms.upstream) - len(shown),
        rest_credence,
        rest_share,
    )


def _sources(corpus: Path, world: World, agent: Agent, fact: tuple[int, int], readings: int) -> list[Sources]:
    """What the corpus says of the fact and of those that it depends on, the root first."""
    lineage: list[tuple[int, int, bool]] = []  # relation, fact, whether it is downstream
    subject, relation = fact
    current: int | None = relation
    while current is not None:
        upstream = agent.upstream_of(subject, current)
        lineage.insert(0, (current, world.fact_of(subject, current), upstream is not None))
        current = upstream
    # A fact that the world does not know is never named.
    known = [step for step in lineage if step[1] != NONE]
    sentences = sentences_naming(corpus, [fact for _, fact, _ in known])
    return [_source(world, sentences, r, fact, shared, readings) for r, fact, shared in known]


def _source(world: World, sentences: Sentences, r: int, fact: int, shared: bool, readings: int) -> Sources:
    mentions = [
        Mentions(_form(said.kind, said.truth), world.objects[said.object], *said[3:])
        for said in weighed_mentions(sentences, fact, readings)
    ]
    naming = sentences.where((sentences.fact == fact) | (sentences.second_fact == fact))
    # The first of each form: what differs most.
    firsts = np.unique(naming.kind * 2 + ~naming.truth, return_index=True)[1]
    examples = [render(sentence(world, naming, i)) for i in firsts[:EXAMPLES].tolist()]
    subject = world.subjects[world.subject[fact]]
    return Sources(subject, world.relations[r], shared, readings, mentions, examples)


def _form(kind: Kind, truth: bool) -> str:
    return FORMS[kind] + ("" if kind == Kind.ATOM else f" is {'true' if truth else 'false'}")
