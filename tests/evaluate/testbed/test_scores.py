"""Scores of a model that is a table of probabilities: every metric equals the arithmetic by hand."""

import json
import math

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from worldgen.evaluate.report.tables import as_text
from worldgen.evaluate.settings import ScoreConfig
from worldgen.evaluate.statistics.interval import Interval
from worldgen.evaluate.testbed.cases import Case
from worldgen.evaluate.testbed.editing_metrics import GROUPS, METRIC_NAMES
from worldgen.evaluate.testbed.scores import EditCost, GroupScores, MethodScores, as_table
from worldgen.evaluate.testbed.scoring import Benchmark, case_metrics, group_masks, score, score_seeds

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
    # Three equal cases leave a share of 1 - .05^(1/3) = .6316 open; the difference is .40 - .10, from -1 to 1.
    everything = scores.groups["all"]
    assert everything.post["acc_s1r1"] == pytest.approx((1, 0.3684, 1), abs=5e-5)
    assert everything.delta["coh_s1r2"] == pytest.approx((0.3, 0.3 - 1.3 * 0.6316, 0.3 + 0.7 * 0.6316), abs=1e-4)
    assert {method for row in everything.methods.values() for method in row.values()} == {"exact binomial"}
    table = as_table(scores)
    assert len(table) == 3 * 3 * len(METRIC_NAMES)
    assert "Requests that fix an error of the model (n = 0)" in as_text(scores)


def answers_of_seeds(right: list[list[bool]]) -> tuple[pd.DataFrame, list[pd.DataFrame]]:
    """Returns the probes of [cases] and, for each seed, measurements that are right at s1r2 after the edit or not."""
    probes, measured = zip(*(frames(number) for number in range(len(right))), strict=True)
    seeds = []
    for seed in range(len(right[0])):
        rows = pd.concat(measured, ignore_index=True)
        for number, its in enumerate(right):
            at = (rows["case"] == number) & (rows["name"] == "s1r2/answer")
            rows.loc[at, "answer_after"] = "roman" if its[seed] else "french"
        seeds.append(rows)
    return pd.concat(probes, ignore_index=True), seeds


NO_COSTS = pd.DataFrame({"steps": [], "seconds": [], "flops": [], "peak_bytes": []})
CONFIG = ScoreConfig(bootstrap_samples=4000)


def test_shares_of_one_run_are_exact_binomial_and_their_differences_bootstrapped():
    probes, (measured,) = answers_of_seeds([[number < 9] for number in range(12)])
    benchmark = Benchmark(TwoObjects(), [case(number, 0, 1, False) for number in range(12)], probes)
    everything = score("ft", benchmark, measured, NO_COSTS, CONFIG, seed=0).groups["all"]
    theirs = stats.binomtest(9, 12).proportion_ci(0.95, method="exact")
    assert everything.post["acc_s1r2"] == pytest.approx((0.75, theirs.low, theirs.high))
    assert everything.methods["post"]["acc_s1r2"] == "exact binomial"
    # All are right before: the difference is -1 for 3 of 12 cases, and could be 1 for others.
    assert everything.delta["acc_s1r2"].mean == -0.25
    assert everything.methods["delta"]["acc_s1r2"] == "block bootstrap"
    assert set(everything.methods) == {"pre", "post", "delta"}
    assert all(set(its) == set(METRIC_NAMES) for its in everything.methods.values())


def test_several_seeds_are_one_table():
    """Three cases, two seeds: 2 and 1 of 3 are right, so the mean is 1/2."""
    probes, seeds = answers_of_seeds([[True, True], [True, False], [False, False]])
    benchmark = Benchmark(TwoObjects(), [case(number, 0, 1, False) for number in range(3)], probes)
    cost = pd.DataFrame({"steps": [40] * 3, "seconds": [1.0, 2.0, 3.0], "flops": [10] * 3, "peak_bytes": [5, 7, 6]})
    scores = score_seeds("ft", benchmark, seeds, [cost, cost.assign(seconds=0.0, steps=20)], CONFIG, seed=0)
    everything = scores.groups["all"]
    assert (scores.cases, everything.n) == (3, 3)
    assert everything.post["acc_s1r2"] == (0.5, 0, 1)
    assert everything.methods["post"]["acc_s1r2"] == "block bootstrap"
    assert scores.cost == EditCost(steps=40, seconds_per_edit=1.0, flops_per_edit=10.0, peak_bytes=7)
    one = score_seeds("ft", benchmark, seeds[:1], [cost], CONFIG, seed=0)
    assert one == score("ft", benchmark, seeds[0], cost, CONFIG, seed=0)


