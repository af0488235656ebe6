"""From measurements to scores: the metrics of each case, the groups of cases, means with intervals."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from worldgen.evaluate.asking.questions import name_of
from worldgen.evaluate.settings import ScoreConfig
from worldgen.evaluate.statistics.bootstrap import mean_intervals
from worldgen.evaluate.testbed.cases import Case
from worldgen.evaluate.testbed.coherence import (
    P,
    commutation_error,
    conjunction_error,
    disjunction_error,
    negation_error,
    probabilistic_error,
    truth_error,
)
from worldgen.evaluate.testbed.editing_metrics import (
    ACCURACIES,
    BOTH_LOGICS,
    COHERENCES,
    LOGICS,
    METRIC_NAMES,
    ORIGINAL_LOGICS,
)
from worldgen.evaluate.testbed.scores import EditCost, GroupScores, MethodScores
from worldgen.evaluate.testbed.sites import SITES
from worldgen.randomness import generator
from worldgen.worlds.world import World


@dataclass(frozen=True)
class Benchmark:
    """The cases that methods are scored on, and the agent's answers to their questions."""

    world: World
    cases: Sequence[Case]
    probes: pd.DataFrame
    """The rows of probes.parquet."""


def score(
    method: str, benchmark: Benchmark, measured: pd.DataFrame, costs: pd.DataFrame, config: ScoreConfig, seed: int
) -> MethodScores:
    """Returns the table of a method with its intervals, and the cost of an edit.

    `measured` holds the rows of measurements-*.parquet, `costs` those of costs-*.parquet (none where nobody knows
    the costs). An empty group has n = 0 and no cells.
    """
    pre, post = (case_metrics(benchmark.probes, measured, phase) for phase in ("before", "after"))
    groups = {
        name: _group(pre[mask], post[mask], config, seed) for name, mask in group_masks(benchmark, measured).items()
    }
    cases = len(benchmark.cases)
    return MethodScores(method, cases, config.confidence, groups, _cost(costs, cases))


def case_metrics(probes: pd.DataFrame, measured: pd.DataFrame, phase: str) -> pd.DataFrame:
    """Returns one row for each case and one column for each metric, named as in `METRIC_NAMES`.

    `phase` is "before" or "after" (the edit); `probes` are the rows of probes.parquet, `measured` those of
    measurements-*.parquet.
    """
    table = probes.merge(measured, on=["case", "name"], how="inner", validate="one_to_one")
    model = table.pivot(index="case", columns="name", values=phase)
    agent = table.pivot(index="case", columns="name", values=f"credence_{phase}")
    said = table.pivot(index="case", columns="name", values=f"answer_{phase}")
    expected = table.pivot(index="case", columns="name", values=f"expected_{phase}")
    # Before the edit the truth is asked for, after it what the agent then holds most probable.
    role = "truth" if phase == "before" else "new_mode"
    columns: dict[str, Any] = {}
    for site, accuracy, coherence in zip(SITES, ACCURACIES, COHERENCES, strict=True):
        free = name_of(site, "answer")
        columns[accuracy.name] = (said[free] == expected[free]).astype(float)
        asked = name_of(site, role)
        columns[coherence.name] = probabilistic_error(model[asked].to_numpy(), agent[asked].to_numpy())
    p = {str(name): column.to_numpy() for name, column in model.items()}
    for set_, metrics in (("requested", LOGICS), ("original", ORIGINAL_LOGICS)):
        columns |= {metric.name: error for metric, error in zip(metrics, _logic_errors(p, set_), strict=True)}
    for requested, original, both in zip(LOGICS, ORIGINAL_LOGICS, BOTH_LOGICS, strict=True):
        columns[both.name] = (columns[requested.name] + columns[original.name]) / 2
    return pd.DataFrame(columns, index=model.index)[list(METRIC_NAMES)]


def _logic_errors(p: dict[str, P], set_: str) -> tuple[P, ...]:
    """Returns the model's errors against itself about one set of statements, in the order of `LOGICS`.

    `p` maps the name of a question to the model's probabilities [cases].
    """
    a, b = p[name_of(set_, "tf")], p[name_of("b", "tf")]
    a_and_b, b_and_a = p[name_of(set_, "and")], p[name_of(set_, "and_swapped")]
    return (
        truth_error(p[name_of("s1r1", set_)], a),
        negation_error(a, p[name_of(set_, "not")]),
        conjunction_error(a, b, a_and_b),
        disjunction_error(a, b, p[name_of(set_, "or")]),
        commutation_error(a_and_b, b_and_a),
    )


def group_masks(benchmark: Benchmark, measured: pd.DataFrame) -> dict[str, np.ndarray]:
    """Returns the cases of each group as masks [cases]. The model's answers are those before the edit."""
    world, cases = benchmark.world, benchmark.cases
    answers = measured[measured["name"] == name_of("s1r1", "answer")].set_index("case")["answer_before"]
    said = np.array([answers[case.case] for case in cases])
    requested = np.array([world.objects[case.requested] for case in cases])
    truth = np.array([world.objects[case.truth] for case in cases])
    return {
        "all": np.ones(len(cases), dtype=bool),
        "output_changing": said != requested,
        "downstream_changes": np.array([case.downstream_changes for case in cases]),
        "fixes_error": (said != truth) & (requested == truth),
    }


def _cost(costs: pd.DataFrame, cases: int) -> EditCost | None:
    """Returns the cost of an edit; None where it is not known."""
    if costs.empty:
        return None
    return EditCost(
        steps=int(costs["steps"].max()),
        seconds_per_edit=float(costs["seconds"].sum() / cases),
        flops_per_edit=float(costs["flops"].sum() / cases),
        peak_bytes=int(costs["peak_bytes"].max()),
    )


def _group(pre: pd.DataFrame, post: pd.DataFrame, config: ScoreConfig, seed: int) -> GroupScores:
    """Returns the three rows of a group. The three values of a case are resampled together."""
    if pre.empty:
        return GroupScores(0, {}, {}, {})
    values = np.concatenate([pre, post, post - pre], axis=1)
    draw = generator(seed, "bootstrap")
    intervals = mean_intervals(values, config.bootstrap_samples, config.confidence, draw)
    M = len(METRIC_NAMES)
    before, after, difference = (dict(zip(METRIC_NAMES, intervals[i * M : (i + 1) * M], strict=True)) for i in range(3))
    return GroupScores(len(pre), before, after, difference)
