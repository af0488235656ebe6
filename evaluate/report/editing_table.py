"""The words of the editing table on the page: its two header lines, and what a site is."""

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
    """The two header lines of an editing table.

    `headings` maps each heading to the number of its columns, `names` are the columns' names, and `starts` are the
    numbers of the columns that come right after a heading's last column.
    """

    headings: dict[str, int]
    names: list[str]
    starts: list[int]


def _head(metrics: Sequence[Metric]) -> Head:
    widths = {heading: len(its) for heading, its in by_heading(metrics).items()}
    return Head(widths, [metric.label for metric in metrics], list(accumulate(widths.values())))


COLUMNS_HEAD: Final = _head(MAIN_METRICS)
STATEMENT_COLUMNS_HEAD: Final = _head(STATEMENT_METRICS)
