"""Scores of trust: a model whose replies are made up, with every number by hand."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest
import source_benches

from worldgen.evaluate.sources.cases import KINDS
from worldgen.evaluate.sources.said import said_after, said_before, said_by_mind, said_by_the_credulous
from worldgen.evaluate.sources.scoring import (
    TRUST_METRICS,
    Plan,
    as_table,
    heard_scores,
    read_trust_scores,
    trust_scores,
)
from worldgen.evaluate.sources.trials import trials_of
from worldgen.evaluate.statistics.block_bootstrap import Resampling

WORLD, CASES = source_benches.world(), source_benches.cases()
TAGS = (*WORLD.sources.tags.labels, "")
PLAN = Plan(Resampling(300, varies="sample"), 0)
TOLD = [case for case in CASES if case.kind == "told"]


def replies(requested: dict[int, float]) -> pd.DataFrame:
    """Rows of measurements in which the requested object has these probabilities afterwards, by source."""
    rows = []
    for case, trial in zip(CASES, trials_of(WORLD, CASES, 1, 0), strict=True):
        for question in trial.questions:
            after = {"fact/requested": requested[case.source], "statement/true": 0.3, "statement/false": 0.1}
            answer = "new" if case.source == 0 else "old"
            is_answer = question.name == "other/kept"
            rows.append(
                {
                    "case": case.number, "name": question.name,
                    "before": np.nan if is_answer else 0.2,
                    "after": np.nan if is_answer else after.get(question.name, 0.9),
                    "answer_before": "old" if is_answer else "", "answer_after": answer if is_answer else "",
                }
            )  # fmt: skip
    return pd.DataFrame(rows)


def test_every_number_of_a_made_up_method() -> None:
    trust = {k: k / 10 for k in range(len(TAGS))}
    found = trust_scores("made up", TOLD, said_after(TOLD, replies(trust)), TAGS, PLAN)
    assert found.facts == source_benches.CONFIG.facts
    assert [source.trust.mean for source in found.sources] == pytest.approx(list(trust.values()))
    assert [source.tag for source in found.sources] == list(TAGS)
    for k, source in enumerate(found.sources):
        assert source.rational.mean == pytest.approx(np.mean([case.believed for case in TOLD if case.source == k]))
    said, ought = np.array([trust[c.source] for c in TOLD]), np.array([c.believed for c in TOLD])
    untrusted = ought <= 0.5
    by_fact = np.arange(len(TOLD)) // len(TAGS)
    expected = {
        "error": np.abs(said - ought)[[bool(TAGS[case.source]) for case in TOLD]].mean(),
        "untrusted": np.mean([(said > 0.5)[untrusted & (by_fact == f)].mean() for f in np.unique(by_fact)]),
        "tagged": 0.9,
        "statement_error": np.abs(0.75 - ought).mean(),
        "incoherence": np.abs(said - 0.75).mean(),
        "kept": 1 - 1 / len(TAGS),
    }
    assert {name: found.means[name].mean for name in expected} == pytest.approx(expected)


def test_nobody_is_no_source_to_compare() -> None:
    """Whatever is believed of nobody, the comparison of sources is the same."""
    trust = {k: (k + 1) / 10 for k in range(len(TAGS))}
    found = [
        trust_scores("x", TOLD, said_after(TOLD, replies({**trust, len(TAGS) - 1: p})), TAGS, PLAN) for p in (0.1, 0.9)
    ]
    for name in ("error", "slope", "intercept", "ratio", "rank"):
        assert found[0].means[name] == found[1].means[name]
    assert [each.sources[-1].trust.mean for each in found] == pytest.approx([0.1, 0.9])


def test_the_model_before_keeps_everything() -> None:
    rows = replies(dict.fromkeys(range(len(TAGS)), 0.6))
    found = trust_scores("before", TOLD, said_before(TOLD, rows), TAGS, PLAN)
    assert found.means["kept"].mean == 1
    assert [source.trust.mean for source in found.sources] == pytest.approx([0.2] * len(TAGS))
    assert "rank" not in found.means  # it trusts all alike
    assert found.means["slope"].mean == pytest.approx(0)


@pytest.mark.parametrize("kind", KINDS)
def test_the_references(kind) -> None:
    some = [case for case in CASES if case.kind == kind]
    rational = trust_scores("rational mind", some, said_by_mind(some), TAGS, PLAN).means
    assert {name: rational[name].mean for name in ("error", "slope", "intercept", "ratio", "rank")} == pytest.approx(
        {"error": 0, "slope": 1, "intercept": 0, "ratio": 1, "rank": 1}, abs=1e-9
    )
    assert rational["untrusted"].mean == 0
    assert rational["trusted"].mean == 1
    credulous = trust_scores("believes everybody", some, said_by_the_credulous(some), TAGS, PLAN).means
    assert credulous["untrusted"].mean == 1
    assert credulous["ratio"].mean == 0


def test_what_was_heard_is_scored_source_by_source() -> None:
    """Two sources, three facts; the second source says nothing of the last fact."""
    fact, source = np.array([4, 4, 9, 9, 12]), np.array([0, 1, 0, 1, 0])
    trust, believed = np.array([0.9, 0.2, 0.7, 0.6, 0.8]), np.array([0.95, 0.1, 0.95, 0.1, 0.95])
    found = heard_scores("model", fact, source, (trust, trust / 2, believed), ("a", "b"), PLAN)
    assert found.facts == 3
    assert [each.trust.mean for each in found.sources] == pytest.approx([0.8, 0.4])
    assert [each.rational.mean for each in found.sources] == pytest.approx([0.95, 0.1])
    assert found.means["error"].mean == pytest.approx(np.mean([0.075, 0.375, 0.15]))
    assert found.means["untrusted"].mean == pytest.approx(0.5)
    assert found.means["trusted"].mean == 1
    assert found.means["tagged"].mean == pytest.approx(np.mean([0.275, 0.325, 0.4]))


def test_scores_are_read_as_they_were_written(tmp_path) -> None:
    rows = [trust_scores("x", TOLD, said_by_mind(TOLD), TAGS, PLAN, {"steps": 3.0})]
    (tmp_path / "trust.json").write_text(json.dumps([row.as_json() for row in rows]))
    assert read_trust_scores(tmp_path / "trust.json") == rows
    table = as_table(rows)
    assert set(table["metric"]) == {"trust", "rational trust", *rows[0].means}
    assert {metric.name for metric in TRUST_METRICS} >= set(rows[0].means)
    assert "nobody" in set(table["source"])
