"""Makes a world from a knowledge graph: chooses its subjects, settles the truths, draws the roots' distributions.

Paper, appendix A.1 step 2. Shapes: F facts of the chosen subjects, S chosen subjects, C rows of the conditionals.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from worldgen.arrays import Ids
from worldgen.errors import UserError
from worldgen.graphs.graph import KnowledgeGraph
from worldgen.randomness import Stream, below, keys_of
from worldgen.settings import WorldConfig
from worldgen.worlds.conditionals import SEEN_NOWHERE, Conditionals
from worldgen.worlds.dependencies import Dependency, find_dependencies
from worldgen.worlds.world import NONE, World, another_object, facts_of_relation, ranges_of


def make_world(graph: KnowledgeGraph, config: WorldConfig, seed: int) -> World:
    """Makes the world of a seed: takes subjects in random order until there are `config.facts` facts.

    Every fact gets its truth and its distribution. Raises UserError for a graph with fewer facts (the message says
    how many it has) or with a single object.
    """
    if len(graph) < config.facts:
        raise UserError(
            f"the graph offers {len(graph)} facts of {len(graph.subjects)} subjects, {config.facts} are asked for: "
            f"lower world.facts or give a larger graph"
        )
    if len(graph.objects) < 2:
        raise UserError("this graph has a single object: nothing can be uncertain, give a larger graph")
    dependencies = tuple(find_dependencies(graph, config.pairs))
    facts = _choose(graph, config.facts, seed)
    table = Conditionals.from_graph(graph, [d.pair for d in dependencies], config.mode_percent)
    truths = _settle_truths(facts, dependencies, table)
    distractor, percent = _draw_roots(graph, config, seed, facts, truths)
    table, row = table.used_by(truths.row)
    table = table.with_rules(_choose_rules(graph, table, config.deterministic_percent, seed))
    named = [truths.truth, facts.object, distractor, table.upstream_object, table.object]
    objects = np.unique(np.concatenate(named))
    objects = objects[objects >= 0]
    new_id = np.full(len(graph.objects) + 1, NONE, dtype=np.int32)  # the last place maps NONE to NONE
    new_id[objects] = np.arange(len(objects), dtype=np.int32)
    return World(
        graph.subjects.take(facts.chosen),
        graph.relations,
        graph.objects.take(objects),
        dependencies,
        subject=facts.subject,
        relation=facts.relation,
        truth=new_id[truths.truth],
        graph_object=new_id[facts.object],
        upstream=truths.upstream,
        row=row,
        distractor=new_id[distractor],
        percent=percent,
        conditionals=table.renumbered(new_id),
    )


@dataclass(frozen=True)
class _ChosenFacts:
    """The facts of the chosen subjects, sorted by (subject, relation)."""

    chosen: list[int]
    """[S]: the graph's ids of the chosen subjects, in the order of the draw."""
    subject: Ids  # [F]
    """The place in `chosen`."""
    relation: Ids  # [F]
    object: Ids  # [F]


@dataclass(frozen=True)
class _Truths:
    """The truth of every fact, the fact that it depends on, and its row of the conditionals (NONE for a root)."""

    truth: Ids  # [F]
    upstream: Ids  # [F]
    row: Ids  # [F]


def _choose(graph: KnowledgeGraph, facts: int, seed: int) -> _ChosenFacts:
    """Takes subjects in random order until they have `facts` facts, and all facts of the subjects taken."""
    keys = keys_of(graph.subjects.labels)
    order = np.argsort(Stream(seed, "subjects").words(keys, np.ones(len(keys), dtype=np.int64)), kind="stable")
    facts_of = np.bincount(graph.subject, minlength=len(graph.subjects))
    enough = int(np.searchsorted(np.cumsum(facts_of[order]), facts)) + 1
    chosen = order[:enough]
    new_id = np.full(len(graph.subjects), NONE, dtype=np.int32)
    new_id[chosen] = np.arange(len(chosen), dtype=np.int32)
    rows = np.flatnonzero(new_id[graph.subject] != NONE)
    rows = rows[np.lexsort((graph.relation[rows], new_id[graph.subject[rows]]))]
    return _ChosenFacts(chosen.tolist(), new_id[graph.subject[rows]], graph.relation[rows], graph.object[rows])


def _settle_truths(facts: _ChosenFacts, dependencies: Sequence[Dependency], conditionals: Conditionals) -> _Truths:
    """Settles the truths from the top of the chains down: a root's is the graph's object, else the row's mode."""
    S, F = len(facts.chosen), len(facts.subject)
    truth = facts.object.copy()
    upstream = np.full(F, NONE, dtype=np.int32)
    row = np.full(F, NONE, dtype=np.int32)
    for number, pair in enumerate(dependency.pair for dependency in dependencies):
        up = facts_of_relation(facts.subject, facts.relation, S, pair.upstream)
        down = facts_of_relation(facts.subject, facts.relation, S, pair.downstream)
        has_both = (up != NONE) & (down != NONE)
        upstream[down[has_both]] = up[has_both]
        row[down[has_both]] = conditionals.rows_of(number, truth[up[has_both]])
        truth[down[has_both]] = conditionals.mode[row[down[has_both]]]
    return _Truths(truth, upstream, row)


def _choose_rules(graph: KnowledgeGraph, conditionals: Conditionals, percent: int, seed: int) -> NDArray[np.bool_]:
    """Returns the rows that become deterministic rules, [C].

    Of a dependency's U upstream objects, percent U / 100 become rules, rounded to the nearest (a half up): the objects
    whose labels' random words are the least. The row of SEEN_NOWHERE never becomes a rule.
    """
    rules = np.zeros(len(conditionals), dtype=bool)
    for dependency in np.unique(conditionals.dependency):
        rows = np.flatnonzero((conditionals.dependency == dependency) & (conditionals.upstream_object != SEEN_NOWHERE))
        keys = keys_of(graph.objects[i] for i in conditionals.upstream_object[rows])
        words = Stream(seed, "rules").words(keys, np.ones(len(keys), dtype=np.int64))
        rules[rows[np.argsort(words, kind="stable")[: (percent * len(rows) + 50) // 100]]] = True
    return rules


def _draw_roots(
    graph: KnowledgeGraph, config: WorldConfig, seed: int, facts: _ChosenFacts, truths: _Truths
) -> tuple[Ids, Ids]:
    """Draws (distractor, percent) of every root fact, [F] each; they are NONE and 0 for downstream facts."""
    roots = np.flatnonzero(truths.row == NONE)
    subject, relation, truth = facts.subject[roots], facts.relation[roots], truths.truth[roots]
    keys = keys_of(graph.subjects[i] for i in facts.chosen)
    # Two words for each relation, so that a fact's draws do not depend on the subject's other facts.
    R = len(graph.relations)
    words = Stream(seed, "roots").words(keys, np.full(len(keys), 2 * R)).reshape(len(keys), R, 2)[subject, relation]
    ranges = ranges_of(facts.relation, truths.truth, R, len(graph.objects))
    distractor = np.full(len(facts.subject), NONE, dtype=np.int32)
    percent = np.zeros(len(facts.subject), dtype=np.int32)
    distractor[roots] = another_object(ranges, relation, truth, words[:, 0])
    low, high = config.root_percent_low, config.root_percent_high
    percent[roots] = low + below(words[:, 1], high - low + 1)
    return distractor, percent
