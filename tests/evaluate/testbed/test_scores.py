"""Scores of a model that is a table of probabilities: every metric equals the arithmetic by hand."""

import json
import math

import numpy as np
import pandas as pd
import pytest

from worldgen.evaluate.report.tables import as_text
from worldgen.evaluate.settings import ScoreConfig
from worldgen.evaluate.statistics.bootstrap import Interval
from worldgen.evaluate.testbed.cases import Case
from worldgen.evaluate.testbed.editing_metrics import GROUPS, METRIC_NAMES
from worldgen.evaluate.testbed.scores import EditCost, GroupScores, MethodScores, as_table
from worldgen.evaluate.testbed.scoring import Benchmark, case_metrics, group_masks, score

# One case: what the agent believes (before, after), and what the model says (before, after).
AGENT = {
    "s1r1/truth": (0.80, 0.04), "s1r1/new_mode": (0.10, 0.95), "s1r1/original": (0.8, 0.04),
    "s1r2/truth": (0.70, 0.30), "s1r2/new_mode": (0.20, 0.60), "s2r1/truth": (0.9, 0.9), "s2r1/new_mode": (0.9, 0.9),
    "s2r2/truth": (0.5, 0.5), "s2r2/new_mode": (0.5, 0.5),
}  # fmt: skip
MODEL = {
    "s1r1/truth": (0.70, 0.01), "s1r1/new_mode": (0.05, 0.99), "s1r1/requested": (0.05, 0.99),
    "s1r1/original": (0.7, 0.01),
    "s1r2/truth": (0.60, 0.50), "s1r2/new_mode": (0.10, 0.20), "s2r1/truth": (0.8, 0.7), "s2r1/new_mode": (0.8, 0.7),
    "s2r2/truth": (0.5, 0.4), "s2r2/new_mode": (0.5, 0.4),
    "requested/tf": (0.25, 0.5), "requested/not": (0.5, 0.75), "requested/and": (0.25, 0.5),
    "requested/and_swapped": (0.75, 0.25), "requested/or": (0.5, 1.0), "b/tf": (0.5, 0.5),
    "original/tf": (0.75, 0.25), "original/not": (0.25, 0.75), "original/and": (0.5, 0.125),
    "original/and_swapped": (0.5, 0.125), "original/or": (0.875, 0.625),
}  # fmt: skip
EXPECTED = {"s1r1": ("paris", "rome"), "s1r2": ("french", "roman"), "s2r1": ("oslo", "oslo"), "s2r2": ("x", "x")}
SAID = {"s1r1": ("paris", "rome"), "s1r2": ("french", "french"), "s2r1": ("oslo", "oslo"), "s2r2": ("", "x")}

# The arithmetic: |model - agent|, of the truth before and of the new mode after; for logic see coherence.
BY_HAND = {
    "acc_s1r1": (1, 1), "acc_s1r2": (1, 0), "acc_s2r1": (1, 1), "acc_s2r2": (0, 1),
    "coh_s1r1": (0.10, 0.04), "coh_s1r2": (0.10, 0.40), "coh_s2r1": (0.10, 0.20), "coh_s2r2": (0.0, 0.10),
    "logic_tf": (0.20, 0.49),  # |.05 - .25|, |.99 - .5|
    "logic_not": (0.25, 0.25),  # |.25 + .5 - 1|, |.5 + .75 - 1|
    "logic_and": (0.125, 0.25),  # |.25 - .25 * .5|, |.5 - .5 * .5|
    "logic_or": (0.125, 0.25),  # |.5 - .25 - .5 + .125|, |1 - .5 - .5 + .25|
    "logic_commute": (0.5, 0.25),
    "logic_tf_original": (0.05, 0.24), "logic_not_original": (0, 0), "logic_and_original": (0.125, 0),
    "logic_or_original": (0, 0), "logic_commute_original": (0, 0),
    "logic_tf_both": (0.125, 0.365), "logic_not_both": (0.125, 0.125), "logic_and_both": (0.125, 0.125),
    "logic_or_both": (0.0625, 0.125), "logic_commute_both": (0.25, 0.125),
}  # fmt: skip


