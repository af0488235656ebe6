"""Runs' scores for the record: every method's cells as one CSV, and the methods side by side in Markdown.

    python benchmarks/record.py RUN ... docs/results/NAME.csv

So the figures of README and docs/ come from runs, and not from somebody's fingers.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import click
import pandas as pd

from worldgen.evaluate.report.tables import Cell, side_by_side
from worldgen.evaluate.runs.load import config_of
from worldgen.evaluate.testbed.editing_metrics import LOGICS, MAIN_METRICS
from worldgen.evaluate.testbed.scores import MethodScores, as_table, read_scores

FOLDER = click.Path(exists=True, file_okay=False, path_type=Path)


@click.command()
@click.argument("runs", type=FOLDER, nargs=-1, required=True)
@click.argument("csv", type=click.Path(dir_okay=False, path_type=Path))
def main(runs: tuple[Path, ...], csv: Path) -> None:
    """Write what `worldgen score` found in RUNS to CSV, and print a table for each."""
    tables = []
    for run in runs:
        scores, config = list(read_scores(run)), config_of(run)
        if not scores or config is None:
            raise click.ClickException(f"{run} has no scores: run `worldgen score {run}` first")
        tables.append(every_cell(scores, config.edit.mode, config.edit.requests))
        print("\n".join(markdown(scores)))
    pd.concat(tables).to_csv(csv, index=False, float_format="%.4f")


def every_cell(scores: Sequence[MethodScores], mode: str, requests: int) -> pd.DataFrame:
    """scores/*.csv of all methods, one below another, by what an edition was."""
    return pd.concat([as_table(each).assign(mode=mode, requests=requests, method=each.method) for each in scores])[
        ["mode", "requests", "method", "group", "n", "row", "metric", "mean", "low", "high"]
    ]


def markdown(scores: Sequence[MethodScores]) -> Iterator[str]:
    """The lines of one table: for each group the model before, and every method after its edit."""
    names = [metric.label if metric in LOGICS else metric.name.replace("_", " ") for metric in MAIN_METRICS]
    yield _line(["", *names])
    yield "|" + "---|" * (1 + len(names))
    for group in side_by_side(scores):
        for number, (title, cells) in enumerate(group.rows.items()):
            heading = f"**{group.title}** (n = {group.n}), {title}" if not number else f"after `{title}`"
            yield _line([heading, *map(_in_words, cells)])


def _in_words(cell: Cell) -> str:
    return f"{cell.mean}±{cell.half}"


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


if __name__ == "__main__":
    main()
