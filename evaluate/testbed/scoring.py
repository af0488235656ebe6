"""From measurements to scores: the metrics of each case, the groups of cases, means with intervals."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from worldgen.evaluate.asking.questions import name_of
from worldgen.evaluate.settings import ScoreConfig
from worldgen.evaluate.statistics.block_bootstrap import Floats, Resampling
from worldgen.evaluate.statistics.interval import Interval
from worldgen.evaluate.statistics.intervals import DIFFERENCE_OF_SHARES, SHARE, Bounds, Estimate, mean_intervals
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
from worldgen.evaluate.testbed.scores import ROWS, EditCost, GroupScores, MethodScores
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
    return score_seeds(method, benchmark, [measured], [costs], config, seed)


def score_seeds(
    method: str,
    benchmark: Benchmark,
    measured: Sequence[pd.DataFrame],
    costs: Sequence[pd.DataFrame],
    config: ScoreConfig,
    seed: int,
) -> MethodScores:
    """Returns the table of a method over several seeds, of the model or of the edits, that share world and cases.

    `measured` and `costs` hold one table for each seed, as `score` takes it. A case counts in a group for those seeds
    whose model puts it there: the metrics of a group are matrices of cases x seeds with gaps. Raises ValueError where
    the seeds measured other cases.
    """
    pre, post = (_metrics_of_seeds(benchmark, measured, phase) for phase in ("before", "after"))
    masks_of_seeds = [group_masks(benchmark, each) for each in measured]
    groups = {
        name: _group(pre, post, np.stack([masks[name] for masks in masks_of_seeds], axis=1), config, seed)
        for name in masks_of_seeds[0]
    }
    cases = len(benchmark.cases)
    return MethodScores(method, cases, config.confidence, groups, _cost(pd.concat(costs), cases * len(measured)))


def _metrics_of_seeds(benchmark: Benchmark, measured: Sequence[pd.DataFrame], phase: str) -> Floats:
    """Returns every metric of every case and seed: [M, cases, seeds]."""
    tables = [case_metrics(benchmark.probes, each, phase) for each in measured]
    if any(not table.index.equals(tables[0].index) for table in tables):
        raise ValueError("seeds in one table measure the same cases")
    return np.stack([table.to_numpy().T for table in tables], axis=2)


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


def _cost(costs: pd.DataFrame, edits: int) -> EditCost | None:
    """Returns the cost of an edit; None where it is not known."""
    if costs.empty:
        return None
    return EditCost(
        steps=int(costs["steps"].max()),
        seconds_per_edit=float(costs["seconds"].sum() / edits),
        flops_per_edit=float(costs["flops"].sum() / edits),
        peak_bytes=int(costs["peak_bytes"].max()),
    )


def _group(pre: Floats, post: Floats, mask: NDArray[np.bool_], config: ScoreConfig, seed: int) -> GroupScores:
    """Returns the three rows of a group. The three values of a case are resampled together.

    Shapes: pre and post [M, cases, seeds]; mask [cases, seeds], the cases in the group.
    """
    if not mask.any():
        return GroupScores(0, {}, {}, {})
    M = len(METRIC_NAMES)
    bounds = 2 * M * [SHARE] + M * [DIFFERENCE_OF_SHARES]
    estimates = _estimates(np.concatenate([pre, post, post - pre]), mask, bounds, config, seed)
    rows = {row: dict(zip(METRIC_NAMES, estimates[i * M : (i + 1) * M], strict=True)) for i, row in enumerate(ROWS)}
    cells = {row: {name: _interval(each) for name, each in its.items()} for row, its in rows.items()}
    methods = {row: {name: each.method for name, each in its.items() if each} for row, its in rows.items()}
    return GroupScores(int(mask.any(axis=1).sum()), **cells, methods=methods)


def _estimates(
    values: Floats, mask: NDArray[np.bool_], bounds: Sequence[Bounds], config: ScoreConfig, seed: int
) -> list[Estimate | None]:
    """Returns the mean of each metric [M, cases, seeds] over the cases of a group, with its interval.

    A case outside of the group is a gap. A value inside that is no number is none: a broken model gives it, and its
    metric has no mean (None).
    """
    sound = np.asarray(~(np.isnan(values) & mask).any(axis=(1, 2)))
    found = mean_intervals(
        np.where(mask, values, np.nan)[sound],
        [its for its, is_sound in zip(bounds, sound, strict=True) if is_sound],
        Resampling(config.bootstrap_samples, config.confidence),
        generator(seed, "bootstrap"),
    )
    in_turn = iter(found)
    return [next(in_turn) if is_sound else None for is_sound in sound]


def _interval(estimate: Estimate | None) -> Interval:
    return estimate.interval if estimate else Interval(np.nan, np.nan, np.nan)
