"""Local neutral questions: the same subject's facts that the main belief says nothing about.

They are of relations of another component: neither depends on the other, straight or through others. No update of the
point moves the agent's belief about them; this is checked. Source: Hase et al., 2021, section 3.2.

Shapes: N points, k neutral questions of each.
"""

from __future__ import annotations

import numpy as np

from worldgen.arrays import gather_rows, row_starts
from worldgen.bayes.agent import Agent
from worldgen.bayes.batch.beliefs import ask_beliefs
from worldgen.bayes.batch.edit_sets import EditSets
from worldgen.bayes.batch.queries import Queries
from worldgen.evaluate.slag.making.dependence import dependence_of
from worldgen.evaluate.slag.making.entailment import atom_of, truth_word
from worldgen.evaluate.slag.making.mains import Integers, Mains, distinct_places, other_objects
from worldgen.evaluate.slag.making.tally import Made, tally
from worldgen.evaluate.slag.making.updates import Updates
from worldgen.evaluate.slag.points import Asked, Neutral, Task
from worldgen.facts import Fact
from worldgen.worlds.world import NONE, World

NO_OTHER_COMPONENT = "the subject has no further fact of another component"
NEUTRAL_TOLERANCE = 1e-12  # the same numbers, summed in another order in a batch


def make_neutral(world: World, agent: Agent, mains: Mains, updates: Updates, most: int) -> Made[Neutral]:
    """Returns at most `most` neutral questions of each point; in TF they state the truth or another object, by a coin.

    Raises AssertionError if an update of the point moves the agent's belief about one of them.
    """
    facts = _facts_of_other_components(world, mains, most)
    point, place = np.nonzero(facts != NONE)
    fact = facts[point, place]
    subject, relation, truth = (
        column[fact].astype(np.int64) for column in (world.subject, world.relation, world.truth)
    )
    stated = truth
    if mains.task is Task.TF:
        false = other_objects(world, relation, truth, mains.words("neutral object", most)[point, place][:, None])[:, 0]
        stated = np.where(mains.words("neutral truth", most)[point, place] % np.uint64(2) == 0, truth, false)
    moved = most_moved(agent, updates, point, (subject, relation), np.column_stack([truth, stated]))
    assert moved < NEUTRAL_TOLERANCE, f"an update moves the agent's belief about a neutral question by {moved}"
    items: list[tuple[Neutral, ...]] = [()] * len(mains)
    columns = (point, subject, relation, stated, truth)
    for i, s, r, o, true in zip(*(column.tolist() for column in columns), strict=True):
        items[i] += (_neutral(world, mains.task, Fact(s, r, o), o == true),)
    missing = {NO_OTHER_COMPONENT: len(mains) * most - len(point)}
    return Made(items, (tally(mains.task, "neutral", len(point), missing),))


def most_moved(
    agent: Agent, updates: Updates, point: Integers, place: tuple[Integers, Integers], objects: Integers
) -> float:
    """Returns the most that a point's updates move the agent's credences about questions of the point; 0 for none.

    Question i belongs to point[i] and is about the fact place = (subject[i], relation[i]); compared are the credences
    in objects[i] [J] and in the most probable objects before and after.
    """
    first = row_starts(np.bincount(updates.point, minlength=int(point.max(initial=-1)) + 1))
    chosen, lengths = gather_rows(first, point)
    asked = np.repeat(np.arange(len(point)), lengths)
    subject, relation = place[0][asked], place[1][asked]
    before, after = (
        ask_beliefs(agent, Queries(subject, relation, edits))
        for edits in (EditSets.none(len(asked)), updates.edits(chosen))
    )
    compared = np.column_stack([objects[asked], before.modes, after.modes])
    return float(np.abs(before.at(compared) - after.at(compared)).max(initial=0.0))


def _facts_of_other_components(world: World, mains: Mains, most: int) -> Integers:
    """Returns [N, most]: different facts of each point's subject in other components; NONE where there are no more."""
    component = dependence_of(world).component
    entries, lengths = gather_rows(world.first_fact, mains.subject)
    point = np.repeat(np.arange(len(mains)), lengths)
    apart = component[world.relation[entries]] != component[mains.relation[point]]
    entries, sizes = entries[apart], np.bincount(point[apart], minlength=len(mains))
    places = distinct_places(mains.words("neutral", most), sizes)
    chosen = np.where(places != NONE, row_starts(sizes)[:-1, None] + places, -1)
    return np.where(places != NONE, np.append(entries, NONE)[chosen], NONE)


def _neutral(world: World, task: Task, fact: Fact, holds: bool) -> Neutral:
    atom = atom_of(world, fact)
    if task is Task.GEN:
        return Neutral(Asked(f"{atom.subject} {atom.relation}", world.objects.names(fact.object)), fact)
    return Neutral(Asked(f'"{atom}" is', (truth_word(holds),)), fact)
