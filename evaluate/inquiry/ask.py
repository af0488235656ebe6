"""Asking the agent of a run: its best objects, or its credence in statements, before and after edits."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from worldgen.bayes.agent import Agent, Edit
from worldgen.bayes.distribution import Distribution
from worldgen.bayes.statements import belief_given, credence, dependency_path
from worldgen.errors import UserError
from worldgen.evaluate.inquiry.columns import aligned
from worldgen.evaluate.inquiry.reading import names_in, read_edits, read_statement, said
from worldgen.evaluate.runs.config import RunConfig
from worldgen.evaluate.runs.load import load_agent, load_world
from worldgen.worlds.world import World

ANYONE = "."  # the subject that the corpus never named


@dataclass(frozen=True)
class Minds:
    """The agent of a run before and after the edits; without any, `after` is `before`."""

    world: World
    before: Agent
    after: Agent
    edits: tuple[Edit, ...]


@dataclass(frozen=True)
class Question:
    """Which belief is asked for: of "subject relation", or of anyone's relation, or given "R | O" upstream.

    `object` is one to tell of, however improbable.
    """

    subject: str
    relation: str
    given: str | None = None
    object: str | None = None


@dataclass(frozen=True)
class Credence:
    """The agent's belief that an object is the answer, beside its share of the corpus's atomic sentences.

    `corpus` is None where no such sentence is about the fact, `after` without an edit.
    """

    object: str
    corpus: float | None
    before: float
    after: float | None


@dataclass(frozen=True)
class Reply:
    """What the agent believes of "subject relation", most probable first (by the later belief); entropy in bits."""

    subject: str
    relation: str
    depends_on: str | None
    given: str | None
    edits: list[dict[str, Any]]
    objects: list[Credence]
    entropy_before: float
    entropy_after: float | None


@dataclass(frozen=True)
class Judgement:
    """The credence in one statement; `after` is None without an edit."""

    statement: str
    before: float
    after: float | None


@dataclass(frozen=True)
class Judgements:
    """The credences in some statements."""

    edits: list[dict[str, Any]]
    statements: list[Judgement]


def load_minds(
    folder: Path, config: RunConfig, edits: tuple[str, ...], weight: str = "auto", target: float | None = None
) -> Minds:
    """The agent of a run and what it becomes by the edits.

    `weight` is a number or "auto" (n' for the target, `cases.target_credence` if None). Raises UserError for an
    edit, weight or target that cannot be used.
    """
    if target is not None and not 0 < target < 1:
        raise UserError(f"--credence {target:g}: give a number between 0 and 1, both excluded")
    if target is not None and weight != "auto":
        raise UserError("--weight and --credence both say what an edit weighs: give one of them")
    world = load_world(folder)
    agent = load_agent(folder, world, config.agent)
    requests = read_edits(world, agent, edits, weight, target or config.cases.target_credence)
    return Minds(world, agent, agent.revise(*requests), requests)


def ask(minds: Minds, question: Question, most: int) -> Reply:
    """The `most` best objects. Raises UserError for an unknown name, or a condition that does not matter."""
    world = minds.world
    r = world.relations.id_of(question.relation)
    s = None if question.subject == ANYONE else world.subjects.id_of(question.subject)
    before = _belief(minds.before, world, s, r, question.given)
    after = _belief(minds.after, world, s, r, question.given) if minds.edits else None
    objects = (after or before).top(most)[0].tolist()
    if question.object is not None and (wanted := world.objects.id_of(question.object)) not in objects:
        objects.append(wanted)
    shares = None if s is None or question.given else _frequencies(minds.before, s, r)
    upstream = None if s is None else minds.after.upstream_of(s, r)
    return Reply(
        subject=ANYONE if s is None else world.subjects[s],
        relation=world.relations[r],
        depends_on=None if upstream is None else world.relations[upstream],
        given=question.given,
        edits=_described(minds),
        objects=[
            Credence(world.objects[o], shares[o] if shares else None, before[o], after[o] if after else None)
            for o in objects
        ],
        entropy_before=before.entropy(),
        entropy_after=after.entropy() if after else None,
    )


def judge(minds: Minds, texts: tuple[str, ...]) -> Judgements:
    """The credences in statements. Raises UserError for one that cannot be read."""
    judgements = []
    for text in texts:
        statement = read_statement(minds.world, text)
        after = credence(minds.after, statement) if minds.edits else None
        judgements.append(Judgement(text, credence(minds.before, statement), after))
    return Judgements(_described(minds), judgements)


def as_text(reply: Reply | Judgements) -> str:
    """The reply for a terminal."""
    if isinstance(reply, Judgements):
        rows = [["", "before", *(["after"] if reply.edits else [])]]
        rows += [[j.statement, *_numbers(j.before, j.after)] for j in reply.statements]
        return "\n".join([*_edit_lines(reply.edits), *aligned(rows, "<" + ">" * (len(rows[0]) - 1))])
    lines = [f"{reply.subject} | {reply.relation}" + (f", given {reply.given}" if reply.given else "")]
    if reply.depends_on:
        lines.append(f"depends on {reply.depends_on}")
    rows = [["", "corpus", "before", *(["after"] if reply.edits else [])]]
    for c in reply.objects:
        corpus = "-" if c.corpus is None else f"{c.corpus:.2f}"
        rows.append([c.object, corpus, *_numbers(c.before, c.after)])
    entropies = (reply.entropy_before, reply.entropy_after)
    rows.append(["entropy, bits", "", *(f"{value:.2f}" for value in entropies if value is not None)])
    return "\n".join([*lines, *_edit_lines(reply.edits), *aligned(rows, "<" + ">" * (len(rows[0]) - 1))])


def _belief(agent: Agent, world: World, s: int | None, r: int, condition: str | None) -> Distribution:
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
    return belief_given(agent, object_, path)


def _frequencies(agent: Agent, s: int, r: int) -> Distribution | None:
    try:
        return agent.frequencies(s, r)
    except ValueError:
        return None


def _described(minds: Minds) -> list[dict[str, Any]]:
    return [{"edit": said(minds.world, edit), "weight": edit.weight} for edit in minds.edits]


def _edit_lines(edits: list[dict[str, Any]]) -> list[str]:
    return [f"edit: {edit['edit']}, weight {edit['weight']:g}" for edit in edits]


def _numbers(*values: float | None) -> list[str]:
    return [f"{value:.6f}" for value in values if value is not None]
