"""The tables of trust: for each model, method or reference the trust in each source, then the metrics."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import pandas as pd

from worldgen.evaluate.sources.scoring import TRUST_METRICS, SourceTrust, TrustScores
from worldgen.evaluate.statistics.interval import Interval, spread

KIND_TITLES: Final = {
    "heard": "Reports that the corpus tells: belief in what each source has reported",
    "told": "Requests about facts that untagged sentences tell: belief in the request, by who makes it",
    "reported": "Requests about facts that only a source has reported: belief in the request, by who makes it",
}
RATIONAL: Final = "rational mind"


def trust_as_text(rows: Sequence[TrustScores], confidence: float) -> str:
    """Returns the tables for a terminal; a part that nobody has measured is left out."""
    parts = [f"Trust (mean and {confidence:.0%} interval)"]
    for kind, title in KIND_TITLES.items():
        some = [row for row in rows if row.kind == kind]
        if some:
            parts += [f"\n{title} ({some[0].facts} facts)", _by_source(some).to_string(), ""]
            parts += [_by_metric(some).to_string()]
    return "\n".join(parts)


def by_rational_trust(row: TrustScores) -> list[SourceTrust]:
    """Returns the sources of a row, whom a rational mind trusts most first."""
    return sorted(row.sources, key=lambda source: -source.rational.mean)


def _by_source(rows: Sequence[TrustScores]) -> pd.DataFrame:
    names = [source.tag or "nobody" for source in by_rational_trust(rows[0])]
    cells = {row.who: [_text(source.trust) for source in by_rational_trust(row)] for row in rows}
    return pd.DataFrame.from_dict(cells, orient="index", columns=names)


def _by_metric(rows: Sequence[TrustScores]) -> pd.DataFrame:
    """Returns the metrics as lines and the rows as columns: there are more metrics than a line can hold."""
    shown = [metric for metric in TRUST_METRICS if any(metric.name in row.means for row in rows)]
    lines = {
        f"{metric.heading}, {metric.label}": [_text(row.means.get(metric.name)) for row in rows] for metric in shown
    }
    return pd.DataFrame.from_dict(lines, orient="index", columns=[row.who for row in rows])


def _text(interval: Interval | None) -> str:
    return "-" if interval is None else f"{interval.mean:.2f}{spread(interval)}"
