"""The words of wide tables on the page: their two header lines, and what a site of the editing table is."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate
from typing import Final, NamedTuple

from worldgen.evaluate.metrics import Metric, by_heading
from worldgen.evaluate.testbed.editing_metrics import MAIN_METRICS, STATEMENT_METRICS

SITE_WORDS: Final = {
    "s1r1": "the request itself",
    "s1r2": "same subject, other relation",
    "s2r1": "other subject, same relation",
    "s2r2": "other subject, other relation",
}


class Head(NamedTuple):
    """The two header lines of a table.

    `headings` maps each heading to the number of its columns, `names` are the columns' names, and `starts` are the
    numbers of the columns that come right after a heading's last column.
    """

    headings: dict[str, int]
    names: list[str]
    starts: list[int]


def head_of(metrics: Sequence[Metric]) -> Head:
    """Returns the header lines of a table with a column for each of these metrics."""
    widths = {heading: len(its) for heading, its in by_heading(metrics).items()}
    return Head(widths, [metric.label for metric in metrics], list(accumulate(widths.values())))


COLUMNS_HEAD: Final = head_of(MAIN_METRICS)
STATEMENT_COLUMNS_HEAD: Final = head_of(STATEMENT_METRICS)
