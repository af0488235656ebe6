"""Several models of one world in one table of the testbed: intervals resample cases and models."""

from __future__ import annotations

from collections.abc import Sequence

from worldgen.evaluate.asking.measurements import read_costs, read_measurements
from worldgen.evaluate.runs.load import measured_methods
from worldgen.evaluate.runs.run import Run
from worldgen.evaluate.runs.stage import check_made_with
from worldgen.evaluate.stages.testbed import CASES, benchmark_of
from worldgen.evaluate.testbed.scores import MethodScores
from worldgen.evaluate.testbed.scoring import score_seeds


def scores_of_seeds(runs: Sequence[Run]) -> list[MethodScores]:
    """Returns the scores of every method that all runs have measured. Raises UserError for runs with other cases."""
    first = runs[0]
    for run in runs[1:]:
        check_made_with(run.folder / CASES.name, CASES.inputs(first))
    measured_by_all = set.intersection(*(set(measured_methods(run.folder)) for run in runs))
    if not measured_by_all:
        return []
    benchmark = benchmark_of(first, first.folder / CASES.name)
    return [
        score_seeds(
            method,
            benchmark,
            [read_measurements(run.folder / "edits" / method) for run in runs],
            [read_costs(run.folder / "edits" / method) for run in runs],
            first.config.score,
            first.config.seed,
        )
        for method in sorted(measured_by_all)
    ]
