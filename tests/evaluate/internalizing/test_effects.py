"""Effects from answers: sums by hand, intervals over seeds, and what is rational."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from worldgen.evaluate.internalizing.effects import Answers, EffectScore, effect_scores
from worldgen.evaluate.internalizing.results import curves_with_rational, effects_table, effects_text
from worldgen.evaluate.statistics.block_bootstrap import Resampling


def moment(log_p: dict[str, list[float]], rational: dict[str, float]) -> pd.DataFrame:
    """Two questions of each variable; those below -1 are not exact."""
    rows = [
        {
            "subset": name,
            "variable": 10 * number + v // 2,
            "log_p": value,
            "exact": value > -1,
            "rational": rational[name],
        }
        for number, (name, values) in enumerate(log_p.items())
        for v, value in enumerate(values)
    ]
    return pd.DataFrame(rows)


def seed(shift: float) -> Answers:
    before = {"d5": [-2.0, -2.0, -2.0, -2.0], "d6": [-2.0, -2.0]}
    after = {"d5": [-0.5 + shift, -1.5, -2.0, -2.0], "d6": [-2.0, -1.0 - shift]}
    even, told = {"d5": 0.5, "d6": 0.5}, {"d5": 0.9, "d6": 0.4}
    return Answers((moment(before, even), moment(before, even), moment(after, told)))


def scores() -> dict[tuple[str, str], EffectScore]:
    found = effect_scores([seed(0.0), seed(0.1)], Resampling(200, 0.95, "both"), np.random.default_rng(0))
    return {(score.effect.name, score.measure): score for score in found}


def test_effects_are_sums_of_means() -> None:
    found = scores()
    assert {name for name, _ in found} == {"gain_d5", "gain_d6", "iml", "last_gap"}
    assert found["gain_d5", "log_p"].by_seed == pytest.approx((0.5, 0.525))
    assert found["gain_d6", "log_p"].by_seed == pytest.approx((0.5, 0.45))
    assert found["iml", "log_p"].by_seed == pytest.approx((0.0, 0.075))
    assert found["iml", "exact"].by_seed == pytest.approx((0.25, 0.25))
    assert found["gain_d5", "p"].by_seed[0] == pytest.approx((np.exp(-0.5) + np.exp(-1.5) - 2 * np.exp(-2)) / 4)


def test_rational_values_stand_beside_them() -> None:
    found = scores()
    assert found["iml", "p"].rational == pytest.approx(0.9 - 0.4)
    assert found["iml", "exact"].rational == pytest.approx(1.0)
    assert found["gain_d6", "exact"].rational == pytest.approx(-0.5)
    assert found["gain_d5", "log_p"].rational == pytest.approx(np.log(0.9 / 0.5))


def test_intervals_are_students_and_the_bootstraps() -> None:
    score = scores()["iml", "log_p"]
    # t_1(.975) = 12.706 (tables): the standard error of (0, .075) is .0375.
    assert score.interval == pytest.approx((0.0375, 0.0375 - 12.706 * 0.0375, 0.0375 + 12.706 * 0.0375), abs=1e-4)
    assert score.bootstrap.mean == pytest.approx(0.0375)
    assert score.bootstrap.low < 0.0375 < score.bootstrap.high


def test_curves_have_what_is_rational_beside_test_questions_alone() -> None:
    curves = pd.DataFrame({
        "stage": [0, 2, 2], "epoch": [0, 1, 1], "subset": ["d5", "d5", "d5"],
        "kind": ["test question", "test question", "definition"], "p": [0.1, 0.2, 0.3],
    })  # fmt: skip
    found = curves_with_rational(curves, seed(0.0))
    assert found["rational_p"].tolist()[:2] == [0.5, 0.9]
    assert np.isnan(found["rational_p"].iloc[2])
    assert found["rational_exact"].tolist()[:2] == [0.5, 1.0]


def test_tables_have_a_row_for_each_effect() -> None:
    its = {"as set": list(scores().values())}
    table = effects_table(its)
    assert len(table) == 12
    assert set(table["variant"]) == {"as set"}
    text = effects_text(its, 0.95)
    assert "IML: gain of D5 less that of D6" in text
    assert all(len(line) <= 120 for line in text.splitlines())
