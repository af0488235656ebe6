"""The part of the page about learned optimizers, of made-up histories."""

from __future__ import annotations

from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest

from worldgen.evaluate.report.figures.svg import FigureFolder
from worldgen.evaluate.report.learned.learning_curves import draw_learning
from worldgen.evaluate.report.learned.optimizer_section import optimizer_section
from worldgen.evaluate.report.learned.trained_optimizer import TrainedOptimizer


def history(scores: dict[int, float], steps: int = 40) -> pd.DataFrame:
    """Four updates a step; what is taught falls by one each step."""
    numbers = np.arange(1, steps + 1)
    columns = {"step": numbers, "updates": 4 * numbers, "taught": steps - numbers, "kept": 0.5, "learned": 0.25}
    return pd.DataFrame(columns | {"score": [scores.get(n, np.nan) for n in numbers]})


def trained(name: str, scores: dict[int, float], steps: int = 40) -> TrainedOptimizer:
    return TrainedOptimizer(name, "request, random", "hard", 2, 5, 5, history(scores, steps))


def test_a_run_without_optimizers_has_no_section(tmp_path: Path) -> None:
    assert optimizer_section([], FigureFolder(tmp_path)) is None


def test_the_best_of_the_validated_is_told(tmp_path: Path) -> None:
    found = optimizer_section(
        [trained("slag", {10: 0.5, 20: 0.75, 40: 0.625}), trained("ke", {})], FigureFolder(tmp_path)
    )
    assert found is not None
    assert [(row.optimizer.name, row.updates, row.chosen_at, row.score) for row in found.rows] == [
        ("slag", 160, 80, 0.75), ("ke", 160, None, None),
    ]  # fmt: skip
    assert (tmp_path / "learned-optimizers.svg").exists()


@pytest.mark.parametrize("steps", [1, 7, 40])
def test_a_curve_has_the_mean_of_each_block_of_steps(steps: int) -> None:
    figure = plt.figure(layout="constrained")
    draw_learning(figure, {"slag": history({steps: 0.5}, steps), "ke": history({}, steps)})
    taught, kept, learned, score = figure.axes
    line = taught.get_lines()[0]
    size = 2 if steps == 40 else 1  # twenty blocks
    expected = np.arange(1, steps + 1).reshape(-1, size).mean(axis=1)
    np.testing.assert_allclose(line.get_xdata(), 4 * expected)
    np.testing.assert_allclose(line.get_ydata(), steps - expected)
    assert set(kept.get_lines()[0].get_ydata()) == {0.5}
    assert set(learned.get_lines()[1].get_ydata()) == {0.25}
    assert [list(its.get_xdata()) for its in score.get_lines()] == [[4 * steps], []]
    plt.close(figure)
