"""From replies to scores: whom a method, or a model, trusts after requests of every source.

Shapes: K+1 sources, nobody last; F facts; C = F (K+1) cases, fact by fact.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from worldgen.evaluate.metrics import Metric
from worldgen.evaluate.sources.calibration import CALIBRATION_METRICS, calibration
from worldgen.evaluate.sources.cases import SourceCase
from worldgen.evaluate.sources.said import SaidOfCases
from worldgen.evaluate.statistics.block_bootstrap import Floats, Resampling
from worldgen.evaluate.statistics.interval import Interval
from worldgen.evaluate.statistics.intervals import SHARE, mean_intervals
from worldgen.evaluate.statistics.ratios import Ratios
from worldgen.randomness import generator

TRUST_FILE: Final = "trust.json"
"""The file that holds the rows of a run."""
HEARD: Final = "heard"
"""The kind of what the corpus itself reports."""
NOBODY: Final = ""
"""The tag of nobody."""
_BELIEVED: Final = 0.5  # more probable than not
FURTHER_METRICS: Final = (
    Metric("untrusted", "Believed, though a rational mind does not", "share of such requests", "untrusted", "less"),
    Metric("trusted", "Believed, as a rational mind does", "share of such requests", "trusted", "more"),
    Metric("tagged", "The request itself", "p(o* | tag s r)", "tagged", "more"),
    Metric("statement_error", "Error against the rational mind", "the request as a statement", "statement", "less"),
    Metric("downstream_error", "Error against the rational mind", "what follows from it", "follows", "less"),
    Metric("incoherence", "Disagrees with itself", "request and statement", "itself", "less"),
    Metric("kept", "Other facts", "same answer", "kept", "more"),
)
TRUST_METRICS: Final = (*CALIBRATION_METRICS, *FURTHER_METRICS)


class Plan(NamedTuple):
    """How intervals are found: the resamples, and the seed of their draws."""

    resampling: Resampling
    seed: int


@dataclass(frozen=True)
class SourceTrust:
    """The trust in one source, and the rational trust."""

    tag: str
    """The source's tag; "" for nobody."""
    trust: Interval
    rational: Interval


@dataclass(frozen=True)
class TrustScores:
    """A row of the table: who is asked, about which kind of facts."""

    who: str
    """A method, or a reference."""
    kind: str
    facts: int
    sources: tuple[SourceTrust, ...]
    means: Mapping[str, Interval]
    """Each of `TRUST_METRICS` that applies."""
    about: Mapping[str, float]
    """The cost of an edit: steps, flops, seconds; empty for a reference."""

    def as_json(self) -> dict[str, Any]:
        """Returns the record of a scores file."""
        sources = [
            {"tag": source.tag, "trust": source.trust._asdict(), "rational": source.rational._asdict()}
            for source in self.sources
        ]
        return asdict(self) | {
            "sources": sources,
            "means": {name: mean._asdict() for name, mean in self.means.items()},
        }


def read_trust_scores(path: Path) -> list[TrustScores]:
    """Reads the rows of a scores file."""
    return [
        TrustScores(
            **record
            | {
                "sources": tuple(
                    SourceTrust(each["tag"], Interval(**each["trust"]), Interval(**each["rational"]))
                    for each in record["sources"]
                ),
                "means": {name: Interval(**mean) for name, mean in record["means"].items()},
            }
        )
        for record in json.loads(path.read_text(encoding="utf-8"))
    ]


def as_table(rows: Iterable[TrustScores]) -> pd.DataFrame:
    """Returns the CSV of a table: a line for each row and metric, and for each row and source."""
    lines = []
    for row in rows:
        of = {"who": row.who, "kind": row.kind, "facts": row.facts}
        for source in row.sources:
            both = (("trust", source.trust), ("rational trust", source.rational))
            lines += [of | {"source": source.tag or "nobody", "metric": name} | mean._asdict() for name, mean in both]
        lines += [of | {"source": "", "metric": name} | mean._asdict() for name, mean in row.means.items()]
    return pd.DataFrame(lines)


