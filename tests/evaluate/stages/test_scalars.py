"""worldgen.evaluate.stages.scalars: what TensorBoard is given."""

import sys

import pytest

from worldgen.errors import UserError
from worldgen.evaluate.stages.scalars import Scalars


def test_tensorboard_gets_every_number_but_the_counts(tmp_path):
    accumulator = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    scalars = Scalars(tmp_path)
    for step in (1, 2):
        scalars.add({"step": step, "tokens": 100 * step, "loss": 3.0 / step, "mfu": 0.5})
    scalars.add({"step": 2, "tokens": 200, "and_accuracy": 0.75, "truth_probabilities": [0.5, 0.25]})
    resumed = Scalars(tmp_path)  # from a checkpoint behind the first step
    resumed.add({"step": 2, "tokens": 200, "loss": 1.25, "mfu": 0.5})
    for each in (scalars, resumed):
        each.close()
    events = accumulator.EventAccumulator(str(tmp_path)).Reload()
    assert set(events.Tags()["scalars"]) == {"loss", "mfu", "and_accuracy"}
    assert [(event.step, event.value) for event in events.Scalars("loss")] == [(100, 3.0), (200, 1.25)]


def test_without_the_package_the_user_is_told(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", None)
    with pytest.raises(UserError, match=r"worldgen\[tensorboard\]"):
        Scalars(tmp_path)
