"""The experiment on grids of digits from end to end: it learns, is measured, goes on after a kill, and keeps apart."""

from __future__ import annotations

import pandas as pd
import pytest

from worldgen.errors import UserError
from worldgen.evaluate.digit_grids.experiment import run_digit_grids
from worldgen.evaluate.digit_grids.settings import mini

CONFIG = mini().model_copy(
    update={"hidden": (8, 16), "depths": (1, 1), "pairs": 12, "batch": 16, "steps": 24, "warmup_steps": 2,
            "evaluate_every": 8, "validation": 20, "checkpoint_steps": 5}
)  # fmt: skip


class KilledError(Exception):
    pass


def files_of(folder):
    return {path.relative_to(folder): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_a_killed_experiment_goes_on_and_ends_with_the_same_bytes(tmp_path):
    def kill_at_16(line):
        if line.startswith("step 16"):
            raise KilledError

    lines = []
    table = run_digit_grids(CONFIG, 0, tmp_path / "whole", say=lines.append)
    with pytest.raises(KilledError):
        run_digit_grids(CONFIG, 0, tmp_path / "killed", say=kill_at_16)
    assert [path.name for path in (tmp_path / "killed").glob("checkpoint*")] == ["checkpoint-000000015"]
    again = run_digit_grids(CONFIG, 0, tmp_path / "killed", say=lambda _: None)
    assert files_of(tmp_path / "killed") == files_of(tmp_path / "whole")
    pd.testing.assert_frame_equal(again, table)
    assert [line.partition(":")[0] for line in lines] == ["step 8", "step 16", "step 24"]
    assert set(table.step) == {8, 16, 24}
    assert len(table) == 3 * 10
    assert table.loss.iloc[-1] < table.loss.iloc[0]
    assert list(pd.read_parquet(tmp_path / "whole" / "accuracy.parquet")) == list(table)
    told = run_digit_grids(CONFIG, 0, tmp_path / "whole", say=lambda _: pytest.fail("it is finished"))
    pd.testing.assert_frame_equal(told, table)
    with pytest.raises(UserError, match="other settings"):
        run_digit_grids(CONFIG, 1, tmp_path / "whole")
