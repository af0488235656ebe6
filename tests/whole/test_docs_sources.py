"""The numbers and the code of docs/sources.md, recomputed from the page itself."""

from __future__ import annotations

import doctest
import re
import tomllib
from fractions import Fraction
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from worldgen.bayes.evidence import evidence_from_lines
from worldgen.bayes.fitting import fit as fit_agent
from worldgen.bayes.trust.edits import ceiling, least_weight
from worldgen.bayes.trust.genuine import Genuine, uniform_background
from worldgen.bayes.trust.joint import JointTruth, Pair
from worldgen.bayes.trust.priors import Priors
from worldgen.bayes.trust.reliability import Betas
from worldgen.bayes.trust.reports import Reading, Report, Reports
from worldgen.bayes.trust.trust import Trust, fit
from worldgen.bayes.trust.truth import Truth

PAGE = Path(__file__).parents[2] / "docs" / "sources.md"
TEXT = PAGE.read_text()
EXAMPLE = tomllib.loads(re.findall(r"^```toml\n(.*?)^```", TEXT, re.DOTALL | re.MULTILINE)[0])["example"]
# | `what` | how | fraction | decimal |
ROWS = re.findall(r"^\| `(.+?)` \| (.+?) \| (\d+/\d+) \| (\d\.\d{4}) \|$", TEXT, re.MULTILINE)
OBJECTS, SOURCES = EXAMPLE["objects"], list(EXAMPLE["right"])
NOBODY = Reports.of(len(SOURCES), [], [], [])


def betas() -> Betas:
    """The reliabilities after the calibration."""
    return Betas.uniform(len(SOURCES)).observe(
        *([EXAMPLE[kind][tag] for tag in SOURCES] for kind in ("right", "wrong"))
    )


def said(text: str, fact: int = 0) -> list[Report]:
    """The reports of "Dot says Lund, Bar says Oslo"."""
    told = re.findall(r"(\w+) says (\w+)", text)
    return [Report(fact, SOURCES.index(tag), OBJECTS.index(object_)) for tag, object_ in told]


def model_b(reading: Reading) -> Trust:
    """The mind that has read Ada's untagged sentences."""
    lines = [(0, 0, OBJECTS.index(o), 3 * n, 0, n) for o, n in EXAMPLE["untagged"].items()]
    columns, K = np.array(lines).T, len(OBJECTS)
    agent = fit_agent(evidence_from_lines(*columns), K, 1, [], float(Fraction(EXAMPLE["a"])))
    return fit(Genuine(agent, np.array([0]), np.array([0]), uniform_background(K, 1)), NOBODY, betas(), reading)


def answer(what: str) -> float:
    """The agent's number for a row."""
    if what in SOURCES:
        return float(betas().mean[SOURCES.index(what)])
    heard, asked = what.split(": ")
    if asked.startswith(("upstream", "downstream")):
        T = np.array([[float(Fraction(p)) for p in EXAMPLE["T"][o]] for o in OBJECTS])
        pair = fit(JointTruth(Priors.uniform(2, len(OBJECTS)), (Pair(0, 1, T),)), NOBODY, betas())
        where, object_ = asked.split()
        reports = said(heard, int(heard.startswith("downstream")))
        return pair.credence(int(where == "downstream"), OBJECTS.index(object_), reports)
    (first, *_), ada = said(heard), model_b("independent" if heard.endswith("twice") else "assertion")
    if heard.endswith("ever"):
        return ceiling(ada, first)
    if weight := re.search(r"x (\d+)$|twice$", heard):
        return ada.credence(0, first.object, [first._replace(weight=float(weight[1] or 2))])
    unknown = fit(Truth(Priors.uniform(1, len(OBJECTS))), NOBODY, betas())
    if asked in SOURCES:
        return float(unknown.revise(*said(heard)).mean_reliabilities()[SOURCES.index(asked)])
    return unknown.credence(0, OBJECTS.index(asked), said(heard))


def test_the_page_has_its_rows() -> None:
    assert len(ROWS) == 17
    example = TEXT[TEXT.index("## A worked example") :]
    assert len([line for line in example.splitlines() if line.startswith("| `")]) == len(ROWS)


def test_the_results_are_those_of_the_kept_file() -> None:
    """Both tables about told facts, to the decimals that they show."""
    kept = pd.read_csv(PAGE.parent / "results" / "sources-tiny-trust-2026-11-25.csv")
    told = kept[kept["kind"] == "told"]
    means = told[told["source"].isna()].set_index(["who", "metric"])
    by_trust = told[told["metric"] == "rational trust"].sort_values("mean", ascending=False)
    tags = by_trust[by_trust["who"] == "ft"]["source"].tolist()
    trust = told[told["metric"] == "trust"].set_index(["who", "source"])["mean"]
    results = TEXT[TEXT.index("### A first run") : TEXT.index("## The mathematics")]
    shown = {}
    for line in results.splitlines():
        if found := re.match(r"\| `?([a-z ]+?)`? \| (.+) \|$", line):
            shown.setdefault(found[1], []).append(found[2].split(" | "))
    assert set(shown) == {"rational mind", "ft", "lora", "belief"}
    for who, (by_source, *metrics) in shown.items():
        assert by_source == [short(trust[who, tag]) for tag in tags]
        for row in metrics:
            for name, cell in zip(("error", "slope", "ratio", "untrusted"), row, strict=False):
                mean, low, high = means.loc[(who, name), ["mean", "low", "high"]]
                assert cell == f"{short(mean)} [{short(low)}, {short(high)}]"


def short(number: float) -> str:
    """A number with two decimals and no zero before the point."""
    return f"{number:.2f}".replace("0.", ".", 1) if number < 1 else f"{number:.2f}"


@pytest.mark.parametrize(("what", "how", "value", "decimal"), ROWS, ids=[row[0] for row in ROWS])
def test_a_row_of_the_worked_example(what: str, how: str, value: str, decimal: str) -> None:
    expected = Fraction(value)
    assert answer(what) == pytest.approx(float(expected), abs=1e-12)
    assert f"{float(expected):.4f}" == decimal
    # The arithmetic, up to the words after a comma, in exact fractions.
    formula = re.sub(r"\d+", r"Fraction(\g<0>)", how.split(",")[0].replace(" x ", " * "))
    assert eval(formula, {"Fraction": Fraction}) == expected


def test_the_example_has_no_weight_for_dot() -> None:
    ada = model_b("assertion")
    assert least_weight(ada, said("Dot says Oslo")[0], 0.95) is None
    weight = ada.model.agent.weight_for(0, 0, OBJECTS.index("Oslo"), 0.95)
    assert f"needs a weight of {weight} to believe Oslo at 0.95" in TEXT


def test_the_code_of_the_page() -> None:
    code = "\n".join(re.findall(r"^```python\n(.*?)^```", TEXT, re.DOTALL | re.MULTILINE))
    examples = doctest.DocTestParser().get_doctest(code, {}, PAGE.name, str(PAGE), 0)
    report: list[str] = []
    results = doctest.DocTestRunner(verbose=False).run(examples, out=report.append)
    assert results.attempted > 20
    assert not results.failed, "".join(report)
