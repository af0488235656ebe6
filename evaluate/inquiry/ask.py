"""Asks the agent of a run: its most probable objects, or its credence in statements, before and after edits."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from worldgen.bayes.agent import Agent
from worldgen.bayes.distribution import Distribution
from worldgen.bayes.statements import Statement, belief_given, credence, dependency_path
from worldgen.errors import UserError
from worldgen.evaluate.inquiry.minds import Minds, WeighedEdit, weighed_edits
from worldgen.evaluate.inquiry.user_text import names_in, read_statement
from worldgen.worlds.world import World

UNSEEN_SUBJECT = "."  # stands for a subject that the corpus never named


@dataclass(frozen=True)
class BeliefQuestion:
    """A question to the agent: which object does "subject relation" have?

    `subject` may be UNSEEN_SUBJECT. `given` "R | O" supposes an object of an upstream relation. `object` is one more
    object to report, however improbable.
    """

    subject: str
    relation: str
    given: str | None = None
    object: str | None = None


@dataclass(frozen=True)
class ObjectCredence:
    """The agent's credence in an object, and the object's share of the corpus's atomic sentences about the fact.

    `corpus` is None where no atomic sentence is about the fact, `after` without an edit.
    """

    object: str
    corpus: float | None
    before: float
    after: float | None


@dataclass(frozen=True)
class Belief:
    """The agent's answer to a question: objects in order of the latest credence, entropies in bits.

    A formula is "root", "marginal", "edits" or "own" (see `Agent.formula`), "unseen subject", or "conditional" under
    `given`; `formula_after` is None without an edit.
    """

    subject: str
    relation: str
    depends_on: str | None
    given: str | None
    formula_before: str
    formula_after: str | None
    edits: list[WeighedEdit]
    objects: list[ObjectCredence]
    entropy_before: float
    entropy_after: float | None


@dataclass(frozen=True)
class Judgement:
    """The agent's credence in one statement; `after` is None without an edit.

    The formulas are those of its facts, in order (see `Agent.formula`).
    """

    statement: str
    formulas_before: list[str]
    formulas_after: list[str] | None
    before: float
    after: float | None


@dataclass(frozen=True)
class Judgements:
    """The agent's credences in some statements."""

    edits: list[WeighedEdit]
    statements: list[Judgement]


def ask(minds: Minds, question: BeliefQuestion, most: int) -> Belief:
    """Returns the `most` most probable objects, and the object asked for.

    Raises UserError for an unknown name, and for a condition that the relation does not depend on.
    """
    world = minds.world
    r = world.relations.id_of(question.relation)
    s = None if question.subject == UNSEEN_SUBJECT else world.subjects.id_of(question.subject)
    before = _distribution(minds.before, world, s, r, question.given)
    after = _distribution(minds.after, world, s, r, question.given) if minds.edits else None
    objects = (after or before).top(most)[0].tolist()
    if question.object is not None and (wanted := world.objects.id_of(question.object)) not in objects:
        objects.append(wanted)
    shares = None if s is None or question.given else _frequencies(minds.before, s, r)
    upstream = None if s is None else minds.after.upstream_of(s, r)
    return Belief(
        subject=UNSEEN_SUBJECT if s is None else world.subjects[s],
        relation=world.relations[r],
        depends_on=None if upstream is None else world.relations[upstream],
        given=question.given,
        formula_before=_formula(minds.before, s, r, question.given),
        formula_after=_formula(minds.after, s, r, question.given) if minds.edits else None,
        edits=weighed_edits(minds),
        objects=[
            ObjectCredence(world.objects[o], shares[o] if shares else None, before[o], after[o] if after else None)
            for o in objects
        ],
        entropy_before=before.entropy(),
        entropy_after=after.entropy() if after else None,
    )


def judge(minds: Minds, texts: Sequence[str]) -> Judgements:
    """Returns the credences in statements. Raises UserError for a statement that cannot be read."""
    judgements = []
    for text in texts:
        statement = read_statement(minds.world, text)
        formulas_before, before = _formulas(minds.before, statement), credence(minds.before, statement)
        if minds.edits:
            formulas_after, after = _formulas(minds.after, statement), credence(minds.after, statement)
            judgements.append(Judgement(text, formulas_before, formulas_after, before, after))
        else:
            judgements.append(Judgement(text, formulas_before, None, before, None))
    return Judgements(weighed_edits(minds), judgements)


def _formulas(agent: Agent, statement: Statement) -> list[str]:
    facts = [fact for fact in (statement.first, statement.second) if fact is not None]
    return [agent.formula(fact.subject, fact.relation) for fact in facts]


def _distribution(agent: Agent, world: World, s: int | None, r: int, condition: str | None) -> Distribution:
    """Returns p(o | s, r), for an unseen subject where s is None, under the condition "R | O" if there is one."""
    if condition is None:
        return agent.unseen_subject(r) if s is None else agent.belief(s, r)
    names = names_in(condition)
    if len(names) != 2:
        raise UserError(f"--given {condition!r}: write it as 'relation | object'")
    upper, object_ = world.relations.id_of(names[0]), world.objects.id_of(names[1])
    path = dependency_path(agent, s, upper, r)
    if not path:
        whose = "" if s is None else f" of {world.subjects[s]}"
        raise UserError(f"--given {condition!r}: {world.relations[r]}{whose} does not depend on it")
    return belief_given(agent, s, object_, path)


def _formula(agent: Agent, s: int | None, r: int, condition: str | None) -> str:
    """Returns which formula `_distribution` is by."""
    if condition is not None:
        return "conditional"
    return "unseen subject" if s is None else agent.formula(s, r)


def _frequencies(agent: Agent, s: int, r: int) -> Distribution | None:
    """Returns the shares of the objects in the corpus's atomic sentences about a fact, None where there is none."""
    try:
        return agent.frequencies(s, r)
    except ValueError:
        return None
