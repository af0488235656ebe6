"""Tuning an update method on dev points: the settings with the best selection score (Hase et al., 2021, section 4).

Every point of the grids is measured as updates are, one at a time, in RUN/slag/tune/METHOD/HASH: a search that was
killed goes on in the middle of a point. RUN/slag/tune/METHOD-PROTOCOL.json holds the scores of all points.
"""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

from worldgen.errors import UserError
from worldgen.evaluate.methods.methods import Method
from worldgen.evaluate.methods.tune import Point, read_grid
from worldgen.evaluate.runs.config import override
from worldgen.evaluate.runs.run import Run
from worldgen.evaluate.slag.scoring import BeliefScores
from worldgen.evaluate.slag.selection import SELECTION_SCORES
from worldgen.evaluate.stages.language_model import make_with_trace
from worldgen.evaluate.stages.slag.scores import rows_of_updates
from worldgen.evaluate.stages.slag.sources import OWN, Sources
from worldgen.evaluate.stages.slag.updates import updates
from worldgen.storage.files import write_text


def tuned(run: Run, method: Method, sources: Sources = OWN) -> Run:
    """Returns the run with the method's settings that score best on dev points, of those in `slag.grids`.

    A method that no grid is about stays as it is set. Raises UserError where no point of a grid has a score.
    """
    points = grid_points(run, method)
    if not points:
        return run
    measured = [_measured(run, method, point, sources) for point in points]
    decides = next(iter(SELECTION_SCORES))
    known = [each for each in measured if each["scores"][decides] is not None]
    if not known:
        raise UserError(f"no settings of {method.name} have a score on dev points: give more points (slag.points)")
    best = max(known, key=lambda each: each["scores"][decides])
    found = {"method": method.name, "points": measured, "best": best}
    name = f"{method.name}-{run.config.slag.protocol}.json"
    write_text(run.folder / "slag" / "tune" / name, json.dumps(found, indent=1) + "\n")
    run.say(f"{method.name} tuned on dev points: {' '.join(best['settings'])}")
    return replace(run, config=override(run.config, best["settings"]))


def grid_points(run: Run, method: Method) -> list[Point]:
    """Returns every combination of settings in the grids that are about a method."""
    about = [grid.split() for grid in run.config.slag.grids]
    mine = [grid for grid in about if all(text.partition("=")[0] in method.settings for text in grid)]
    return [point for grid in mine for point in read_grid(method, grid)]


def _measured(run: Run, method: Method, point: Point, sources: Sources) -> dict[str, Any]:
    """Measures one point of a grid; returns its settings, its selection scores and the means that they are made of."""
    its_run = replace(run, config=override(run.config, point))
    stage = updates(method, its_run, 1, "dev", sources=sources)
    mark = stage.mark(its_run)
    stage = replace(stage, name=f"slag/tune/{method.name}/{mark}")
    make_with_trace(its_run, stage)
    rows = rows_of_updates(its_run, stage.name)
    scores = {name: _mean([score(_means(row)) for row in rows]) for name, score in SELECTION_SCORES.items()}
    return {"settings": list(point), "scores": scores, "measurements": mark}


def _means(row: BeliefScores) -> dict[str, float]:
    return {name: interval.mean for name, interval in row.means.items()}


def _mean(scores: list[float]) -> float | None:
    """Returns the mean over the tasks; None where a task has no score."""
    known = [score for score in scores if score == score]  # no NaN
    return sum(known) / len(known) if known and len(known) == len(scores) else None
