"""Flipping the model's beliefs: each node's flip as a block of updates, and the edges that were measured.

Shapes: n nodes.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import numpy as np

from worldgen.evaluate.asking.measurements import read_measurements
from worldgen.evaluate.slag.graphs.belief_graph import BeliefGraph, Edges, Texts, texts_of
from worldgen.evaluate.slag.graphs.measures import Flags, Floats
from worldgen.evaluate.slag.graphs.nodes import Node
from worldgen.evaluate.slag.points import Point, Task
from worldgen.evaluate.slag.predictions import normalised
from worldgen.evaluate.slag.updating.blocks import Block
from worldgen.evaluate.slag.updating.model_questions import A_QUESTION_EACH, predictions_from
from worldgen.facts import Vocabulary


class Flipped(NamedTuple):
    """What is held of each of the n nodes after the flip of one."""

    held: Texts
    weight: Floats
    """By how much the probability of what was held changes; NaN where nobody knows it."""


def flip_blocks(nodes: Sequence[Node], objects: Vocabulary | None, first: int, last: int) -> list[Block]:
    """Returns the flips of the nodes first .. last-1, each with the other n - 1 nodes to be asked after it.

    In GEN the model is asked for its answer, and for the probability of the answer that it gave before. `objects` are
    those of the world; None outside ours.
    """
    labels = {normalised(label): label for label in objects.labels} if objects else {}
    points = tuple(_asked_about_what_is_held(node, labels) for node in nodes)
    flips = [replace(node.flip, point=point) for node, point in zip(nodes, points, strict=True)]
    return [Block(u, (flips[u],), points[:u] + points[u + 1 :]) for u in range(first, last)]


def _asked_about_what_is_held(node: Node, labels: Mapping[str, str]) -> Point:
    if node.point.task is Task.TF:
        return node.point
    held = (labels.get(node.predicted, node.predicted),) if node.predicted else ()
    return replace(node.point, main=replace(node.point.main, eligible=held))


def flipped_beliefs(nodes: Sequence[Node], folders: Sequence[Path]) -> Iterator[Flipped]:
    """Yields what the model holds after each flip, in order; `folders` have the measurements of `flip_blocks`."""
    n, u = len(nodes), 0
    for folder in folders:
        rows = read_measurements(folder)
        shape = (-1, n, A_QUESTION_EACH)
        before, after = (rows[phase].to_numpy(float).reshape(shape) for phase in ("before", "after"))
        said = rows["answer_after"].to_numpy(object).reshape(shape)[:, :, 0]
        for each in zip(before, after, said, strict=True):
            own_place = np.array([*range(1, u + 1), 0, *range(u + 1, n)])  # the flipped node is asked first
            yield _after(nodes, *(values[own_place] for values in each))
            u += 1


def _after(nodes: Sequence[Node], before: Floats, after: Floats, said: Texts) -> Flipped:
    """Returns what is held after a flip, from the replies. Shapes: before and after [n, 2], said [n]."""
    if nodes[0].point.task is Task.GEN:
        return Flipped(texts_of([normalised(text) for text in said.tolist()]), np.abs(after[:, 1] - before[:, 1]))
    asked = [node.point.main for node in nodes]
    then, now = (predictions_from(Task.TF, asked, p.ravel(), ()) for p in (before, after))
    return Flipped(now.text, np.abs(now.credence - then.credence))


def graph_of_flips(flipped: Iterable[Flipped], nodes: Sequence[Node]) -> tuple[BeliefGraph, Texts]:
    """Returns the belief graph from what is held after each of the n flips, and [n] what each node itself becomes."""
    before = texts_of([node.predicted for node in nodes])
    parts, own = [], []
    for u, each in enumerate(flipped):
        changed: Flags = each.held != before
        own.append(each.held[u])
        changed[u] = False
        target = np.flatnonzero(changed)
        parts.append(Edges(np.full(len(target), u), target, each.held[target], each.weight[target]))
    assert len(own) == len(nodes), f"{len(own)} flips were measured of {len(nodes)}"
    updated = texts_of(own)
    return BeliefGraph.of(Edges.joined(parts), before, updated != before), updated
