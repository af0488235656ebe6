"""Grids of a method's settings, and the score by which one point of a grid is better than another."""

from __future__ import annotations

import itertools
import json
import math
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from worldgen.errors import UserError
from worldgen.evaluate.methods.methods import Method
from worldgen.evaluate.metrics import Metric
from worldgen.evaluate.testbed.editing_metrics import ACCURACIES, COHERENCES, LOGICS
from worldgen.evaluate.testbed.scores import Cells

Point = tuple[str, ...]  # settings as `--set` takes them


def read_grid(method: Method, grid: Iterable[str]) -> list[Point]:
    """Returns every combination of the values in "key=value,value,...", the last key changing fastest.

    Raises UserError for a key that is no setting of the method, for a key that comes twice or has no values.
    """
    values: dict[str, list[str]] = {}
    for text in grid:
        key, _, listed = text.partition("=")
        if key not in method.settings:
            raise UserError(f"--grid {text!r}: {key!r} is no setting of {method.name}: {_choice(method.settings)}")
        if key in values:
            raise UserError(f"--grid: {key} comes twice, give all its values at once: {key}=VALUE,VALUE")
        values[key] = [f"{key}={value}" for value in _values(listed)]
        if not values[key]:
            raise UserError(f"--grid {text!r}: write it as key=value,value, e.g. {key}=1,2")
    return list(itertools.product(*values.values()))


def _choice(known: Sequence[str]) -> str:
    return f"choose from {', '.join(known)}" if known else "it has none"


def _values(listed: str) -> list[str]:
    """Returns the values between the commas. A comma within brackets belongs to a value."""
    try:
        return [value if isinstance(value, str) else json.dumps(value) for value in _as_toml(listed)]
    except tomllib.TOMLDecodeError:  # bare words
        return [value.strip() for value in listed.split(",") if value.strip()]


def _as_toml(listed: str) -> list[Any]:
    return tomllib.loads(f"values = [{listed}]")["values"]


def parts_of(after: Cells) -> dict[str, float | None]:
    """Returns the four parts of a point's score over one group of cases, each from 0 to 1; nothing for an empty group.

    request = acc s1r1;  dependent = acc s1r2;  others = (acc s2r1 + acc s2r2) / 2;
    coherence = 1 - (mean error against the agent + mean error against itself) / 2, None if a probability is no number.
    """
    if not after:
        return {}

    def mean(metrics: Sequence[Metric]) -> float:
        return float(np.mean([after[metric.name].mean for metric in metrics]))

    parts = {"request": mean(ACCURACIES[:1]), "dependent": mean(ACCURACIES[1:2]), "others": mean(ACCURACIES[2:])}
    coherence = 1 - (mean(COHERENCES) + mean(LOGICS)) / 2
    return parts | {"coherence": coherence if math.isfinite(coherence) else None}


def selection_score(groups: Iterable[Mapping[str, float | None]]) -> float | None:
    """Returns the score of a point: the mean of all parts of all groups; None where a part is None."""
    values = [value for parts in groups for value in parts.values()]  # as many of every group that holds cases
    numbers = [value for value in values if value is not None]
    return float(np.mean(numbers)) if len(numbers) == len(values) else None


def best_of(rows: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Returns the point with the highest score; of equal ones the one with fewer FLOPs an edit, then the first.

    Raises UserError where no point has a score.
    """
    having = [row for row in rows if row["score"] is not None]
    if not having:
        raise UserError("no point of the grid leaves a model that gives probabilities: try smaller learning rates")
    return max(having, key=lambda row: (row["score"], -row["cost"]["flops_per_edit"]))


def as_table(found: Mapping[str, Any]) -> pd.DataFrame:
    """Returns tune/METHOD.csv: a row for each point, in the order of the grid."""
    return pd.DataFrame(
        [
            dict(setting.split("=", 1) for setting in row["settings"])
            | {"score": row["score"]}
            | {f"{group}/{part}": value for group, parts in row["parts"].items() for part, value in parts.items()}
            | row["cost"]
            for row in found["points"]
        ]
    )


def in_words(found: Mapping[str, Any]) -> str:
    """Returns the table for a terminal, and the options of the best point."""
    table = as_table(found).rename(columns=lambda name: name.removeprefix("downstream_changes/"))
    shown = [name for name in map(str, table) if not name.startswith("all/") and name not in ("peak_bytes", "steps")]
    heading = (
        f"{found['method']} on {found['cases']} held-out cases; parts are those where the downstream answer changes"
    )
    numbers = table[shown].to_string(index=False, float_format=lambda value: f"{value:.4g}")
    return "\n".join([heading, numbers, f"best: {found['options']}"])
