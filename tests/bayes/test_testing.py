"""The public strategies: their example runs, and `assert_agrees` finds wrong agents."""

from __future__ import annotations

import doctest
import importlib
import re
import sys
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from oracle import Oracle

from worldgen.bayes import testing
from worldgen.bayes.agent import Agent, Edit
from worldgen.bayes.reading import PAPER
from worldgen.bayes.statements import credence

ROOT = Path(__file__).parents[2]


def test_the_example_of_the_docstring_runs() -> None:
    results = doctest.testmod(testing)
    assert results.attempted >= 4
    assert not results.failed


@settings(max_examples=25)  # test_agent and test_statements compare these at length
@given(testing.edited_worlds())
def test_the_oracle_agrees_on_beliefs(drawn: tuple[testing.MicroWorld, tuple[Edit, ...]]) -> None:
    world, edits = drawn
    testing.assert_agrees(Oracle(world, *edits).belief, world, *edits)


@settings(max_examples=25)  # test_agent and test_statements compare these at length
@given(testing.edited_worlds(), st.data())
def test_the_oracle_agrees_on_statements(
    drawn: tuple[testing.MicroWorld, tuple[Edit, ...]], data: st.DataObject
) -> None:
    world, edits = drawn
    statement = data.draw(testing.statements_of(world))
    one, two, oracle = statement.first, statement.second, Oracle(world, *edits)
    expected = {
        "": lambda: oracle.p_atom(one),
        "not": lambda: oracle.p_not(one),
        "and": lambda: oracle.p_and(one, two),
        "or": lambda: oracle.p_or(one, two),
    }[statement.connective]()
    # As in test_agent; a statement is at most three products and sums of such numbers.
    assert abs(credence(testing.agent_of(world, *edits), statement) - float(expected)) <= 1e-12


Belief = Callable[[int, int], np.ndarray]


def _of(answer: Callable[[Agent, int, int], np.ndarray]) -> Callable[..., Belief]:
    return lambda world, edits: lambda s, r: answer(testing.agent_of(world, *edits), s, r)


def _forgets_the_last_edit(world: testing.MicroWorld, edits: tuple[Edit, ...]) -> Belief:
    return lambda s, r: testing.agent_of(world, *edits[:-1]).belief(s, r).dense()


def _hears_each_sentence_once(world: testing.MicroWorld, edits: tuple[Edit, ...]) -> Belief:
    once = world._replace(sentences=tuple(dict.fromkeys(world.sentences)))
    return lambda s, r: testing.agent_of(once, *edits).belief(s, r).dense()


def _hears_nothing_of_downstream_facts(world: testing.MicroWorld, edits: tuple[Edit, ...]) -> Belief:
    return lambda s, r: testing.agent_of(world._replace(reading=PAPER), *edits).belief(s, r).dense()


def _counts_an_edit_twice(world: testing.MicroWorld, edits: tuple[Edit, ...]) -> Belief:
    def belief(s: int, r: int) -> np.ndarray:
        agent = testing.agent_of(world, *edits)
        upstream = agent.upstream_of(s, r)
        if upstream is None:
            return agent.belief(s, r).dense()
        return agent.told(s, r).added_to(agent.marginal(r, agent.belief(s, upstream))).dense()

    return belief


WRONG = {
    "hears nothing of downstream facts": _hears_nothing_of_downstream_facts,
    "counts an edit twice": _counts_an_edit_twice,
    "knows no dependencies": _of(lambda agent, s, r: agent.root(s, r).dense()),
    "forgets the last edit": _forgets_the_last_edit,
    "hears each sentence once": _hears_each_sentence_once,
    "is a little off": _of(lambda agent, s, r: agent.belief(s, r).dense() + 1e-11),
    "leaves an object out": _of(lambda agent, s, r: agent.belief(s, r).dense()[1:]),
    "believes in nothing": _of(lambda agent, s, r: agent.belief(s, r).dense() * np.nan),
}


@pytest.mark.parametrize("wrong", WRONG.values(), ids=WRONG)
def test_a_wrong_agent_is_found(wrong: Callable[..., Belief]) -> None:
    only_look = settings(
        database=None, phases=[Phase.generate], max_examples=300, suppress_health_check=list(HealthCheck)
    )

    @only_look
    @given(testing.edited_worlds())
    def test(drawn: tuple[testing.MicroWorld, tuple[Edit, ...]]) -> None:
        world, edits = drawn
        testing.assert_agrees(wrong(world, edits), world, *edits)

    with pytest.raises(AssertionError, match=r"p\(\. \| subject"):
        test()


@given(st.lists(testing.WEIGHTS, max_size=10))
def test_sums_of_edit_weights_are_exact(weights: list[float]) -> None:
    """Sums of a few edit weights have no rounding, so an agent in fractions may add them up in any order."""
    assert Fraction(sum(weights)) == sum(map(Fraction, weights))


def test_without_hypothesis_the_error_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "hypothesis", None)
    monkeypatch.delitem(sys.modules, "worldgen.bayes.testing")
    with pytest.raises(ImportError, match="pip install hypothesis"):
        importlib.import_module("worldgen.bayes.testing")


def test_no_other_module_needs_hypothesis() -> None:
    rooms = [path for room in ("worldgen", "bayes", "lm", "evaluate") for path in (ROOT / room).rglob("*.py")]
    needs = re.compile(
        r"^\s*(from|import) (hypothesis|worldgen\.bayes\.testing)|from worldgen\.bayes import .*testing", re.MULTILINE
    )
    code = {path.name: path.read_text().split('"""', 2)[-1] for path in [*rooms, ROOT / "cli.py"]}
    assert [name for name, text in code.items() if needs.search(text)] == ["testing.py"]
