"""A world in numbers: its relations, its dependent pairs and their entropies, the popularity of its objects.

Shapes: F facts, C rows of the conditionals.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from worldgen.arrays import Ids
from worldgen.corpus.sentences import Kind, Sentences
from worldgen.corpus.wording import Wording
from worldgen.worlds.world import NONE, World


@dataclass(frozen=True)
class RelationSummary:
    """A relation of the world; `objects` counts the distinct truths of its facts, `upstream` is "" for a root."""

    label: str
    facts: int
    objects: int
    upstream: str


@dataclass(frozen=True)
class PairEntropies:
    """A dependent pair; entropies in bits.

    In the whole graph, `cooccurrence` subjects have both relations: H(downstream) and H(downstream | upstream).
    In the world, `facts` downstream facts have a known upstream fact, with `conditions` different upstream truths.
    Over the p(o | s, r) of these facts: the mean entropy, the share of those that are certain (entropy 0), and the
    mean probability of the truth.
    """

    upstream: str
    downstream: str
    cooccurrence: int
    downstream_entropy: float
    conditional_entropy: float
    facts: int
    conditions: int
    world_entropy: float
    certain: float
    truth_probability: float


@dataclass(frozen=True)
class Popularity:
    """How unequally facts name objects.

    The Gini coefficient is 0 where every object has as many facts as any other, near 1 where one object has all facts.
    """

    objects: int
    top_percent_share: float
    named_once: float
    gini: float
    most_popular: dict[str, int]


def relations_of(world: World) -> list[RelationSummary]:
    """Returns the relations in the order of their ids."""
    upstream = {pair.downstream: world.relations[pair.upstream] for pair in world.pairs()}
    facts = np.bincount(world.relation, minlength=len(world.relations)).tolist()
    objects = [len(np.unique(world.truth[world.relation == r])) for r in range(len(world.relations))]
    return [
        RelationSummary(label, facts[r], objects[r], upstream.get(r, ""))
        for r, label in enumerate(world.relations.labels)
    ]


def pairs_of(world: World) -> list[PairEntropies]:
    """Returns the dependent pairs; the pair at the top of a chain comes first."""
    entropies, table = row_entropies(world), world.conditionals
    truth_probability = table.weight[table.mode_entry] / table.total
    pairs = []
    for dependency in world.dependencies:
        rows = world.row[(world.relation == dependency.pair.downstream) & (world.row != NONE)]
        upstream, downstream = (world.relations[end] for end in dependency.pair)
        of_facts = (entropies[rows], entropies[rows] == 0, truth_probability[rows])
        means = (float(values.mean()) if len(rows) else 0.0 for values in of_facts)
        in_graph = dependency.cooccurrence, dependency.downstream_entropy, dependency.conditional_entropy
        pairs.append(PairEntropies(upstream, downstream, *in_graph, len(rows), len(np.unique(rows)), *means))
    return pairs


def row_entropies(world: World) -> NDArray[np.float64]:
    """Returns [C] H = - sum_o p(o | r_d, r_u, o_u) log2 p(o | r_d, r_u, o_u) of each row of the conditionals."""
    table = world.conditionals
    if not len(table):
        return np.zeros(0)
    share = table.weight / np.repeat(table.total, np.diff(table.start))
    return np.abs(np.add.reduceat(share * np.log2(share), table.start[:-1]))


def facts_per_object(objects: Ids) -> NDArray[np.int64]:
    """Returns how many facts name each object that is named, in descending order; `objects` [F]."""
    counts = np.bincount(objects)
    return np.sort(counts[counts > 0])[::-1]


def gini(counts: NDArray[np.int64]) -> float:
    """Returns sum_ij |c_i - c_j| / (2 n^2 mean(c)) of counts c_1 .. c_n in descending order."""
    n, place = len(counts), np.arange(1, len(counts) + 1)
    return float(((n + 1 - 2 * place) * counts).sum() / (n * counts.sum()))


def popularity_of(world: World, objects: Ids) -> Popularity:
    """Returns the popularity of the objects [F] that facts name."""
    counts, per_object = facts_per_object(objects), np.bincount(objects)
    top = max(1, round(len(counts) / 100))
    best = np.argsort(-per_object, kind="stable")[:5].tolist()
    return Popularity(
        objects=len(counts),
        top_percent_share=float(counts[:top].sum() / counts.sum()),
        named_once=float((counts == 1).mean()),
        gini=gini(counts),
        most_popular={world.objects[i]: int(per_object[i]) for i in best if per_object[i]},
    )


def example_sentences(world: World, sentences: Sentences) -> list[tuple[str, str]]:
    """Returns (kind, text) of the first sentence of each kind that is labelled true, and of the first labelled false.

    A kind that has no such sentence is left out.
    """
    wording = Wording(world)
    examples = []
    for kind in Kind:
        for truth in (True, False):
            first = np.flatnonzero((sentences.kind == kind) & (sentences.truth == truth))[:1]
            examples += [(kind.name.lower(), text) for text in wording.texts(sentences.where(first))]
    return examples
