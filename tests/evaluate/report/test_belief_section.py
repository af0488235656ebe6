"""The part of the page about beliefs, of made-up scores: what a run lacks is left out, and nothing is lost."""

from __future__ import annotations

import math
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from worldgen.evaluate.report.belief_section import BeliefSection, belief_section
from worldgen.evaluate.report.figures.svg import FigureFolder
from worldgen.evaluate.report.material import BeliefMaterial
from worldgen.evaluate.slag.detection import DETECTION_METRICS, rule_metric
from worldgen.evaluate.slag.scoring import CONSISTENCY_COLUMNS, BeliefScores
from worldgen.evaluate.slag.update_metrics import BINS, UPDATE_METRICS
from worldgen.evaluate.statistics.interval import Interval

HALF = Interval(0.5, 0.4, 0.6)
NEUTRAL = {"neutral_if_wrong": 0.25, "neutral_if_right": 0.75, "neutral_r": 0.5, "neutral_p": 0.01,
           "neutral_r_shuffled_low": -0.1, "neutral_r_shuffled_high": 0.2}  # fmt: skip


def row(task: str, who: str, names: list[str], n: int = 8, **about: Any) -> BeliefScores:
    return BeliefScores(task, who, n, dict.fromkeys(names, HALF), dict.fromkeys(names, n), {}, about)


def detected(*left_out: str) -> list[BeliefScores]:
    names = [metric.name for metric in DETECTION_METRICS if metric.name not in left_out]
    rules = [rule_metric(rule).name for rule in ("R6", "R1")]
    return [row("gen", "model", [*names, *rules], **NEUTRAL), row("gen", "rational agent", names[:1], **NEUTRAL)]


def updated(who: str, r: int, protocol: str = "correcting", **about: Any) -> BeliefScores:
    names = [metric.name for metric in UPDATE_METRICS]
    return row("gen", who, names, protocol=protocol, r=r, steps=1.5, seconds=0.25, **({"flops": 1e9} | about))


def bins(who: str, pearson: float) -> Iterator[tuple[object, ...]]:
    for number, (name, *_) in enumerate(BINS):
        share = (0.5, 0.25, 0.75) if number else (math.nan,) * 3
        yield "gen", who, "correcting", name, number, *share, pearson, 3


def section(folder: Path, rows: list[BeliefScores], updates: list[BeliefScores], *success: object) -> BeliefSection:
    table = pd.DataFrame(success, columns=CONSISTENCY_COLUMNS)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = belief_section(BeliefMaterial(rows, updates, table, []), FigureFolder(folder))
    assert found is not None
    return found


def test_a_run_without_beliefs_has_no_section(tmp_path: Path) -> None:
    assert belief_section(None, FigureFolder(tmp_path)) is None


def test_each_table_has_the_metrics_in_their_order_under_their_headings(tmp_path: Path) -> None:
    found = section(tmp_path, detected("contrapositive"), [])
    tables = (found.headline, found.paraphrases, found.graded, found.neutral)
    assert [name for table in tables if table for name in table.head.names] == [
        metric.label for metric in DETECTION_METRICS if metric.name != "contrapositive"
    ]
    assert found.headline is not None
    assert list(found.headline.groups[0].rows) == ["model, 8 points", "rational agent, 8 points"]
    empty = found.headline.groups[0].rows["rational agent, 8 points"][1]
    assert (empty.mean, empty.full) == ("–", "does not apply")
    assert found.rules is not None
    assert found.rules.head.names == ["R1", "R6"]
    assert found.independence[0][2:] == (0.25, 0.75, 0.5, 0.01, -0.1, 0.2)
    assert found.updates is found.before_after is found.success is None
    assert found.costs == []
    assert found.against_r == {}


def test_methods_protocols_and_numbers_of_updates_have_a_row_each(tmp_path: Path) -> None:
    rows = [updated("ft", 1, "changing"), updated("lora", 1), *(updated("ft", r) for r in (1, 10, 2))]
    found = section(tmp_path, detected(), rows)
    assert found.updates is not None
    titles = {group.title: list(group.rows) for group in found.updates.groups}
    assert next(iter(titles)).endswith("correcting")
    assert titles == {
        'GEN: "s r", answered · correcting': [
            "ft, r = 1, 8 points",
            "ft, r = 2, 8 blocks",
            "ft, r = 10, 8 blocks",
            "lora, r = 1, 8 points",
        ],
        'GEN: "s r", answered · changing': ["ft, r = 1, 8 points"],
    }
    assert list(found.against_r) == ['GEN: "s r", answered · correcting']  # nothing else has several r
    assert list(found.updates.groups[0].rows) == [cost.row for cost in found.costs[:4]]
    assert len(found.costs) == 5
    assert found.before_after is None  # no row has a value of it


def test_a_cost_that_nobody_counted_is_none(tmp_path: Path) -> None:
    found = section(tmp_path, detected(), [updated("ft", 1, flops=math.nan), updated("lora", 1)])
    assert [cost.flops for cost in found.costs] == [None, 1e9]


def test_a_method_without_a_metric_has_no_mark_and_a_metric_without_methods_no_panel(tmp_path: Path) -> None:
    only_main = row("gen", "lora", ["usr_main"], protocol="correcting", r=1, steps=1, flops=1.0, seconds=1.0)
    found = section(tmp_path, detected(), [updated("ft", 1), updated("ft", 2), only_main])
    (drawn,) = found.against_r.values()
    assert drawn.count("Update success rate") == 3
    assert "lora" in drawn
    alone = [row("gen", "ft", ["usr_main"], protocol="changing", r=r, steps=1, flops=1.0, seconds=1.0) for r in (1, 2)]
    (drawn,) = section(tmp_path, detected(), alone).against_r.values()
    assert "Retain rate" not in drawn


@pytest.mark.parametrize(("pearson", "told"), [(-0.034, "ρ = -0.03"), (math.nan, "no ρ")])
def test_success_is_drawn_with_its_correlation(pearson: float, told: str, tmp_path: Path) -> None:
    found = section(tmp_path, detected(), [updated("ft", 1)], *bins("ft", pearson), *bins("lora", pearson))
    assert found.success is not None
    assert f"GEN, ft, correcting: {told}" in found.success
    assert found.success.count("(3 in no bin)") == 2
    for number, (name, *_) in enumerate(BINS):
        assert name in found.success
        assert f"n = {number}" in found.success


def test_splits_are_drawn_for_the_model_and_the_agent_alone(tmp_path: Path) -> None:
    rows = [*detected(), row("tf", "always true", ["accuracy"], **NEUTRAL)]
    found = section(tmp_path, rows, [])
    assert found.by_main_answer is not None
    assert "rational agent, main wrong" in found.by_main_answer
    assert "always true" not in found.by_main_answer
    for metric in DETECTION_METRICS:
        if metric.name.endswith("_right"):
            assert metric.heading in found.by_main_answer
