"""Our rows of the tables of docs/beliefs.md, which stand there beside the paper's, from the scores of a SLAG run.

    python benchmarks/belief_record.py docs/results/DETECTION.csv docs/results/UPDATES.csv docs/results/OPTIMIZERS.csv

The files are RUN/slag/scores/detection.csv and updates.csv, and the rows of `slag` in the updates.csv of runs that
trained it in other ways: their column `who` says how. So nobody types a figure: a test compares the page with
what this prints. Shares are in percent, as in the paper: a mean with half of its 95% interval in parentheses, or with
the ends of the interval in brackets where it is not symmetric.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final

import click
import pandas as pd

from worldgen.evaluate.slag.update_metrics import BEFORE_AFTER_METRICS, UPDATE_METRICS
from worldgen.evaluate.statistics.interval import Interval

OLD_FILE: Final = click.Path(exists=True, dir_okay=False, path_type=Path)
BELIEFS: Final = (
    "accuracy", "consistency", "consistency_right", "consistency_wrong", "entailment_right", "contrapositive",
)  # fmt: skip
LABELS: Final = ("usr_main", "usr_para", "delta_accuracy")
UPDATES: Final = tuple(metric.name for metric in UPDATE_METRICS)
BEFORE_AFTER: Final = tuple(metric.name for metric in BEFORE_AFTER_METRICS)


def tables(detection: Path, updates: Path, optimizers: Path) -> dict[str, list[str]]:
    """Returns our rows of each table, by its title."""
    detected, updated, others = pd.read_csv(detection), pd.read_csv(updates), pd.read_csv(optimizers)
    compared = detected[detected["who"].isin(["model", "rational agent"])]
    corrected = updated[updated["protocol"] == "correcting"]
    single, several = corrected[corrected["r"] == 1], pd.concat([corrected, others])[lambda rows: rows["r"] == 10]
    protocols = updated[updated["r"] == 1].groupby(["task", "who"])["protocol"].transform("nunique")
    return {
        "Beliefs before any update": _rows(compared, ["task", "who"], BELIEFS),
        "Single updates": _rows(single, ["task", "who"], UPDATES),
        "What is asked for": _rows(updated[protocols.reindex(updated.index) > 1], ["task", "who", "protocol"], LABELS),
        "Ten updates one after another": _rows(several, ["task", "who"], UPDATES),
        "Before and after": _rows(single, ["task", "who"], BEFORE_AFTER),
        "How an optimizer was trained": _rows(others[others["r"] == 1], ["task", "who"], UPDATES),
    }


def _rows(lines: pd.DataFrame, keys: Sequence[str], metrics: Sequence[str]) -> list[str]:
    """Returns a row of a table for each task and whoever else the keys tell apart, a column for each metric."""
    rows = []
    for names, its in lines.sort_values("task", kind="stable").groupby(list(keys), sort=False):
        task, *rest = map(str, names)
        found = its.set_index("metric")
        cells = [_cell(name, found.loc[name]) if name in found.index else "-" for name in metrics]
        rows.append(f"| ours: {', '.join([task.upper(), *rest])} | {' | '.join(cells)} |")
    return rows


def _cell(metric: str, line: pd.Series) -> str:
    scale = 1 if metric == "delta_accuracy" else 100
    share = Interval(line["mean"], line["low"], line["high"])
    mean, low, high = (round(scale * value, 1) + 0.0 for value in share)  # + 0.0: a zero has no minus
    return (
        f"{mean:.1f} ({scale * share.half_width:.1f})" if share.is_symmetric else f"{mean:.1f} [{low:.1f}, {high:.1f}]"
    )


@click.command()
@click.argument("detection", type=OLD_FILE)
@click.argument("updates", type=OLD_FILE)
@click.argument("optimizers", type=OLD_FILE)
def main(detection: Path, updates: Path, optimizers: Path) -> None:
    """Prints our rows of every table."""
    for title, rows in tables(detection, updates, optimizers).items():
        print("\n".join([title, *rows, ""]))


if __name__ == "__main__":
    main()
