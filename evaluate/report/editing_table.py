"""The words of the editing table on the page: its two header lines, and what a site is."""

from __future__ import annotations

from itertools import accumulate
from typing import Final, NamedTuple

from worldgen.evaluate.report.tables import COLUMNS, STATEMENT_COLUMNS, WORDS, Columns
from worldgen.evaluate.testbed.questions import SITES

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


def _head(columns: Columns) -> Head:
    words = WORDS | {site: f"{site[:2]} {site[2:]}" for site in SITES}
    names = [metric.split("_")[1] for metrics in columns.values() for metric in metrics]
    widths = {heading: len(metrics) for heading, metrics in columns.items()}
    return Head(widths, [words.get(name, name) for name in names], list(accumulate(widths.values())))


COLUMNS_HEAD: Final = _head(COLUMNS)
STATEMENT_COLUMNS_HEAD: Final = _head(STATEMENT_COLUMNS)