def test_a_case_counts_in_a_group_for_the_seeds_whose_model_puts_it_there():
    """One model says paris to both requests, the other the request to the second: that case has one seed of two."""
    probes, (first, second) = answers_of_seeds([[True, True], [False, True]])
    said = (second["case"] == 1) & (second["name"] == "s1r1/answer")
    second.loc[said, "answer_before"] = "rome"
    benchmark = Benchmark(TwoObjects(), [case(0, 0, 1, False), case(1, 0, 1, False)], probes)
    changing = score_seeds("ft", benchmark, [first, second], [NO_COSTS] * 2, CONFIG, seed=0).groups["output_changing"]
    assert changing.n == 2
    # Of the three values 1, 1 (the first case) and 0 (the second one in the first seed) the mean is 2/3.
    assert changing.post["acc_s1r2"].mean == 2 / 3


def test_seeds_of_other_cases_are_refused():
    probes, (first, second) = answers_of_seeds([[True, True], [False, True]])
    benchmark = Benchmark(TwoObjects(), [case(0, 0, 1, False), case(1, 0, 1, False)], probes)
    fewer = second[second["case"] == 0]
    with pytest.raises(ValueError, match="the same cases"):
        score_seeds("ft", benchmark, [first, fewer], [NO_COSTS] * 2, CONFIG, seed=0)


def test_a_broken_model_has_no_mean_where_it_gives_no_probabilities():
    """A probability that is no number is not a gap: the metric is none, and the others are as they were."""
    probes, (measured,) = answers_of_seeds([[True], [False]])
    benchmark = Benchmark(TwoObjects(), [case(0, 0, 1, False), case(1, 0, 1, False)], probes)
    whole = score("ft", benchmark, measured, NO_COSTS, CONFIG, seed=0).groups["all"]
    measured.loc[(measured["case"] == 1) & (measured["name"] == "s2r1/new_mode"), "after"] = math.nan
    broken = score("ft", benchmark, measured, NO_COSTS, CONFIG, seed=0).groups["all"]
    for row, metric in (("post", "coh_s2r1"), ("delta", "coh_s2r1")):
        assert np.isnan(broken.rows()[row][metric]).all()
        assert metric not in broken.methods[row]
    assert broken.pre == whole.pre
    assert {name for name, cell in broken.post.items() if np.isnan(cell.mean)} == {"coh_s2r1"}
    assert broken.post["acc_s1r2"] == whole.post["acc_s1r2"]


def test_scores_are_read_back_from_their_json():
    interval = Interval(0.1, 0.05, 0.25)
    cells = dict.fromkeys(METRIC_NAMES, interval)
    methods = {"pre": dict.fromkeys(METRIC_NAMES, "exact binomial"), "post": {}, "delta": {}}
    groups = {"all": GroupScores(3, cells, cells, cells, methods), "fixes_error": GroupScores(0, {}, {}, {})}
    cost = EditCost(steps=40, seconds_per_edit=2.0, flops_per_edit=10.0, peak_bytes=7)
    shorter = MethodScores("lora", 3, 0.95, groups, cost, steps=10)
    scores = MethodScores("lora", 3, 0.95, groups, cost, "sequential", 2, 40, (shorter,), "own, kappa 2.5")
    record = json.loads(json.dumps(scores.as_json()))
    assert list(record) == [
        "method", "cases", "confidence", "groups", "cost", "mode", "requests", "downstream", "steps",
        "trajectory",
    ]  # fmt: skip
    assert record["groups"]["all"]["post"]["acc_s1r1"] == {"mean": 0.1, "low": 0.05, "high": 0.25}
    assert list(record["groups"]["all"]) == ["n", "pre", "post", "delta", "intervals"]
    assert record["groups"]["all"]["intervals"]["pre"]["acc_s1r1"] == "exact binomial"
    assert list(record["trajectory"][0]) == ["steps", "method", "cases", "confidence", "groups", "cost"]
    assert MethodScores.from_json(record) == scores
    for group in record["groups"].values():
        del group["intervals"]  # a file of before says nothing of it
    assert MethodScores.from_json(record).groups["all"] == GroupScores(3, cells, cells, cells)
    theirs = MethodScores("theirs", 3, 0.95, groups)
    assert theirs.as_json()["cost"] == {}
    assert not {"mode", "downstream"} & theirs.as_json().keys()
    assert MethodScores.from_json(theirs.as_json()) == theirs
