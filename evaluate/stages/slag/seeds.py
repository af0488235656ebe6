"""Several models of one world in one table of SLAG: intervals resample points or blocks, and models."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from worldgen.errors import UserError
from worldgen.evaluate.runs.load import finished_updates
from worldgen.evaluate.runs.run import Run
from worldgen.evaluate.runs.stage import check_made_with
from worldgen.evaluate.slag.points import Task
from worldgen.evaluate.slag.scoring import BeliefScores, belief_scores_of_seeds
from worldgen.evaluate.stages.slag.points import POINTS, believed
from worldgen.evaluate.stages.slag.scores import detection_table, tables_of_updates

_COSTS = ("steps", "flops", "seconds")


def beliefs_of_seeds(runs: Sequence[Run]) -> tuple[list[BeliefScores], list[BeliefScores]]:
    """Returns the rows of both tables: beliefs before any update, and the updates that all runs have made.

    At r = 1 a point is a row for all models that believe it wrongly. Blocks of several updates are each model's own.
    Raises UserError for runs with other points.
    """
    first = runs[0]
    for run in runs[1:]:
        check_made_with(run.folder / POINTS.name, POINTS.inputs(first))
    return list(_detection(runs)), list(_updates(runs))


def _detection(runs: Sequence[Run]) -> Iterator[BeliefScores]:
    config = runs[0].config
    for task in Task:
        tests = [believed(run, task).of_split("test") for run in runs]
        if tests[0].points:
            tables = [detection_table(test.questions, test.predictions) for test in tests]
            yield belief_scores_of_seeds(task.value, "model", tables, config.score, config.seed, {"seeds": len(runs)})


def _updates(runs: Sequence[Run]) -> Iterator[BeliefScores]:
    config = runs[0].config
    made_by_all = set.intersection(*(set(finished_updates(run.folder)) for run in runs))
    for name in sorted(made_by_all):
        of_runs = [{updated.task: updated for updated in tables_of_updates(run, name)} for run in runs]
        for task, updated in of_runs[0].items():
            its = [found[task] for found in of_runs if task in found]
            if len(its) < len(runs):
                raise UserError(f"{name}: not every run has updated points of the task {task.value}")
            costs = {key: sum(each.about[key] for each in its) / len(its) for key in _COSTS}
            points = {key: sum(each.about[key] for each in its) for key in ("points", "dropped", "left_out")}
            about = {**updated.about, **points, **costs, "seeds": len(runs)}
            tables = [each.table for each in its]
            yield belief_scores_of_seeds(task.value, updated.method, tables, config.score, config.seed, about)