def frames(case: int) -> tuple[pd.DataFrame, pd.DataFrame]:
    nan = (math.nan, math.nan)
    answers = {f"{site}/answer": both for site, both in EXPECTED.items()}
    names = [*answers, *MODEL]
    probes = pd.DataFrame(
        [
            (case, name, *AGENT.get(name, nan), *answers.get(name, ("", "")))
            for name in names
        ],
        columns=["case", "name", "credence_before", "credence_after", "expected_before", "expected_after"],
    )  # fmt: skip
    said = {f"{site}/answer": both for site, both in SAID.items()}
    measured = pd.DataFrame(
        [(case, name, *MODEL.get(name, nan), *said.get(name, ("", ""))) for name in names],
        columns=["case", "name", "before", "after", "answer_before", "answer_after"],
    )
    return probes, measured


@pytest.mark.parametrize(("phase", "column"), [("before", 0), ("after", 1)])
def test_every_metric_by_hand(phase, column):
    probes, measured = frames(case=0)
    metrics = case_metrics(probes, measured, phase).loc[0]
    assert set(BY_HAND) == set(METRIC_NAMES)
    for name, both in BY_HAND.items():
        # Rounding of decimal fractions.
        assert metrics[name] == pytest.approx(both[column], abs=1e-15), name


def case(number: int, truth: int, requested: int, changes: bool) -> Case:
    return Case(number, 0, 0, truth, requested, 1, truth == requested, 1, True, changes, 1, 0, 1, 1, 0)


class TwoObjects:
    objects = ("paris", "rome")


def test_the_groups_of_cases():
    cases = [case(0, 0, 0, False), case(1, 0, 1, True), case(2, 1, 1, False), case(3, 1, 0, True)]
    measured = pd.concat([frames(number)[1] for number in range(4)])  # the model always says paris
    masks = {
        name: mask.tolist() for name, mask in group_masks(Benchmark(TwoObjects(), cases, measured), measured).items()
    }
    assert masks == {
        "all": [True] * 4,
        "output_changing": [False, True, True, False],
        "downstream_changes": [False, True, False, True],
        "fixes_error": [False, False, True, False],
    }


def test_scores_hold_intervals_groups_and_the_cost_of_an_edit():
    probes, measured = (pd.concat(frame) for frame in zip(*(frames(number) for number in range(3)), strict=True))
    costs = pd.DataFrame({"steps": [40] * 3, "seconds": [1.0, 2.0, 3.0], "flops": [10] * 3, "peak_bytes": [5, 7, 6]})
    cases = [case(0, 0, 1, True), case(1, 0, 1, False), case(2, 0, 1, False)]
    benchmark, config = Benchmark(TwoObjects(), cases, probes), ScoreConfig(bootstrap_samples=50, confidence=0.9)
    scores = score("lora", benchmark, measured, costs, config, seed=0)
    assert scores.cost == EditCost(steps=40, seconds_per_edit=2.0, flops_per_edit=10.0, peak_bytes=7)
    assert scores.confidence == 0.9
    assert set(scores.groups) == set(GROUPS)
    assert scores.groups["downstream_changes"].n == 1
    assert scores.groups["fixes_error"] == GroupScores(0, {}, {}, {})
    # Three equal cases: the interval has no width, and the difference is .40 - .10.
    assert np.allclose(scores.groups["all"].delta["coh_s1r2"], 0.30, atol=1e-12)
    table = as_table(scores)
    assert len(table) == 3 * 3 * len(METRIC_NAMES)
    assert "Requests that fix an error of the model (n = 0)" in as_text(scores)


def test_scores_are_read_back_from_their_json():
    interval = Interval(0.1, 0.05, 0.25)
    cells = dict.fromkeys(METRIC_NAMES, interval)
    groups = {"all": GroupScores(3, cells, cells, cells), "fixes_error": GroupScores(0, {}, {}, {})}
    cost = EditCost(steps=40, seconds_per_edit=2.0, flops_per_edit=10.0, peak_bytes=7)
    shorter = MethodScores("lora", 3, 0.95, groups, cost, steps=10)
    scores = MethodScores("lora", 3, 0.95, groups, cost, "sequential", 2, 40, (shorter,))
    record = json.loads(json.dumps(scores.as_json()))
    assert list(record) == [
        "method", "cases", "confidence", "groups", "cost", "mode", "requests", "steps", "trajectory",
    ]  # fmt: skip
    assert record["groups"]["all"]["post"]["acc_s1r1"] == {"mean": 0.1, "low": 0.05, "high": 0.25}
    assert list(record["trajectory"][0]) == ["steps", "method", "cases", "confidence", "groups", "cost"]
    assert MethodScores.from_json(record) == scores
    theirs = MethodScores("theirs", 3, 0.95, groups)
    assert theirs.as_json()["cost"] == {}
    assert "mode" not in theirs.as_json()
    assert MethodScores.from_json(theirs.as_json()) == theirs
