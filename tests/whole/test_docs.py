"""The numbers and the code of docs/rational-agent.md, recomputed from the page itself."""

from __future__ import annotations

import doctest
import re
import tomllib
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
from by_hand import Names
from oracle import Oracle

from worldgen.bayes.agent import Edit
from worldgen.bayes.reading import Reading
from worldgen.bayes.statements import Statement, credence
from worldgen.bayes.testing import agent_of
from worldgen.facts import Fact

PAGE = Path(__file__).parents[2] / "docs" / "rational-agent.md"
TEXT = PAGE.read_text()
# | `what` | how | fraction | decimal |, under a heading that says whether the edit has been made
ROW = re.compile(r"^\| `(.+?)` \| (.+?) \| (\d+/\d+) \| (\d\.\d+) \|$")


def world_of_the_page() -> dict[str, Any]:
    return tomllib.loads(re.findall(r"^```toml\n(.*?)^```", TEXT, re.DOTALL | re.MULTILINE)[0])["world"]


def rows_of_the_page() -> list[tuple[bool, str, str, Fraction, str]]:
    """(after the edit?, what, how, value, decimal) of every row of the example's tables."""
    rows, edited = [], False
    for line in TEXT.splitlines():
        if line.startswith("| credence"):
            edited = "after the edit" in line
        elif found := ROW.match(line):
            rows.append((edited, found[1], found[2], Fraction(found[3]), found[4]))
    return rows


ROWS = rows_of_the_page()
WORLD = world_of_the_page()
NAMES = Names(WORLD)


def edits(edited: bool) -> list[Edit]:
    return [Edit(*NAMES.fact(WORLD["edit"]["atom"]), WORLD["edit"]["weight"])] if edited else []


def answers(what: str, edited: bool) -> tuple[float, Fraction]:
    """The agent's and the oracle's answer to "S / R / O", "R / O, given U" or a statement of A and B."""
    micro = NAMES.micro_world(WORLD)
    agent, oracle = agent_of(micro, *edits(edited)), Oracle(micro, *edits(edited))
    if " / " not in what:
        a, b = NAMES.fact(["Ada", "educated at", "Oslo"]), NAMES.fact(["Ada", "occupation", "judge"])
        both = {"A and B": ("and", oracle.p_and), "A or B": ("or", oracle.p_or)}
        if what in both:
            connective, ask = both[what]
            return credence(agent, Statement(connective, a, b)), ask(a, b)  # type: ignore[arg-type]
        assert what == "not B"
        return credence(agent, Statement("not", b)), oracle.p_not(b)
    if ", given " in what:
        fact_text, upstream = what.split(", given ")
        relation, object_ = fact_text.split(" / ")
        r, o, u = NAMES.relations.index(relation), NAMES.objects.index(object_), NAMES.objects.index(upstream)
        return agent.conditional(r, u)[o], oracle.conditional(r, u)[o]
    subject, relation, object_ = what.split(" / ")
    if subject == ".":
        r, o = NAMES.relations.index(relation), NAMES.objects.index(object_)
        return agent.unseen_subject(r)[o], oracle.unseen_subject(r)[o]
    fact: Fact = NAMES.fact([subject, relation, object_])
    return credence(agent, Statement("", fact)), oracle.p_atom(fact)


def test_the_page_has_its_rows() -> None:
    assert len(ROWS) == 17
    assert sum(edited for edited, *_ in ROWS) == 5
    assert len([line for line in TEXT.splitlines() if line.startswith("| `") and "ask" not in line]) == len(ROWS)


@pytest.mark.parametrize(("edited", "what", "how", "value", "decimal"), ROWS, ids=lambda x: str(x))
def test_a_row_of_the_worked_example(edited: bool, what: str, how: str, value: Fraction, decimal: str) -> None:
    found, exact = answers(what, edited)
    assert exact == value
    assert abs(found - float(value)) <= 1e-14  # fewer than 100 roundings of 1.1e-16, as in test_bayes_by_hand
    assert f"{float(value):.4f}" == decimal
    # The arithmetic, up to the words after a comma, in exact fractions.
    formula = re.sub(r"\d+", r"Fraction(\g<0>)", how.split(",")[0].replace(" x ", " * "))
    assert eval(formula, {"Fraction": Fraction}) == value


READINGS = re.findall(r"^\| ([\w, ]+) \| (0\.\d{4}) \| (0\.\d{4}) \| (0\.\d{4}) \| (\d+) \| (0\.\d{4}) \|$", TEXT, re.M)


@pytest.mark.parametrize(("text", "before", "upstream", "told", "weight", "then"), READINGS, ids=lambda x: str(x))
def test_a_row_of_the_three_readings(text: str, before: str, upstream: str, told: str, weight: str, then: str) -> None:
    assert [text for text, *_ in READINGS] == ["marginal", "edits", "own, kappa 1", "own, kappa 10"]
    name, _, kappa = text.partition(", kappa ")
    micro = NAMES.micro_world(WORLD)._replace(reading=Reading(name, float(kappa or 1)))  # type: ignore[arg-type]
    (s, r, o), of_school = NAMES.fact(WORLD["told"]["atom"]), edits(True)
    of_job, lifting = Edit(s, r, o, WORLD["told"]["weight"]), Edit(s, r, o, int(weight))
    for some, expected in (((), before), (of_school, upstream), ((of_job,), told), ((lifting,), then)):
        assert f"{float(Oracle(micro, *some).belief(s, r)[o]):.4f}" == expected
        assert f"{agent_of(micro, *some).belief(s, r)[o]:.4f}" == expected
    assert (
        Oracle(micro).least_weight(s, r, o, Fraction(95, 100))
        == int(weight)
        == agent_of(micro).weight_for(s, r, o, 0.95)
    )
    after = agent_of(micro, *of_school).belief(s, r).mode()
    assert NAMES.objects[after] == ("doctor" if name == "own" else "judge")


def test_the_weight_of_the_example() -> None:
    micro = NAMES.micro_world(WORLD)
    fact = NAMES.fact(WORLD["edit"]["atom"])
    weight = Oracle(micro).least_weight(*fact, Fraction(95, 100))
    assert f"= ceil({weight}) = {weight}." in TEXT
    assert agent_of(micro).weight_for(*fact, 0.95) == weight


def test_the_code_of_the_page() -> None:
    # Closing fences are no output.
    code = "\n".join(re.findall(r"^```python\n(.*?)^```", TEXT, re.DOTALL | re.MULTILINE))
    examples = doctest.DocTestParser().get_doctest(code, {}, PAGE.name, str(PAGE), 0)
    report: list[str] = []
    results = doctest.DocTestRunner(verbose=False).run(examples, out=report.append)
    assert results.attempted > 15
    assert not results.failed, "".join(report)
