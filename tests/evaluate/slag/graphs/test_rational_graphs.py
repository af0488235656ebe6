"""The rational graph against one agent revised for every flip, and against exact fractions on micro-worlds."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

import numpy as np
import pytest
import slag_worlds
from belief_graphs import nodes_in, ordered, pairs
from hypothesis import given
from hypothesis import strategies as st
from oracle import Oracle

from worldgen.bayes.agent import Edit
from worldgen.bayes.statements import Statement, credence
from worldgen.bayes.testing import MicroWorld, agent_of, edits_of, micro_worlds, statements_of
from worldgen.evaluate.slag.graphs.rational import Mind, observed_graph, rational_graph
from worldgen.evaluate.slag.points import Task
from worldgen.evaluate.slag.predictions import normalised
from worldgen.evaluate.slag.rational import statement_of

_CLEAR = Fraction(1, 10**9)  # a belief nearer to a tie than this may fall to either side in float64


@pytest.mark.parametrize("which", ["paired", "chained"])
def test_the_rational_graph_is_the_slow_agents(which: str) -> None:
    """One agent revised for every flip and asked every statement. "not s r o" made false observes "s r o"."""
    world, agent = getattr(slag_worlds, which)()
    nodes = nodes_in(which, 30, entailed=True)
    statements = [statement_of(world, Task.TF, node.point.main) for node in nodes]
    found, before = rational_graph(world, agent, nodes), [credence(agent, each) for each in statements]
    expected = {}
    for u, (node, statement) in enumerate(zip(nodes, statements, strict=True)):
        can = (statement.connective, node.flip.label) in {("", "true"), ("not", "false")}
        assert found.flips[u] == can
        if can:
            weight = float(agent.weight_for(*statement.first, slag_worlds.CONFIG.target_credence))
            after = agent.revise(Edit(*statement.first, weight))
            now = [credence(after, other) for other in statements]
            changed = (v for v in range(len(nodes)) if v != u and (now[v] > 0.5) != (before[v] > 0.5))
            expected |= {(u, v): abs(now[v] - before[v]) for v in changed}
    assert dict(zip(ordered(found), found.weight, strict=True)) == pytest.approx(expected)
    assert found.before.tolist() == ["true" if p > 0.5 else "false" for p in before]
    assert 0 < found.flips.sum() < len(nodes)
    assert expected


def test_the_rational_graph_of_answers_is_the_slow_agents() -> None:
    world, agent = slag_worlds.chained()
    nodes = nodes_in("chained", 40, Task.GEN)
    found = rational_graph(world, agent, nodes)
    places = [statement_of(world, Task.GEN, node.point.main).first[:2] for node in nodes]
    before = [normalised(world.objects[agent.belief(*place).mode()]) for place in places]
    expected = {}
    for u, (node, place) in enumerate(zip(nodes, places, strict=True)):
        after = agent.revise(Edit(*place, world.objects.id_of(node.flip.label), node.flip.weight))
        said = [normalised(world.objects[after.belief(*other).mode()]) for other in places]
        expected |= {(u, v): said[v] for v in range(len(nodes)) if v != u and said[v] != before[v]}
    assert found.before.tolist() == before
    assert dict(zip(ordered(found), found.becomes, strict=True)) == expected
    assert found.flips.all()
    assert expected


def chains_of(world: MicroWorld) -> np.ndarray:
    """The relations that hang together, by the slow way: the lowest number that each is linked to."""
    chain = list(range(world.R))
    for _ in range(world.R):
        for pair in world.pairs:
            chain = [min(chain[r] for r in pair) if own in (chain[p] for p in pair) else own for own in chain]
    return np.array(chain)


@st.composite
def observing(draw: st.DrawFn) -> tuple[MicroWorld, list[Statement], list[Edit | None]]:
    world = draw(micro_worlds())
    n = draw(st.integers(2, 5))
    statements = [draw(statements_of(world)) for _ in range(n)]
    return world, statements, [draw(st.one_of(st.none(), edits_of(world))) for _ in range(n)]


@given(observing())
def test_the_graph_of_statements_is_that_of_fractions(drawn: tuple) -> None:
    world, statements, edits = drawn
    minds = {u: Oracle(world, edit) for u, edit in enumerate(edits) if edit is not None}
    p_before = [_p(Oracle(world), statement) for statement in statements]
    p_after = {u: [_p(mind, statement) for statement in statements] for u, mind in minds.items()}
    found = observed_graph(Mind(agent_of(world), Task.TF, statements, ()), edits, chains_of(world))
    half = Fraction(1, 2)
    for u in minds:
        for v, (p, q) in enumerate(zip(p_before, p_after[u], strict=True)):
            if v != u and abs(p - half) > _CLEAR and abs(q - half) > _CLEAR:
                assert ((u, v) in pairs(found.A)) == ((p > half) != (q > half))
    assert all(u in minds for u, _ in pairs(found.A))


@given(observing())
def test_the_graph_of_answers_is_that_of_fractions(drawn: tuple) -> None:
    world, statements, edits = drawn
    places = [statement.first[:2] for statement in statements]
    names = [str(o) for o in range(world.K)]
    found = observed_graph(Mind(agent_of(world), Task.GEN, statements, names), edits, chains_of(world))
    before = [Oracle(world).belief(*place) for place in places]
    said = dict(zip(ordered(found), found.becomes, strict=True))
    for u, edit in enumerate(edits):
        if edit is None:
            continue
        for v, place in enumerate(places):
            after = Oracle(world, edit).belief(*place)
            if v != u and _is_clear(before[v]) and _is_clear(after):
                then, now = (names[max(range(world.K), key=p.__getitem__)] for p in (before[v], after))
                assert said.get((u, v), then) == now


def _is_clear(p: Sequence[Fraction]) -> bool:
    first, second = sorted(p, reverse=True)[:2]
    return first - second > _CLEAR


def _p(mind: Oracle, statement: Statement) -> Fraction:
    if statement.second is None:
        return mind.p_not(statement.first) if statement.connective == "not" else mind.p_atom(statement.first)
    return (mind.p_and if statement.connective == "and" else mind.p_or)(statement.first, statement.second)
