"""What follows from a fact as far as the rational agent knows: R7, the beliefs about the dependent fact after the edit.

The edit is n' observations of "s r_u o_u". The label is exact relative to the agent, and soft.

    GEN  the answer of s r_d: p(o | s, r_d) after the edit, its mode the label, margin = the first p - the second
    TF   "s r_d o" is: p(o | s, r_d) after the edit, true above 1/2, margin = |2 p - 1|
         asked of the new mode o, and of the old mode (of another object, if the mode has not changed)

A margin below tau leaves the label out of accuracy (`Entailed.for_accuracy`). `Entailed.changes` says whether the edit
changes the label. An edit that makes a statement false is none that the agent can take: TF has R7 for "true" only.

Shapes: U updates; Q of them are asked about at once.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from worldgen.bayes.agent import Agent
from worldgen.bayes.batch.beliefs import Beliefs, ask_beliefs
from worldgen.bayes.batch.edit_sets import EditSets
from worldgen.bayes.batch.queries import Queries
from worldgen.bayes.distribution import Distribution
from worldgen.evaluate.asking.questions import fact_prompt
from worldgen.evaluate.slag.making.entailment import NO_OTHER_OBJECT, atom_of, truth_word
from worldgen.evaluate.slag.making.mains import Integers, Mains, other_objects
from worldgen.evaluate.slag.making.tally import Made, of_reason, tally
from worldgen.evaluate.slag.making.updates import Updates
from worldgen.evaluate.slag.points import FALSE, TRUE, Asked, Entailed, Task
from worldgen.evaluate.slag.settings import SlagConfig
from worldgen.facts import Fact
from worldgen.grammar import truth_prompt
from worldgen.worlds.world import NONE, World

_QUERIES_AT_ONCE = 512  # so that the whole distributions of a batch fit into memory at the paper's sizes


def entailed_by_the_agent(
    world: World, agent: Agent, mains: Mains, updates: Updates, config: SlagConfig
) -> Made[Entailed]:
    """Returns R7 of each update: one question in GEN, two in TF.

    Raises ValueError for an agent that was revised already.
    """
    items: list[tuple[Entailed, ...]] = [()] * len(updates)
    asked = np.flatnonzero(updates.downstream != NONE)
    for first in range(0, len(asked), _QUERIES_AT_ONCE):
        minds = _ask(agent, updates, asked[first : first + _QUERIES_AT_ONCE])
        made = _answers(world, minds, config) if mains.task is Task.GEN else _statements(world, mains, minds, config)
        for u, entailed in zip(minds.chosen.tolist(), made, strict=True):
            items[u] = entailed
    wanted = 1 if mains.task is Task.GEN else 2
    missing = {reason: wanted * count for reason, count in of_reason(updates.no_downstream).items()}
    missing[NO_OTHER_OBJECT] = wanted * len(asked) - sum(map(len, items))
    return Made(items, (tally(mains.task, "R7", sum(map(len, items)), missing),))


@dataclass(frozen=True)
class _Minds:
    """The agent's beliefs about the dependent facts of Q updates, before and after each."""

    updates: Updates
    chosen: Integers
    """[Q]: the numbers of the updates."""
    before: Beliefs
    after: Beliefs


def _ask(agent: Agent, updates: Updates, chosen: Integers) -> _Minds:
    subject, relation = updates.subject[chosen], updates.downstream[chosen]
    before, after = (
        ask_beliefs(agent, Queries(subject, relation, edits))
        for edits in (EditSets.none(len(chosen)), updates.edits(chosen))
    )
    return _Minds(updates, chosen, before, after)


def _answers(world: World, minds: _Minds, config: SlagConfig) -> Iterator[tuple[Entailed, ...]]:
    """Yields R7 of each update in GEN."""
    updates, old_modes = minds.updates, minds.before.modes.tolist()
    for u, old_mode, belief in zip(minds.chosen.tolist(), old_modes, minds.after.distributions(), strict=True):
        prompt = fact_prompt(world, int(updates.subject[u]), int(updates.downstream[u]))
        unlabelled = Entailed(Asked(prompt, ()), "R7", world.objects[int(updates.object[u])])
        yield (with_answer(world, unlabelled, old_mode, belief, config),)


def _statements(world: World, mains: Mains, minds: _Minds, config: SlagConfig) -> Iterator[tuple[Entailed, ...]]:
    """Yields R7 of each update in TF."""
    updates, chosen, old, new = minds.updates, minds.chosen, minds.before.modes, minds.after.modes
    relation = updates.downstream[chosen]
    another = other_objects(world, relation, new, mains.words("R7", 1)[updates.point[chosen]])[:, 0]
    objects = np.column_stack([new, np.where(new == old, another, old)])
    # Where there is no other object any object is asked about, and the answer dropped.
    before, after = (beliefs.at(np.maximum(objects, 0)) for beliefs in (minds.before, minds.after))
    for u, stated, p_before, p_after in zip(
        chosen.tolist(), objects.tolist(), before.tolist(), after.tolist(), strict=True
    ):
        place = int(updates.subject[u]), int(updates.downstream[u])
        prompts = [truth_prompt(atom_of(world, Fact(*place, o))) if o != NONE else "" for o in stated]
        yield tuple(
            with_truth(Entailed(Asked(prompt, ()), "R7", TRUE), p_old, p_new, config)
            for prompt, p_old, p_new in zip(prompts, p_before, p_after, strict=True)
            if prompt
        )


def with_answer(world: World, entailed: Entailed, old_mode: int, belief: Distribution, config: SlagConfig) -> Entailed:
    """Returns a GEN question with the label of a belief after updates; `old_mode` is the agent's answer before them."""
    objects, probabilities = (column.tolist() for column in belief.top(config.soft_answers))
    return replace(
        entailed,
        asked=Asked(entailed.asked.prompt, world.objects.names(objects[0])),
        soft=tuple((world.objects[o], p) for o, p in zip(objects, probabilities, strict=True)),
        for_accuracy=probabilities[0] - probabilities[1] >= config.margin,
        changes=objects[0] != old_mode,
    )


def with_truth(entailed: Entailed, before: float, after: float, config: SlagConfig) -> Entailed:
    """Returns a TF question with the label of the agent's credences in its statement before and after updates."""
    soft = tuple(sorted([(TRUE, after), (FALSE, 1 - after)], key=lambda answer: -answer[1]))
    return replace(
        entailed,
        asked=Asked(entailed.asked.prompt, (truth_word(after > 0.5),)),
        soft=soft,
        for_accuracy=soft[0][1] - soft[1][1] >= config.margin,
        changes=(after > 0.5) != (before > 0.5),
    )
