"""What a user types about a world: every fact can be named, and an edit is read as it was shown."""

from dataclasses import replace

import numpy as np
import pytest
import worlds

from worldgen.bayes.agent import Edit
from worldgen.errors import UserError
from worldgen.evaluate.commands.output import print_result
from worldgen.evaluate.inquiry.user_text import check_weight, fact_text, names_in, read_edits, read_fact
from worldgen.facts import Fact


def with_bars() -> worlds.World:
    """A world whose names hold bars and backslashes."""
    world = worlds.world()
    names = {"subjects": r"{} | \\ left", "objects": r"|{}|", "relations": "{}|of"}
    odd = {
        role: replace(getattr(world, role), labels=tuple(name.format(label) for label in getattr(world, role).labels))
        for role, name in names.items()
    }
    return replace(world, **odd)


def test_a_fact_whose_names_hold_bars_is_read_as_it_is_shown() -> None:
    world = with_bars()
    for fact in (Fact(0, 0, 0), Fact(1, 1, 2)):
        assert read_fact(world, fact_text(world, fact)) == fact


def test_parts_are_told_apart_by_plain_bars() -> None:
    assert names_in(r"a\|b | c|  d ") == ["a|b", "c", "d"]


def test_edits_weigh_one_after_another() -> None:
    """Each is weighed by the agent that has seen those before it, as if all were revised from the start every time."""
    world, agent = worlds.world(), worlds.agent(worlds.READINGS[0])
    texts = [fact_text(world, Fact(0, 0, o)) for o in (0, 1, 0)]
    edits = read_edits(world, agent, [*texts, f"{texts[1]} | 2.5"], "auto", 0.9)
    for i, edit in enumerate(edits[:3]):
        expected = agent.revise(*edits[:i]).weight_for(*edit[:3], 0.9)
        assert edit == Edit(*edit[:3], expected)
    assert edits[3].weight == 2.5


@pytest.mark.parametrize("text", ["foo", "-1", "nan", "inf", "1e13", ""])
def test_a_weight_that_cannot_be(text: str) -> None:
    with pytest.raises(UserError, match=r"give a number from 0 to 1e\+12, or auto"):
        check_weight(text)


def test_json_is_strict(capsys: pytest.CaptureFixture[str]) -> None:
    print_result({"a": float("nan"), "b": [1.5, float("inf")], "c": {"d": float(np.float64("-inf"))}}, "", True)
    assert "".join(capsys.readouterr().out.split()) == '{"a":null,"b":[1.5,null],"c":{"d":null}}'
