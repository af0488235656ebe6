"""What follows from a fact by a deterministic rule of the world: R5 (TF) and R6 (GEN).

A rule says: a subject with r_u = o_u has r_d = g(o_u), for sure. Rules are our counterpart of LeapOfThought's
properties, which follow from a hypernym (Hase et al., 2021, section 3.1).

    R5  M = "s r_u o_u" is true     ->  "s r_d g(o_u)" is true,  "s r_d o'" is false (o' other than g(o_u))
    R6  the answer of s r_u is o_u  ->  the answer of s r_d is g(o_u)

Shapes: U updates.
"""

from __future__ import annotations

import numpy as np

from worldgen.evaluate.asking.questions import fact_prompt
from worldgen.evaluate.slag.making.dependence import ruled_objects
from worldgen.evaluate.slag.making.entailment import NO_OTHER_OBJECT, atom_of, truth_word
from worldgen.evaluate.slag.making.mains import Integers, Mains, other_objects
from worldgen.evaluate.slag.making.tally import Made, of_reason, tally
from worldgen.evaluate.slag.making.updates import Updates
from worldgen.evaluate.slag.points import TRUE, Asked, Entailed, Task
from worldgen.facts import Fact
from worldgen.grammar import truth_prompt
from worldgen.worlds.world import NONE, World

NO_RULE = "no deterministic rule is about the object (world.deterministic_percent makes them)"


def entailed_by_rules(world: World, mains: Mains, updates: Updates) -> Made[Entailed]:
    """Returns for each update what the world's rules make of it: one R6 in GEN, two R5 in TF."""
    g = np.where(updates.downstream == NONE, NONE, ruled_objects(world, updates.relation, updates.object))
    why_not = [why or (NO_RULE if o == NONE else "") for why, o in zip(updates.no_downstream, g.tolist(), strict=True)]
    missing = of_reason(why_not)
    if mains.task is Task.GEN:
        items = [_answer(world, updates, u, o) for u, o in enumerate(g.tolist())]
        return Made(items, (tally(mains.task, "R6", sum(map(len, items)), missing),))
    ruled = np.flatnonzero(g != NONE)
    words = mains.words("R5", 1)[updates.point[ruled]]
    other = np.full(len(updates), NONE, dtype=np.int64)
    other[ruled] = other_objects(world, updates.downstream[ruled], g[ruled], words)[:, 0]
    items = [_statements(world, updates, u, (g, other)) for u in range(len(updates))]
    both = {reason: 2 * count for reason, count in missing.items()}
    both[NO_OTHER_OBJECT] = int(((g != NONE) & (other == NONE)).sum())
    return Made(items, (tally(mains.task, "R5", sum(map(len, items)), both),))


def _answer(world: World, updates: Updates, u: int, g: int) -> tuple[Entailed, ...]:
    """Returns R6 of one update."""
    if g == NONE:
        return ()
    prompt = fact_prompt(world, int(updates.subject[u]), int(updates.downstream[u]))
    return (Entailed(Asked(prompt, world.objects.names(g)), "R6", world.objects[int(updates.object[u])]),)


def _statements(world: World, updates: Updates, u: int, objects: tuple[Integers, Integers]) -> tuple[Entailed, ...]:
    """Returns R5 of one update; `objects` are g and o' of every update."""
    subject, relation = int(updates.subject[u]), int(updates.downstream[u])
    return tuple(
        Entailed(
            Asked(truth_prompt(atom_of(world, Fact(subject, relation, o))), (truth_word(holds),)), "R5", TRUE, True
        )
        for o, holds in zip((int(column[u]) for column in objects), (True, False), strict=True)
        if o != NONE
    )
