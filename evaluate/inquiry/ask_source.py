"""Asks the rational mind of a world with sources, before and after one of them says something."""

from __future__ import annotations

from dataclasses import dataclass

from worldgen.bayes.trust.edits import ceiling, least_weight
from worldgen.bayes.trust.minds import MixedMind
from worldgen.bayes.trust.reports import Report
from worldgen.errors import UserError
from worldgen.evaluate.inquiry.ask import BeliefQuestion, ObjectCredence
from worldgen.evaluate.inquiry.minds import EditWeight
from worldgen.evaluate.inquiry.text_columns import aligned
from worldgen.evaluate.inquiry.user_text import fact_text, read_fact
from worldgen.evaluate.sources.rational import SourceMind, told_by_sources_alone
from worldgen.facts import Fact
from worldgen.worlds.world import NONE, World


@dataclass(frozen=True)
class SourcedBelief:
    """The belief in a fact before and after a source has said something, the most probable objects first."""

    subject: str
    relation: str
    source: str
    """The tag of the source."""
    reliability: float
    """The posterior mean of its reliability before it speaks."""
    edit: str
    weight: float
    least_weight: int | None
    """n', with which the edit reaches the target; None where no weight is enough."""
    target: float
    ceiling: float
    """The belief in the edit as its weight grows without end."""
    objects: list[ObjectCredence]


def ask_source(
    world: World, mind: SourceMind, question: BeliefQuestion, said: tuple[str, str], weight: EditWeight, usual: float,
    most: int,
) -> SourcedBelief:  # fmt: skip
    """Returns the `most` most probable objects of a fact after the source `said[0]` has said the edit `said[1]`.

    The weight "auto" is n'; where no weight is enough it is `usual`. The fact may be the edit's own or one of the same
    subject. Raises UserError for an unknown tag or name, for a weight that is no number above zero, for an edit about a
    fact that the world does not have, and where the belief is not exact: see `_check`.
    """
    tag, text = said
    source, fact = world.sources.tags.id_of(tag), read_fact(world, text)
    subject, relation = world.subjects.id_of(question.subject), world.relations.id_of(question.relation)
    place = world.fact_of(fact.subject, fact.relation)
    if place == NONE:
        raise UserError(f"--edit {text!r}: the world has no such fact, so no source can speak of it")
    if subject != fact.subject:
        raise UserError(
            f"{question.subject}: what a source says of {world.subjects[fact.subject]} does not change this"
        )
    _check(world, mind, Fact(subject, relation, fact.object), place)
    trust, heard, edit = mind.trust, mind.downstream.get(place, ()), Report(place, source, fact.object, 1.0)
    least = least_weight(trust, edit, weight.target, heard)
    edit = edit._replace(weight=_weight(weight.weight, least, usual))
    minds = mind.after(place), mind.after(place, [edit])
    return SourcedBelief(
        world.subjects[subject], world.relations[relation], world.sources.tags[source],
        float(trust.mean_reliabilities()[source]), fact_text(world, fact), edit.weight, least, weight.target,
        ceiling(trust, edit, heard), _objects(world, minds, Fact(subject, relation, fact.object), most),
    )  # fmt: skip


def _check(world: World, mind: SourceMind, asked: Fact, place: int) -> None:
    """Raises UserError where a belief after an edit of the fact `place` is not exact.

    In the reading `marginal` a downstream fact is not believed by what it is told. And where sources alone tell of
    another fact that the answer depends on, their reports of it would have to be weighed together with the edit.
    """
    relation = int(world.relation[place])
    if world.upstream[place] != NONE and mind.agent.reading.name == "marginal":
        raise UserError(
            f"--source: {world.relations[relation]} depends on another fact, and with agent.downstream=marginal it is "
            f"not believed by what is told of it: make the run with agent.downstream=edits or own"
        )
    for about in (relation, asked.relation):
        if (other := told_by_sources_alone(world, asked.subject, about, place)) is not None:
            raise UserError(
                f"--source: only sources tell of {world.subjects[asked.subject]} | {world.relations[other]}, and a "
                f"belief about it and the edit together is not exact: ask about an edit of that fact"
            )


def _weight(text: str, least: int | None, usual: float) -> float:
    if text == "auto":
        return usual if least is None else float(least)
    try:
        number = float(text)
    except ValueError:
        number = 0.0
    if not 0 < number < float("inf"):
        raise UserError(f"--weight {text!r}: give a number above zero, or auto")
    return number


def _objects(world: World, minds: tuple[MixedMind, MixedMind], asked: Fact, most: int) -> list[ObjectCredence]:
    before, after = (mind.belief(asked.subject, asked.relation) for mind in minds)
    return [ObjectCredence(world.objects[o], None, before[o], after[o]) for o in after.top(most)[0].tolist()]


def sourced_belief_text(belief: SourcedBelief) -> str:
    """Returns the belief as text: the question, who says what, and a table of objects."""
    if belief.least_weight is None:
        reach = f"no weight makes it credible at {belief.target:g}: at most {belief.ceiling:.3f}"
    else:
        reach = f"weight {belief.least_weight} makes it credible at {belief.target:g}"
    lines = [
        f"{belief.subject} | {belief.relation}",
        f"source: {belief.source}, reliability {belief.reliability:.3f}",
        f"edit: {belief.edit}, weight {belief.weight:g} ({reach})",
    ]
    rows = [["", "before", "after"]]
    rows += [[each.object, f"{each.before:.6f}", f"{each.after:.6f}"] for each in belief.objects]
    return "\n".join([*lines, *aligned(rows, "<>>")])
