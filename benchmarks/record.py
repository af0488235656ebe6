"""Runs' scores for the record, and the tables of README and docs/ that are printed from that record.

    python benchmarks/record.py scores RUN ... docs/results/NAME.csv
    python benchmarks/record.py costs RUN ... docs/results/NAME.csv
    python benchmarks/record.py wide docs/results/SCORES.csv
    python benchmarks/record.py short docs/results/SCORES.csv docs/results/COSTS.csv

So nobody types a figure. A test compares the tables on the pages with what `wide` and `short` print.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Final

import click
import pandas as pd

from worldgen.evaluate.methods.methods import METHODS
from worldgen.evaluate.report.tables import Cell, side_by_side
from worldgen.evaluate.runs.config import RunConfig
from worldgen.evaluate.runs.load import config_of
from worldgen.evaluate.statistics.interval import Interval
from worldgen.evaluate.statistics.intervals import exact_binomial
from worldgen.evaluate.testbed.editing_metrics import ACCURACIES, BOTH_LOGICS, GROUPS, LOGICS, MAIN_METRICS
from worldgen.evaluate.testbed.scores import ROWS, Cells, GroupScores, MethodScores, as_table, read_scores

FOLDER: Final = click.Path(exists=True, file_okay=False, path_type=Path)
OLD_FILE: Final = click.Path(exists=True, dir_okay=False, path_type=Path)
NEW_FILE: Final = click.Path(dir_okay=False, path_type=Path)

CONFIDENCE: Final = 0.95  # the preset's, which all recorded runs have
SHORT_METHODS: Final = ("lora", "ft", "belief")
SHORT_GROUP: Final = "downstream_changes"
SHORT_COLUMNS: Final = {
    "the request": ("acc_s1r1",),
    "what follows from it": ("acc_s1r2",),
    "other subjects": ("acc_s2r1", "acc_s2r2"),
}
ITSELF: Final = "agrees with itself"
COST: Final = "cost of an edit"


@click.group()
def main() -> None:
    """Keep the scores of runs as CSV; print tables of such a CSV."""


@main.command("scores")
@click.argument("runs", type=FOLDER, nargs=-1, required=True)
@click.argument("csv", type=NEW_FILE)
def scores_command(runs: tuple[Path, ...], csv: Path) -> None:
    """Write what `worldgen score` found in RUNS to CSV, and print a table for each."""
    tables = []
    for run in runs:
        config, scores = scores_of(run)
        tables.append(every_cell(scores, config.edit.mode, config.edit.requests))
        print("\n".join(wide(scores)))
    pd.concat(tables).to_csv(csv, index=False, float_format="%.4f")


@main.command("costs")
@click.argument("runs", type=FOLDER, nargs=-1, required=True)
@click.argument("csv", type=NEW_FILE)
def costs_command(runs: tuple[Path, ...], csv: Path) -> None:
    """Write what an edit costs, of every method that was scored in RUNS, to CSV."""
    rows = []
    for run in runs:
        config, scores = scores_of(run)
        how = {"mode": config.edit.mode, "requests": config.edit.requests}
        rows += [
            {"method": each.method, "cases": each.cases, **how, **asdict(each.cost)} for each in scores if each.cost
        ]
    pd.DataFrame(rows).to_csv(csv, index=False, float_format="%.4f")


@main.command("wide")
@click.argument("csv", type=OLD_FILE)
def wide_command(csv: Path) -> None:
    """Print the scores of every method in a CSV that `scores` wrote."""
    print("\n".join(wide(from_csv(csv))))


@main.command("short")
@click.argument("scores", type=OLD_FILE)
@click.argument("costs", type=OLD_FILE)
def short_command(scores: Path, costs: Path) -> None:
    """Print the README's table: one of the scores' groups, a few methods, plain headings."""
    print("\n".join(short(from_csv(scores), flops_in(costs))))


def scores_of(run: Path) -> tuple[RunConfig, list[MethodScores]]:
    """Returns a run's config and the scores of its methods."""
    scores, config = list(read_scores(run / "scores")), config_of(run)
    if not scores or config is None:
        raise click.ClickException(f"{run} has no scores: run `worldgen score {run}` first")
    return config, scores


