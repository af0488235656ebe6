"""The metrics of the editing table, and the groups of cases over which their means are taken.

Names, headings, order and direction of every metric are declared here and nowhere else.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, Literal

from worldgen.evaluate.metrics import Metric
from worldgen.evaluate.testbed.sites import SITE_LABELS

LOGIC_LABELS: Final = {"tf": "true/false", "not": "not", "and": "and", "or": "or", "commute": "order"}


def _declared(
    family: str, heading: str, labels: Mapping[str, str], better: Literal["more", "less"], suffix: str = ""
) -> tuple[Metric, ...]:
    return tuple(Metric(f"{family}_{name}{suffix}", heading, label, name, better) for name, label in labels.items())


ACCURACIES: Final = _declared("acc", "Generative accuracy", SITE_LABELS, "more")
COHERENCES: Final = _declared("coh", "Probabilistic coherence (error)", SITE_LABELS, "less")
LOGICS: Final = _declared("logic", "Logical coherence (error)", LOGIC_LABELS, "less")
ORIGINAL_LOGICS: Final = _declared("logic", "Of the original statement", LOGIC_LABELS, "less", "_original")
# A request makes its own statement A true, and the original one, if it is another and was true, false. A false A
# settles "A and B", a true one "A or B": over both statements, less of a difference is due to which became easy.
BOTH_LOGICS: Final = _declared("logic", "Mean of requested and original", LOGIC_LABELS, "less", "_both")

MAIN_METRICS: Final = (*ACCURACIES, *COHERENCES, *LOGICS)
STATEMENT_METRICS: Final = (*ORIGINAL_LOGICS, *BOTH_LOGICS)
METRICS: Final = (*MAIN_METRICS, *STATEMENT_METRICS)
METRIC_NAMES: Final = tuple(metric.name for metric in METRICS)

GROUPS: Final = {
    "all": "All requests",
    "output_changing": "Requests that are not the model's answer yet",
    "downstream_changes": "Requests whose downstream answer changes",
    "fixes_error": "Requests that fix an error of the model",
}
