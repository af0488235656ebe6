"""The tables of trust: for each model, method or reference the trust in each source, then the metrics."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from textwrap import wrap
from typing import Final, NamedTuple

import pandas as pd
from markupsafe import Markup

from worldgen.evaluate.report.figures.svg import FigureFolder
from worldgen.evaluate.report.figures.trust_panels import TrustInSource, draw_trust
from worldgen.evaluate.report.tables import Cell, cell_of
from worldgen.evaluate.sources.scoring import TRUST_METRICS, SourceTrust, TrustScores
from worldgen.evaluate.statistics.interval import Interval, spread

KIND_TITLES: Final = {
    "heard": "Reports that the corpus tells: belief in what each source has reported",
    "told": "Requests about facts that untagged sentences tell: belief in the request, by who makes it",
    "reported": "Requests about facts that only a source has reported: belief in the request, by who makes it",
    "dependent": "Requests about told facts that depend on a told one: belief in the request, by who makes it",
    "follows": "What follows from a request about another fact: belief in it, by who makes the request",
}
_PANEL_TITLES: Final = {
    "heard": "reports of the corpus", "told": "told facts", "reported": "reported facts",
    "dependent": "dependent facts", "follows": "what follows",
}  # fmt: skip
_LINE: Final = 120
"""The characters of a terminal's line."""
_IN_A_TERMINAL: Final = ("error", "slope", "ratio", "rank", "untrusted")
_REFERENCES: Final = ("rational mind", "believes everybody")


def trust_as_text(rows: Sequence[TrustScores], confidence: float) -> str:
    """Returns the tables for a terminal; a part that nobody has measured is left out."""
    shown = [metric for metric in TRUST_METRICS if metric.name in _IN_A_TERMINAL]
    parts = []
    for kind, title in KIND_TITLES.items():
        some = [row for row in rows if row.kind == kind]
        if some:
            means = {row.who: {name: f"{trust.mean:.2f}" for name, trust in _trust_of(row).items()} for row in some}
            metrics = {row.who: {metric.short: _text(row.means.get(metric.name)) for metric in shown} for row in some}
            parts += [f"{title} ({some[0].facts} facts)", _in_lines(means), "", _in_lines(metrics), ""]
    legend = "; ".join(f"{metric.short}: {metric.heading.lower()}, {metric.label}" for metric in shown)
    interval = f"mean ± half of the {confidence:.0%} interval, or [its ends]"
    return "\n".join([*parts, *wrap(f"{interval}. {legend}. The rest: sources/scores/trust.csv, and the page.", _LINE)])


class TrustTable(NamedTuple):
    """A table of the page."""

    title: str
    columns: list[str]
    rows: dict[str, list[Cell]]


class TrustSection(NamedTuple):
    """Trust on the page."""

    by_source: list[TrustTable]
    by_metric: list[TrustTable]
    figure: Markup


def trust_section(rows: Sequence[TrustScores], figures: FigureFolder) -> TrustSection | None:
    """Returns the part of the page about trust; None for a run that has none."""
    if not rows:
        return None
    of_kinds = {kind: [row for row in rows if row.kind == kind] for kind in KIND_TITLES}
    panels = {
        f"{_PANEL_TITLES[kind]} ({some[0].facts})": {
            row.who: [TrustInSource(source.rational.mean, source.trust) for source in row.sources]
            for row in some
            if row.who not in _REFERENCES
        }
        for kind, some in of_kinds.items()
        if some
    }
    described = "Trust in each source against rational trust"
    figure = figures.add("trust", described, (3.3 * len(panels), 3.7), partial(draw_trust, panels=panels))
    known = {kind: some for kind, some in of_kinds.items() if some}
    return TrustSection(
        [_page_table(kind, some, _by_source(some)) for kind, some in known.items()],
        [_page_table(kind, some, _by_metric(some)) for kind, some in known.items()],
        figure,
    )


def by_rational_trust(row: TrustScores) -> list[SourceTrust]:
    """Returns the sources of a row, whom a rational mind trusts most first."""
    return sorted(row.sources, key=lambda source: -source.rational.mean)


def _by_source(rows: Sequence[TrustScores]) -> dict[str, dict[str, Interval | None]]:
    """Returns the trust by who it is about, and then by the tag of the source."""
    return {row.who: dict(_trust_of(row)) for row in rows}


def _trust_of(row: TrustScores) -> dict[str, Interval]:
    return {source.tag or "nobody": source.trust for source in by_rational_trust(row)}


def _by_metric(rows: Sequence[TrustScores]) -> dict[str, dict[str, Interval | None]]:
    """Returns the metrics by their words, and then by who they are about: more metrics than a line can hold."""
    shown = [metric for metric in TRUST_METRICS if any(metric.name in row.means for row in rows)]
    return {
        f"{metric.heading}, {metric.label}": {row.who: row.means.get(metric.name) for row in rows} for metric in shown
    }


def _in_lines(texts: dict[str, dict[str, str]]) -> str:
    """Returns a table as text; columns that do not fit into a line go on below."""
    return pd.DataFrame.from_dict(texts, orient="index").to_string(line_width=_LINE)


def _page_table(kind: str, rows: Sequence[TrustScores], table: dict[str, dict[str, Interval | None]]) -> TrustTable:
    cells = {name: [_cell(interval) for interval in row.values()] for name, row in table.items()}
    columns = list(next(iter(table.values())))
    return TrustTable(f"{KIND_TITLES[kind]} ({rows[0].facts} facts)", columns, cells)


def _cell(interval: Interval | None) -> Cell:
    return Cell("–", "", "does not apply", "") if interval is None else cell_of(interval, False, TRUST_METRICS[0])


def _text(interval: Interval | None) -> str:
    return "-" if interval is None else f"{interval.mean:.2f}{spread(interval)}"