def trust_scores(
    who: str, cases: Sequence[SourceCase], said: SaidOfCases, tags: Sequence[str], plan: Plan,
    about: Mapping[str, float] | None = None,
) -> TrustScores:  # fmt: skip
    """Returns the scores of cases of one kind. `tags` [K+1] are those of the sources, "" for nobody."""
    sources, kind = len(tags), cases[0].kind
    fact = np.repeat(np.arange(len(cases) // sources), sources)
    believed = np.array([case.believed for case in cases])
    further = {
        name: Ratios.count(fact, numbers, len(cases) // sources).values
        for name, numbers in _by_case(cases, said, believed).items()
    }
    by_source = [numbers.reshape(-1, sources).T for numbers in (said.requested, believed)]
    return _scores(who, kind, tags, (by_source[0], by_source[1]), further, plan, about or {})


def heard_scores(
    who: str, fact: NDArray[np.integer], source: NDArray[np.integer], said: tuple[Floats, Floats, Floats],
    tags: Sequence[str], plan: Plan,
) -> TrustScores:  # fmt: skip
    """Returns the scores of what somebody made of N reports that the corpus tells.

    `said` [N] each: their trust p(o | "s r") in what the report says, p(o | "TAG s r"), and the rational trust.
    """
    trust, tagged, believed = said
    facts, row = np.unique(fact, return_inverse=True)
    of_sources = np.full((2, len(tags), len(facts)), np.nan)
    of_sources[:, source, row] = trust, believed
    ought = believed > _BELIEVED
    values = {
        "untrusted": np.where(ought, np.nan, trust > _BELIEVED),
        "trusted": np.where(ought, trust > _BELIEVED, np.nan),
        "tagged": tagged,
    }
    further = {name: Ratios.count(row, numbers, len(facts)).values for name, numbers in values.items()}
    return _scores(who, HEARD, tags, (of_sources[0], of_sources[1]), further, plan, {})


def _scores(
    who: str, kind: str, tags: Sequence[str], trusts: tuple[Floats, Floats], further: Mapping[str, Floats],
    plan: Plan, about: Mapping[str, float],
) -> TrustScores:  # fmt: skip
    """Returns the scores of F facts. Shapes: both `trusts` [K, F]; each of `further` [F]."""
    draw = generator(plan.seed, f"trust intervals {kind}")
    trust, rational = (each[:, :, np.newaxis] for each in trusts)
    by_source = calibration(trust, rational, plan.resampling, draw)
    # Nobody has no tag: a model that tells tags from no tag need not tell one source from another.
    tagged = np.array([tag != NOBODY for tag in tags])
    found = calibration(trust[tagged], rational[tagged], plan.resampling, draw)
    known = {name: values for name, values in further.items() if not np.isnan(values).all()}
    means = {name: interval for name, interval in found.summary.items() if not np.isnan(interval.mean)}
    if known:
        values = np.stack([*known.values()])[:, :, np.newaxis]
        intervals = mean_intervals(values, [SHARE] * len(known), plan.resampling, draw)
        means |= {name: each.interval for name, each in zip(known, intervals, strict=True)}
    sources = tuple(map(SourceTrust, tags, by_source.trust, by_source.rational))
    return TrustScores(who, kind, trusts[0].shape[1], sources, means, dict(about))


def _by_case(cases: Sequence[SourceCase], said: SaidOfCases, believed: Floats) -> dict[str, Floats]:
    """Returns the value of each of `FURTHER_METRICS` for each case, NaN where it does not apply: [C]."""
    believes, ought = (said.requested > _BELIEVED).astype(float), believed > _BELIEVED
    follows = np.array([case.downstream_believed for case in cases])
    return {
        "untrusted": np.where(ought, np.nan, believes),
        "trusted": np.where(ought, believes, np.nan),
        "tagged": said.tagged,
        "statement_error": np.abs(said.statement - believed),
        "downstream_error": np.abs(said.downstream - follows),
        "incoherence": np.abs(said.requested - said.statement),
        "kept": said.kept,
    }
