"""The worked example of definitions in docs/sources.md, recomputed from the page itself."""

from __future__ import annotations

import re
import tomllib
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from trust_oracle import Said, Source
from variables_oracle import Asked, VariablesWorld, answer_of, answers_of_variables, model_of

from worldgen.bayes.trust.priors import Priors
from worldgen.bayes.trust.trust import fit
from worldgen.bayes.variables.answers import answer

TEXT = (Path(__file__).parents[2] / "docs" / "sources.md").read_text()
SOURCES, FACTS = (
    tomllib.loads(re.findall(r"^```toml\n(.*?)^```", TEXT, re.DOTALL | re.MULTILINE)[i])[name]
    for i, name in enumerate(("example", "definitions"))
)
# | read | asked | how | fraction | decimal |
SECTION = TEXT[TEXT.index("## Definitions") : TEXT.index("## What is exact")]
ROWS = re.findall(r"^\| ([^|]+) \| ([^|]+) \| ([^|]+) \| (\d+/\d+) \| (\d\.\d{4}) \|$", SECTION, re.MULTILINE)
ENTITIES, TAGS = FACTS["entities"], list(SOURCES["right"])
RELATIONS = ["educated at", "citizenship"]
ANSWERS = {relation: list(dict.fromkeys(FACTS[relation])) for relation in RELATIONS}


def world_of(read: str) -> VariablesWorld:
    """The micro-world of "va educated at Lund, Bar says va is Ada"."""
    said, asked = [], []
    for part in read.split(", "):
        if found := re.fullmatch(r"(\w+) says va is (\w+)", part):
            said.append(Said(0, TAGS.index(found[1]), ENTITIES.index(found[2])))
        else:
            relation = next(r for r in RELATIONS if part.startswith(f"va {r} "))
            object_ = part.removeprefix(f"va {relation} ")
            asked.append(Asked(0, RELATIONS.index(relation), ANSWERS[relation].index(object_)))
    known = tuple(tuple(ANSWERS[r].index(FACTS[r][e]) for r in RELATIONS) for e in range(len(ENTITIES)))
    tags = [Source(*(Fraction(1 + SOURCES[kind][tag]) for kind in ("right", "wrong"))) for tag in TAGS]
    nobody = Source(rho=Fraction(1))
    return VariablesWorld((*tags, nobody), 1, known, (2, 2), tuple(asked), tuple(said))


def answers(read: str, asked: str) -> tuple[float, Fraction]:
    """The agent's number and the oracle's."""
    world = world_of(read)
    model, reports, prior = model_of(world)
    trust, oracle = fit(model, reports, prior), answers_of_variables(world)
    if asked in TAGS:
        k = TAGS.index(asked)
        return trust.reliability(k).mean(), oracle.reliabilities[k]
    if found := re.fullmatch(r"va is (\w+)", asked):
        e = ENTITIES.index(found[1])
        return trust.credence(0, e), oracle.beliefs[0][e]
    relation = next(r for r in RELATIONS if asked.startswith(f"va {r} "))
    w = ANSWERS[relation].index(asked.removeprefix(f"va {relation} "))
    objects = [ANSWERS[relation].index(o) for o in FACTS[relation]]
    certain = [[Fraction(o == each) for o in range(2)] for each in objects]
    found_by_agent = answer(trust.belief(0), np.arange(len(ENTITIES)), Priors.known(objects, M=2))
    return found_by_agent[w], answer_of(oracle.beliefs[0], certain)[w]


def test_the_section_has_its_rows() -> None:
    assert len(ROWS) == 11
    table = SECTION[SECTION.index("| read | asked |") :]
    assert len([line for line in table.splitlines() if line.startswith("| ")]) == len(ROWS) + 1


@pytest.mark.parametrize(("read", "asked", "how", "value", "decimal"), ROWS, ids=lambda x: str(x))
def test_a_row_of_the_worked_example(read: str, asked: str, how: str, value: str, decimal: str) -> None:
    found, exact = answers(read, asked)
    assert exact == Fraction(value)
    assert found == pytest.approx(float(exact), abs=1e-12)
    assert f"{float(exact):.4f}" == decimal
    formula = re.sub(r"\d+", r"Fraction(\g<0>)", how.replace(" x ", " * "))
    assert eval(formula, {"Fraction": Fraction}) == exact
