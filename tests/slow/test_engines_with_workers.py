"""Every engine gives the results of a plain loop, in order, and takes an item only when a worker needs it."""

from __future__ import annotations

import os
from collections.abc import Iterator

import numpy as np
import pytest

from worldgen.errors import UserError
from worldgen.storage.engines import Engine, Local
from worldgen.storage.stores import Reach


def where_worked(shared: np.ndarray, item: int) -> tuple[int, float, int]:
    return item, float(shared[item]), os.getpid()


def refuse_three(shared: None, item: int) -> int:
    if item == 3:
        raise UserError("not the three")
    return item


@pytest.fixture(params=[1, 2, "ray"])
def engine(request) -> Engine:
    return request.getfixturevalue("ray_engine") if request.param == "ray" else Local(request.param)


def test_results_come_in_order(engine: Engine):
    shared = np.random.default_rng(0).random(40)
    results = list(engine.map(where_worked, shared, iter(range(40))))
    assert [(item, value) for item, value, _ in results] == list(enumerate(shared.tolist()))
    # `distance` says truly whether the workers are other processes.
    assert ({pid for _, _, pid in results} == {os.getpid()}) == (engine.distance == Reach.PROCESS)
    assert list(engine.map(where_worked, shared, [])) == []


def test_a_mistake_in_a_worker_reaches_the_user(engine: Engine):
    with pytest.raises(UserError, match=r"^not the three$"):
        list(engine.map(refuse_three, None, range(20)))


def test_items_are_taken_as_they_are_needed(engine: Engine):
    """At most two items for each worker are ahead of the results, however many items there are."""
    taken = 0

    def items() -> Iterator[int]:
        nonlocal taken
        for taken in range(1, 31):
            yield taken - 1

    for done, _ in enumerate(engine.map(where_worked, np.zeros(30), items())):
        assert taken <= done + 1 + 2 * 2
    assert taken == 30
