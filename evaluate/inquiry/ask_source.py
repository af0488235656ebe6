"""Asks the rational mind of a world with sources, before and after one of them says something."""

from __future__ import annotations

from dataclasses import dataclass

from worldgen.bayes.trust.edits import ceiling, least_weight
from worldgen.bayes.trust.minds import MixedMind, mind_after
from worldgen.bayes.trust.reports import Report
from worldgen.bayes.trust.trust import Trust
from worldgen.errors import UserError
from worldgen.evaluate.inquiry.ask import BeliefQuestion, ObjectCredence
from worldgen.evaluate.inquiry.minds import EditWeight
from worldgen.evaluate.inquiry.text_columns import aligned
from worldgen.evaluate.inquiry.user_text import fact_text, read_fact
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
    world: World, trust: Trust, question: BeliefQuestion, said: tuple[str, str], weight: EditWeight, usual: float,
    most: int,
) -> SourcedBelief:  # fmt: skip
    """Returns the `most` most probable objects of a fact after the source `said[0]` has said the edit `said[1]`.

    The weight "auto" is n'; where no weight is enough it is `usual`. The fact may be the edit's own or one of the same
    subject. Raises UserError for an unknown tag or name, for an edit about a fact that the world does not have or
    that is no root, and for a weight that is no number above zero.
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
    if world.upstream[place] != NONE:
        above = world.relations[int(world.relation[world.upstream[place]])]
        raise UserError(f"--edit {text!r}: the fact depends on {above}, and sources are judged by roots: edit that one")
    edit = Report(place, source, fact.object, 1.0)
    least = least_weight(trust, edit, weight.target)
    edit = edit._replace(weight=_weight(weight.weight, least, usual))
    minds = mind_after(trust, place), mind_after(trust, place, [edit])
    return SourcedBelief(
        world.subjects[subject], world.relations[relation], world.sources.tags[source],
        float(trust.mean_reliabilities()[source]), fact_text(world, fact), edit.weight, least, weight.target,
        ceiling(trust, edit), _objects(world, minds, Fact(subject, relation, fact.object), most),
    )  # fmt: skip


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
