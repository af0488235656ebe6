"""benchmarks/iml.py: what Trainer is given, and contenders that must agree."""

from __future__ import annotations

import benchmark_files
import numpy as np


def test_padding_is_masked_and_has_no_loss() -> None:
    iml = benchmark_files.load("iml")
    rows = [np.array([5, 6, 7]), np.array([8, 9])]
    for block, width in ((1, 3), (16, 16)):
        batch = iml.padded(rows, block)
        assert batch["input_ids"].shape == (2, width)
        assert batch["attention_mask"].sum(dim=1).tolist() == [3, 2]
        assert batch["labels"][1].tolist() == [8, 9, *[iml.IGNORED] * (width - 2)]


def test_losses_that_do_not_agree_are_told() -> None:
    iml = benchmark_files.load("iml")
    some, other = {"name": "ours", "final_loss": 2.0}, {"name": "Trainer", "final_loss": 2.1}
    assert iml.check([some, dict(other, final_loss=2.001)], "cpu") == []
    assert iml.check([some, other], "cpu") == ["Trainer ends at 2.1, ours at 2.0"]
