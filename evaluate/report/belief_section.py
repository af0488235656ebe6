"""The part of the page about beliefs (SLAG): before any update, after updates, and how the methods were tuned."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Final, NamedTuple

from markupsafe import Markup

from worldgen.evaluate.report.belief_tables import (
    TASK_TITLES,
    BeliefTable,
    Cost,
    Independence,
    belief_table,
    costs_of,
    group_title,
    in_order,
    independence_of,
)
from worldgen.evaluate.report.figures.main_answer import draw_by_main_answer
from worldgen.evaluate.report.figures.success import PANELS_A_ROW, SuccessPanel, draw_success
from worldgen.evaluate.report.figures.svg import FigureFolder
from worldgen.evaluate.report.figures.updates_at_a_time import draw_against_r
from worldgen.evaluate.report.material import BeliefMaterial, TunedMethod
from worldgen.evaluate.slag.detection import (
    BELIEF_METRICS,
    DETECTION_METRICS,
    GRADED_METRICS,
    NEUTRAL_METRICS,
    PARAPHRASE_METRICS,
    rule_metrics,
)
from worldgen.evaluate.slag.scoring import BeliefScores
from worldgen.evaluate.slag.update_metrics import BEFORE_AFTER_METRICS, FURTHER_METRICS, UPDATE_METRICS
from worldgen.evaluate.statistics.interval import Interval

_RIGHT, _WRONG = "_right", "_wrong"
_COMPARED: Final = ("model", "rational agent")


class BeliefSection(NamedTuple):
    """Beliefs on the page; a part that the run does not have is None or empty."""

    headline: BeliefTable | None
    paraphrases: BeliefTable | None
    graded: BeliefTable | None
    """Equality with the main answer, by what the paraphrase renames."""
    rules: BeliefTable | None
    neutral: BeliefTable | None
    independence: list[Independence]
    by_main_answer: Markup | None
    updates: BeliefTable | None
    before_after: BeliefTable | None
    further: BeliefTable | None
    costs: list[Cost]
    against_r: dict[str, Markup]
    """A figure for each task and protocol, by its title."""
    success: Markup | None
    tuned: Sequence[TunedMethod]


def belief_section(material: BeliefMaterial | None, figures: FigureFolder) -> BeliefSection | None:
    """Returns the part of the page about beliefs; None for a run that has none."""
    if material is None:
        return None
    detected, updated = material.detection, in_order(material.updates)
    rules = rule_metrics(sorted({name for row in detected for name in row.means}))
    return BeliefSection(
        headline=belief_table(detected, BELIEF_METRICS),
        paraphrases=belief_table(detected, PARAPHRASE_METRICS),
        graded=belief_table(detected, GRADED_METRICS),
        rules=belief_table(detected, rules),
        neutral=belief_table(detected, NEUTRAL_METRICS),
        independence=independence_of(detected),
        by_main_answer=_by_main_answer(detected, figures),
        updates=belief_table(updated, UPDATE_METRICS),
        before_after=belief_table(updated, BEFORE_AFTER_METRICS),
        further=belief_table(updated, FURTHER_METRICS),
        costs=costs_of(updated),
        against_r=_against_r(updated, figures),
        success=_success(material, figures),
        tuned=material.tuned,
    )


def _by_main_answer(detected: Sequence[BeliefScores], figures: FigureFolder) -> Markup | None:
    metrics = [metric for metric in DETECTION_METRICS if metric.name.endswith(_RIGHT)]
    panels: dict[str, dict[str, list[tuple[Interval | None, Interval | None]]]] = {}
    for row in detected:
        if row.who in _COMPARED:
            wrong = [metric.name.removesuffix(_RIGHT) + _WRONG for metric in metrics]
            pairs = [(row.means.get(m.name), row.means.get(name)) for m, name in zip(metrics, wrong, strict=True)]
            panels.setdefault(TASK_TITLES[row.task], {})[row.who] = pairs
    if not panels:
        return None
    draw = partial(draw_by_main_answer, headings=[metric.heading for metric in metrics], panels=panels)
    return figures.add(
        "beliefs-by-main-answer", "Metrics of beliefs where the main answer is right or wrong", (9.6, 3.6), draw
    )


def _against_r(updated: Sequence[BeliefScores], figures: FigureFolder) -> dict[str, Markup]:
    """Returns a figure for each task and protocol in which some method was measured at several r."""
    groups: dict[tuple[str, str, str], dict[str, dict[int, dict[str, Interval]]]] = {}
    for row in updated:
        key = (group_title(row), row.task, row.about["protocol"])
        groups.setdefault(key, {}).setdefault(row.who, {})[row.about["r"]] = dict(row.means)
    return {
        title: figures.add(
            f"updates-{task}-{protocol}", "The six update metrics against the number of updates", (9.6, 5.2),
            partial(draw_against_r, metrics=UPDATE_METRICS, methods=methods),
        )
        for (title, task, protocol), methods in groups.items()
        if any(len(found) > 1 for found in methods.values())
    }  # fmt: skip


def _success(material: BeliefMaterial, figures: FigureFolder) -> Markup | None:
    panels, keys = [], ["who", "protocol", "task"]
    ordered = material.success.sort_values(keys, ascending=[True, False, True], kind="stable")  # as `in_order`
    for (who, protocol, task), bins in ordered.groupby(keys, sort=False):
        first = bins.iloc[0]
        pearson = None if first["pearson"] != first["pearson"] else float(first["pearson"])  # NaN
        intervals = map(Interval, bins["mean"], bins["low"], bins["high"])
        shares = list(zip(bins["bin"], bins["points"], intervals, strict=True))
        title = f"{str(task).upper()}, {who}, {protocol}"
        panels.append(SuccessPanel(title, shares, pearson, int(first["left_out"])))
    if not panels:
        return None
    size = (9.6, 0.3 + 2.5 * -(-len(panels) // PANELS_A_ROW))
    described = "Update success against the consistency of the belief before the update"
    return figures.add("success-by-consistency", described, size, partial(draw_success, panels=panels))
