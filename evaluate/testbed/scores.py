"""From measurements to the editing table: metrics of each case, groups of cases, means with intervals."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

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
from worldgen.evaluate.testbed.questions import SITES, STATEMENT_SETS
from worldgen.randomness import generator
from worldgen.worlds.world import World

LOGIC = ("tf", "not", "and", "or", "commute")
ACCURACIES = tuple(f"acc_{site}" for site in SITES)
COHERENCES = tuple(f"coh_{site}" for site in SITES)
LOGICS = tuple(f"logic_{name}" for name in LOGIC)
ORIGINAL_LOGICS = tuple(f"{name}_original" for name in LOGICS)
# A request makes its own statement A true, and the original one, if it is another and was true, false. A false A
# settles "A and B", a true one "A or B": over both statements, less of a difference is due to which became easy.
BOTH_LOGICS = tuple(f"{name}_both" for name in LOGICS)
METRICS = (*ACCURACIES, *COHERENCES, *LOGICS, *ORIGINAL_LOGICS, *BOTH_LOGICS)
GROUPS = {
    "all": "All requests",
    "output_changing": "Requests that are not the model's answer yet",
    "downstream_changes": "Requests whose downstream answer changes",
    "fixes_error": "Requests that fix an error of the model",
}


def case_metrics(probes: pd.DataFrame, measured: pd.DataFrame, phase: str) -> pd.DataFrame:
    """One row a case, one column a metric; `phase` is "before" or "after" (the edit).

    `probes` as in probes.parquet, `measured` as in measurements-*.parquet.
    """
    table = probes.merge(measured, on=["case", "name"], how="inner", validate="one_to_one")
    model = table.pivot(index="case", columns="name", values=phase)
    agent = table.pivot(index="case", columns="name", values=f"credence_{phase}")
    said = table.pivot(index="case", columns="name", values=f"answer_{phase}")
    expected = table.pivot(index="case", columns="name", values=f"expected_{phase}")
    # Before the edit the truth is asked for, after it what the agent then holds most probable.
    role = "truth" if phase == "before" else "new_mode"
    columns: dict[str, Any] = {}
    for site in SITES:
        columns[f"acc_{site}"] = (said[f"{site}/answer"] == expected[f"{site}/answer"]).astype(float)
        asked = f"{site}/{role}"
        columns[f"coh_{site}"] = probabilistic_error(model[asked].to_numpy(), agent[asked].to_numpy())
    for set_ in STATEMENT_SETS:
        columns |= _logic({name: column.to_numpy() for name, column in model.items()}, set_)
    for one, other, both in zip(LOGICS, ORIGINAL_LOGICS, BOTH_LOGICS, strict=True):
        columns[both] = (columns[one] + columns[other]) / 2
    return pd.DataFrame(columns, index=model.index)[list(METRICS)]


def _logic(p: dict[Any, P], set_: str) -> dict[str, Any]:
    suffix = "" if set_ == "requested" else f"_{set_}"
    a, b, both = p[f"{set_}/tf"], p["b/tf"], p[f"{set_}/and"]
    errors = {
        "tf": truth_error(p[f"s1r1/{set_}"], a),
        "not": negation_error(a, p[f"{set_}/not"]),
        "and": conjunction_error(a, b, both),
        "or": disjunction_error(a, b, p[f"{set_}/or"]),
        "commute": commutation_error(both, p[f"{set_}/and_swapped"]),
    }
    return {f"logic_{name}{suffix}": error for name, error in errors.items()}


def group_masks(world: World, cases: Sequence[Case], measured: pd.DataFrame) -> dict[str, np.ndarray]:
    """Which cases each group holds: [cases] masks. The model's answers are those before the edit."""
    answers = measured[measured["name"] == "s1r1/answer"].set_index("case")["answer_before"]
    said = np.array([answers[case.case] for case in cases])
    requested = np.array([world.objects[case.requested] for case in cases])
    truth = np.array([world.objects[case.truth] for case in cases])
    return {
        "all": np.ones(len(cases), dtype=bool),
        "output_changing": said != requested,
        "downstream_changes": np.array([case.downstream_changes for case in cases]),
        "fixes_error": (said != truth) & (requested == truth),
    }


def score(
    method: str, world: World, cases: Sequence[Case], probes: pd.DataFrame, measured: pd.DataFrame,
    costs: pd.DataFrame, config: ScoreConfig, seed: int,
) -> dict[str, Any]:  # fmt: skip
    """scores/METHOD.json: the table with intervals, and what an edit cost. Empty groups have n = 0 and no values."""
    pre, post = case_metrics(probes, measured, "before"), case_metrics(probes, measured, "after")
    groups = {}
    for name, mask in group_masks(world, cases, measured).items():
        groups[name] = {"n": int(mask.sum())} | _rows(pre[mask], post[mask], config, seed)
    cost = _cost(costs, len(cases))
    return {"method": method, "cases": len(cases), "confidence": config.confidence, "groups": groups, "cost": cost}


def _cost(costs: pd.DataFrame, cases: int) -> dict[str, float]:
    """What an edit cost; nothing where it is not known."""
    if costs.empty:
        return {}
    return {
        "steps": int(costs["steps"].max()),
        "seconds_per_edit": float(costs["seconds"].sum() / cases),
        "flops_per_edit": float(costs["flops"].sum() / cases),
        "peak_bytes": int(costs["peak_bytes"].max()),
    }


def _rows(pre: pd.DataFrame, post: pd.DataFrame, config: ScoreConfig, seed: int) -> dict[str, Any]:
    if pre.empty:
        return {"pre": {}, "post": {}, "delta": {}}
    values = np.concatenate([pre, post, post - pre], axis=1)
    draw = generator(seed, "bootstrap")
    intervals = mean_intervals(values, config.bootstrap_samples, config.confidence, draw)
    named = [interval._asdict() for interval in intervals]
    M = len(METRICS)
    return {
        row: dict(zip(METRICS, named[i * M : (i + 1) * M], strict=True))
        for i, row in enumerate(("pre", "post", "delta"))
    }


def as_table(scores: dict[str, Any]) -> pd.DataFrame:
    """scores/METHOD.csv: one line a group, row and metric."""
    lines = [
        {"group": group, "n": cells["n"], "row": row, "metric": metric, **interval}
        for group, cells in scores["groups"].items()
        for row in ("pre", "post", "delta")
        for metric, interval in cells[row].items()
    ]
    return pd.DataFrame(lines, columns=["group", "n", "row", "metric", "mean", "low", "high"])
