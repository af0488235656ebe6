"""The part of the page about one editing method: its table, its figures, and one edit in full."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import NamedTuple

import numpy as np
import pandas as pd
from markupsafe import Markup

from worldgen.evaluate.asking.questions import name_of
from worldgen.evaluate.report.figures.calibration import draw_calibration
from worldgen.evaluate.report.figures.edit_panels import draw_one_edit
from worldgen.evaluate.report.figures.metrics_before_after import draw_metrics
from worldgen.evaluate.report.figures.svg import FigureFolder
from worldgen.evaluate.report.material import MeasuredMethod
from worldgen.evaluate.report.one_edit import Example, most_telling_edit
from worldgen.evaluate.report.tables import GROUP_ORDER, Group, groups_of
from worldgen.evaluate.testbed.cases import Case
from worldgen.evaluate.testbed.editing_metrics import GROUPS, MAIN_METRICS, STATEMENT_METRICS
from worldgen.evaluate.testbed.scores import MethodScores
from worldgen.worlds.world import World


class MethodFigures(NamedTuple):
    """The figures of one editing method."""

    effects: Markup
    one_edit: Markup
    calibration: Markup


class EditedMethod(NamedTuple):
    """An editing method on the page: its scores, the two tables of groups, one edit in full, and the figures."""

    scores: MethodScores
    groups: list[Group]
    statements: list[Group]
    example: Example
    plots: MethodFigures


def edited_method(world: World, cases: Sequence[Case], measured: MeasuredMethod, figures: FigureFolder) -> EditedMethod:
    """Returns the part of the page about one method."""
    scores = measured.scores
    example = most_telling_edit(world, cases, measured.replies)
    name, groups = scores.method, scores.groups
    shown = {f"{GROUPS[g]}\n(n = {groups[g].n})": groups[g].rows() for g in GROUP_ORDER[:2] if groups[g].n}
    asked, changing = _at_s1r2(measured.replies), np.array([case.downstream_changes for case in cases])
    plots = MethodFigures(
        effects=figures.add(
            f"{name}-effects", "Every metric before and after the edit", (9.6, 4.6),
            partial(draw_metrics, metrics=MAIN_METRICS, groups=shown),
        ),
        one_edit=figures.add(
            f"{name}-one-edit", "Agent and model before and after one edit, in eight panels", (9.6, 5.0),
            partial(draw_one_edit, panels=example.panels),
        ),
        calibration=figures.add(
            f"{name}-calibration", "Model's probability against agent's credence at s1 r2", (9.6, 3.9),
            partial(draw_calibration, asked=asked, changing=changing),
        ),
    )  # fmt: skip
    tables = groups_of(scores, MAIN_METRICS), groups_of(scores, STATEMENT_METRICS)
    return EditedMethod(scores, *tables, example, plots)


def _at_s1r2(replies: pd.DataFrame) -> pd.DataFrame:
    """Returns [cases] what the metric compares at s1 r2: before the edit the truth, after it the agent's new answer."""
    columns: dict[str, pd.Series] = {}
    for phase, role in (("before", "truth"), ("after", "new_mode")):
        rows = replies[replies["name"] == name_of("s1r2", role)].set_index("case")
        columns |= {f"agent_{phase}": rows[f"credence_{phase}"], f"model_{phase}": rows[phase]}
    return pd.DataFrame(columns).reset_index(drop=True)
