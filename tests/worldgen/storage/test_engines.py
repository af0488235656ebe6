"""Which engine works, with how many workers, and what it refuses; tests/slow has them at work."""

from __future__ import annotations

import os
import sys

import numpy as np
import pytest

from worldgen.errors import UserError
from worldgen.storage.engines import Local, Ray, decisive_versions, engine_of, work_with_same_versions
from worldgen.storage.stores import Reach


def where_worked(shared: np.ndarray, item: int) -> tuple[int, float, int]:
    return item, float(shared[item]), os.getpid()


def test_a_single_item_needs_no_process():
    ((_, _, pid),) = Local(4).map(where_worked, np.zeros(1), [0])
    assert pid == os.getpid()


def test_an_engine_has_a_name_and_a_number_of_workers():
    assert engine_of("local", None) == Local(1)
    assert engine_of("local", 3) == Local(3)
    assert engine_of("ray", 3).distance == Reach.NETWORK


def test_a_missing_ray_is_refused_with_the_mend(monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(UserError, match="pip install ray"):
        next(Ray().map(where_worked, np.zeros(1), [0]))


def test_a_cluster_that_does_not_answer_is_named(monkeypatch):
    # The cluster of other tests stays as it is.
    monkeypatch.setattr(pytest.importorskip("ray"), "is_initialized", lambda: False)
    monkeypatch.setenv("RAY_ADDRESS", "127.0.0.1:1")
    with pytest.raises(UserError, match=r"^no Ray cluster at RAY_ADDRESS=127\.0\.0\.1:1: "):
        next(Ray().map(where_worked, np.zeros(1), [0]))


def test_a_worker_with_other_packages_is_refused():
    assert work_with_same_versions(decisive_versions(), where_worked, np.array([0.5]), 0)[:2] == (0, 0.5)
    with pytest.raises(UserError, match=r"pyarrow.*1\.0"):
        work_with_same_versions(decisive_versions() | {"pyarrow": "1.0"}, where_worked, np.array([0.5]), 0)