def every_cell(scores: Sequence[MethodScores], mode: str, requests: int) -> pd.DataFrame:
    """Returns scores/*.csv of all methods, one below another, with how many requests an edition held."""
    return pd.concat([as_table(each).assign(mode=mode, requests=requests, method=each.method) for each in scores])[
        ["mode", "requests", "method", "group", "n", "row", "metric", "mean", "low", "high"]
    ]


def from_csv(csv: Path) -> list[MethodScores]:
    """Returns the scores that a CSV keeps, in the order of `worldgen edit --help`; rounded to four digits there.

    The intervals of accuracies are computed again from the share and the number of cases, exactly: files of before
    2026-11-24 hold bootstrap intervals of them.
    """
    table = pd.read_csv(csv)
    found = {str(method): _method_scores(str(method), rows) for method, rows in table.groupby("method")}
    order = [*METHODS, *(name for name in found if name not in METHODS)]
    return [found[name] for name in order if name in found]


def _method_scores(method: str, rows: pd.DataFrame) -> MethodScores:
    groups = {name: _group_scores(rows[rows["group"] == name]) for name in GROUPS}
    return MethodScores(method, groups["all"].n, CONFIDENCE, groups)


def _group_scores(rows: pd.DataFrame) -> GroupScores:
    n = int(rows["n"].iloc[0]) if len(rows) else 0
    cells: dict[str, dict[str, Interval]] = {row: {} for row in ROWS}
    for row, metric, *interval in rows[["row", "metric", "mean", "low", "high"]].itertuples(index=False):
        cells[row][metric] = Interval(*interval)
    for row, metric in itertools.product(("pre", "post"), ACCURACIES):
        if share := cells[row].get(metric.name):
            cells[row][metric.name] = exact_binomial(round(share.mean * n), n, CONFIDENCE)
    return GroupScores(n, **cells)


def flops_in(costs: Path) -> dict[str, float]:
    """Returns the operations of an edit, by method, of a CSV that `costs` wrote."""
    table = pd.read_csv(costs)
    return dict(zip(table["method"], table["flops_per_edit"], strict=True))


def wide(scores: Sequence[MethodScores]) -> Iterator[str]:
    """Yields the lines of one table: for each group the model before, and every method after its edit."""
    names = [metric.label if metric in LOGICS else metric.name.replace("_", " ") for metric in MAIN_METRICS]
    yield from _head(["", *names])
    for group in side_by_side(scores):
        for number, (title, cells) in enumerate(group.rows.items()):
            heading = f"**{group.title}** (n = {group.n}), {title}" if not number else f"after `{title}`"
            yield _line([heading, *map(_in_words, cells)])


def short(scores: Sequence[MethodScores], flops: Mapping[str, float]) -> Iterator[str]:
    """Yields the lines of README's table: the model before, and after the edits of a few methods.

    Each column but the last is a share, at best 1. "other subjects" is the mean of two accuracies. "agrees with itself"
    is 1 less the mean error of the five logical rules, each over the requested and the original statement.
    """
    by_name = {each.method: each.groups[SHORT_GROUP] for each in scores}
    yield from _head(["", *SHORT_COLUMNS, ITSELF, COST])
    yield _line(["before", *_shares(by_name[SHORT_METHODS[0]].pre), ""])
    for method in SHORT_METHODS:
        yield _line([f"after `{method}`", *_shares(by_name[method].post), _gigaflop(flops[method])])


def _shares(cells: Cells) -> Iterator[str]:
    for names in SHORT_COLUMNS.values():
        yield f"{_mean(cells, names):.2f}"
    yield f"{1 - _mean(cells, [metric.name for metric in BOTH_LOGICS]):.2f}"


def _mean(cells: Cells, names: Sequence[str]) -> float:
    return sum(cells[name].mean for name in names) / len(names)


def _gigaflop(flops: float) -> str:
    return f"{flops / 1e9:.1f} GFLOP" if flops < 1e10 else f"{flops / 1e9:.0f} GFLOP"


def _in_words(cell: Cell) -> str:
    return f"{cell.mean}{cell.spread}"


def _head(names: Sequence[str]) -> Iterator[str]:
    yield _line(names)
    yield "|" + "---|" * len(names)


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


if __name__ == "__main__":
    main()
