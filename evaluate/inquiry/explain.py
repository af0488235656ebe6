"""Explains why the agent believes what it does: terms of the formula, rows that moved, sentences of the corpus."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, NamedTuple

import numpy as np

from worldgen.arrays import Ids
from worldgen.bayes.agent import Agent
from worldgen.bayes.decomposition import Mixture, RootFormula, mixture, moved_rows, root_formula
from worldgen.bayes.testimony import weighed_mentions
from worldgen.corpus.sentences import Kind, Sentences
from worldgen.corpus.wording import syntax_tree
from worldgen.errors import UserError
from worldgen.evaluate.inquiry.ask import UNSEEN_SUBJECT, BeliefQuestion
from worldgen.evaluate.inquiry.explanation import (
    ChangedRow,
    DownstreamAccount,
    Explanation,
    Mentions,
    RootAccount,
    Sources,
    UpstreamTerm,
)
from worldgen.evaluate.inquiry.minds import Minds
from worldgen.facts import Fact
from worldgen.grammar import render
from worldgen.worlds.world import NONE, World

EXAMPLES: Final = 4  # the most sentences that are quoted about a fact
_FORMS: Final = {
    Kind.ATOM: "A",
    Kind.STATED: '"A"',
    Kind.NOT: '"not A"',
    Kind.AND: '"A and .."',
    Kind.OR: '"A or .."',
}


class LineageStep(NamedTuple):
    """A known fact of a subject on the way from the root relation down to the relation asked about."""

    relation: int
    fact: int
    downstream: bool


@dataclass(frozen=True)
class CorpusExtract:
    """The sentences of a corpus that name the facts of a lineage; the corpus was read `readings` times."""

    sentences: Sentences
    readings: int


def lineage_of(minds: Minds, question: BeliefQuestion) -> list[LineageStep]:
    """Returns the fact asked about and the facts that it depends on, the root first; the world knows all of them.

    Raises UserError for a question about an unseen subject, or under a condition.
    """
    if question.subject == UNSEEN_SUBJECT or question.given:
        raise UserError("--explain tells of a named subject's belief, without --given")
    world = minds.world
    subject = world.subjects.id_of(question.subject)
    steps: list[LineageStep] = []
    relation: int | None = world.relations.id_of(question.relation)
    while relation is not None:
        upstream = minds.after.upstream_of(subject, relation)
        steps.insert(0, LineageStep(relation, world.fact_of(subject, relation), upstream is not None))
        relation = upstream
    # No sentence names a fact that the world does not know.
    return [step for step in steps if step.fact != NONE]


def explain(minds: Minds, question: BeliefQuestion, most: int, corpus: CorpusExtract) -> Explanation:
    """Explains the credence in the object asked for, by default the most probable one.

    `most` is how many terms of a sum are listed, the largest ones. `corpus` holds the sentences that name the facts of
    `lineage_of`. Raises UserError as `lineage_of` does.
    """
    world, later, lineage = minds.world, minds.after, lineage_of(minds, question)
    s, r = world.subjects.id_of(question.subject), world.relations.id_of(question.relation)
    o = world.objects.id_of(question.object) if question.object is not None else later.belief(s, r).mode()
    answer, agents = Fact(s, r, o), (minds.before, later)
    mixtures = [mixture(agent, *answer) for agent in agents]
    shown = _largest([m for m in mixtures if m], most)
    accounts = [_account(world, agent, answer, m, shown) for agent, m in zip(agents, mixtures, strict=True)]
    upstream = later.parent.get(r)
    return Explanation(
        object=world.objects[o],
        before=accounts[0],
        after=accounts[1] if minds.edits else None,
        upstream=None if upstream is None else world.relations[upstream],
        moved=[] if upstream is None else _moved(world, minds.before, later, answer),
        sources=[_sources(world, corpus, step, later.reading.name == "own") for step in lineage],
    )


def _account(
    world: World, agent: Agent, answer: Fact, terms: Mixture | None, shown: Ids
) -> RootAccount | DownstreamAccount:
    """Returns why the agent has its credence in an answer; `terms` is None for a root, `shown` are the terms listed."""
    if terms is None:
        return _root(root_formula(agent, *answer))
    return _downstream(world, agent, answer, terms, shown)


def _root(numbers: RootFormula) -> RootAccount:
    return RootAccount(numbers.credence, numbers.a, numbers.K, numbers.count, numbers.total)


def _largest(mixtures: list[Mixture], most: int) -> Ids:
    """Returns the upstream objects with the `most` largest terms of each mixture, in the order of the last mixture."""
    tops = [m.top(most) for m in reversed(mixtures)]
    return np.array(list(dict.fromkeys(o for top in tops for o in top.tolist())), dtype=np.int32)


def _downstream(world: World, agent: Agent, answer: Fact, terms: Mixture, shown: Ids) -> DownstreamAccount:
    rest_credence, rest_share = terms.rest(shown)
    above = agent.upstream_of(answer.subject, terms.upstream_relation)
    return DownstreamAccount(
        terms.credence,
        agent.formula(answer.subject, answer.relation),
        terms.marginal,
        terms.kappa,
        terms.count,
        terms.total,
        world.relations[terms.upstream_relation],
        None if above is None else world.relations[above],
        [UpstreamTerm(world.objects[o], *terms.term(o)) for o in shown.tolist()],
        len(terms.upstream) - len(shown),
        rest_credence,
        rest_share,
    )


def _moved(world: World, before: Agent, after: Agent, answer: Fact) -> list[ChangedRow]:
    counted = after.source_of_marginal(answer.subject, answer.relation)
    rows = moved_rows(before, counted, answer.relation, answer.object)
    return [ChangedRow(world.objects[row.upstream_object], *row[1:]) for row in rows]


def _sources(world: World, corpus: CorpusExtract, step: LineageStep, own: bool) -> Sources:
    fact = step.fact
    # Reports and questions about variables are no evidence of the fact, so they are no sources of the belief.
    sentences = corpus.sentences.where(np.isin(corpus.sentences.kind, list(_FORMS)))
    mentions = [
        Mentions(
            _form(said.kind, said.truth), world.objects[said.object], said.mentions, said.weight_for,
            said.weight_against,
        )
        for said in weighed_mentions(sentences, fact, corpus.readings)
    ]  # fmt: skip
    naming = sentences.where((sentences.fact == fact) | (sentences.second_fact == fact))
    return Sources(
        subject=world.subjects[world.subject[fact]],
        relation=world.relations[step.relation],
        shared=step.downstream,
        own=step.downstream and own,
        readings=corpus.readings,
        mentions=mentions,
        examples=[render(syntax_tree(world, naming, i)) for i in _first_of_each_form(naming)],
    )


def _first_of_each_form(sentences: Sentences) -> Iterable[int]:
    """Returns the place of the first sentence of each kind and truth, at most `EXAMPLES` places."""
    return np.unique(sentences.kind * 2 + ~sentences.truth, return_index=True)[1][:EXAMPLES].tolist()


def _form(kind: Kind, truth: bool) -> str:
    return _FORMS[kind] + ("" if kind == Kind.ATOM else f" is {'true' if truth else 'false'}")
