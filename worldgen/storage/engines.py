"""Engines: they call a function for many items in this process, in processes of this machine, or on a Ray cluster.

An engine calls `work(shared, item)` for each item. `shared` is sent to each worker once, as a value. Results come in
the order of the items. Items are taken from their iterator only as workers need them, so that memory does not grow with
the number of items.
"""

from __future__ import annotations

import logging
import os
import socket
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from itertools import chain, islice
from multiprocessing import get_context
from typing import Any, Literal, Protocol, TypeVar

from worldgen.errors import UserError
from worldgen.storage.machine import versions
from worldgen.storage.stores import Reach

S = TypeVar("S")
I = TypeVar("I")  # noqa: E741
R = TypeVar("R")
P = TypeVar("P")

# The packages whose versions decide the bytes of the files that workers make.
_DECISIVE_PACKAGES = ("worldgen", "numpy", "pyarrow")
_ITEMS_PER_WORKER = 2  # one item is at work, one waits


class Engine(Protocol):
    """Workers that call a function for many items."""

    @property
    def distance(self) -> Reach:
        """How far away the workers are."""

    def map(self, work: Callable[[S, I], R], shared: S, items: Iterable[I]) -> Iterator[R]:
        """Yields `work(shared, item)` for each item, in order."""

    def close(self) -> None:
        """Stops what `map` has started; a later `map` starts it again."""


@dataclass(frozen=True)
class Local:
    """This process if `workers` is 1, else as many processes of this machine."""

    workers: int = 1

    @property
    def distance(self) -> Reach:
        """PROCESS for one worker, MACHINE for several."""
        return Reach.PROCESS if self.workers == 1 else Reach.MACHINE

    def map(self, work: Callable[[S, I], R], shared: S, items: Iterable[I]) -> Iterator[R]:
        """Yields `work(shared, item)` for each item, in order. A single item is worked on in this process."""
        items = iter(items)
        first = list(islice(items, 2))
        items = chain(first, items)
        if self.workers == 1 or len(first) < 2:
            yield from map(partial(work, shared), items)
            return
        # A spawned process inherits nothing: no locks, no threads.
        with ProcessPoolExecutor(self.workers, get_context("spawn"), _prepare_process, (work, shared)) as pool:
            try:
                at_once = _ITEMS_PER_WORKER * self.workers
                yield from _in_order(lambda item: pool.submit(_work_in_process, item), Future.result, items, at_once)
            finally:
                pool.shutdown(wait=False, cancel_futures=True)

    def close(self) -> None:
        """Does nothing: the processes end with the `map` that started them."""


class Ray:
    """A Ray cluster: the one at RAY_ADDRESS, or else one on this machine, which `map` starts and `close` shuts down.

    `map` raises UserError if Ray is not installed, if the cluster does not answer, or if a worker has other versions of
    the decisive packages than this process.
    """

    distance = Reach.NETWORK

    def __init__(self, workers: int | None = None) -> None:
        self.workers = workers
        self._started = False

    def map(self, work: Callable[[S, I], R], shared: S, items: Iterable[I]) -> Iterator[R]:
        """Yields `work(shared, item)` for each item, in order; without a number of workers, every core gets work."""
        ray = self._connected()
        workers = self.workers or max(1, int(ray.cluster_resources()["CPU"]))
        task, value = ray.remote(work_with_same_versions), ray.put(shared)
        submit = partial(task.remote, decisive_versions(), work, value)
        yield from _in_order(submit, partial(_ray_result, ray), items, _ITEMS_PER_WORKER * workers)

    def close(self) -> None:
        """Leaves the cluster; a cluster that `map` has started ends."""
        if self._started:
            self._connected().shutdown()
            self._started = False

    def _connected(self) -> Any:
        """Returns the module `ray`, connected to the cluster."""
        # No usage reports to Ray's makers. The import reads this variable.
        os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
        try:
            import ray
        except ImportError:
            raise UserError("--engine ray: Ray is not installed, install it with `pip install ray`") from None
        if not ray.is_initialized():
            address = os.environ.get("RAY_ADDRESS", "local")
            own_cluster: dict[str, Any] = {"num_cpus": self.workers, "include_dashboard": False}
            options = own_cluster if address == "local" else {}
            try:
                _check_answers(address)
                ray.init(address=address, log_to_driver=False, logging_level=logging.ERROR, **options)
            except OSError as error:
                raise UserError(f"no Ray cluster at RAY_ADDRESS={address}: {error}") from None
            self._started = True
        return ray


def engine_of(name: Literal["local", "ray"], workers: int | None) -> Engine:
    """Returns the engine of this name."""
    return Ray(workers) if name == "ray" else Local(workers or 1)


def decisive_versions() -> dict[str, str]:
    """Returns the versions of the packages that decide the bytes of a file."""
    found = versions()
    return {package: found[package] for package in _DECISIVE_PACKAGES}


def work_with_same_versions(expected: dict[str, str], work: Callable[[S, I], R], shared: S, item: I) -> R:
    """Returns `work(shared, item)`. Raises UserError if this worker's decisive versions are not the `expected` ones."""
    here = decisive_versions()
    if here != expected:
        raise UserError(f"a Ray worker has {here}, this process has {expected}: install the same on the cluster")
    return work(shared, item)


def _in_order(submit: Callable[[I], P], take: Callable[[P], R], items: Iterable[I], most: int) -> Iterator[R]:
    """Yields the results in the order of the items. At most `most` items are submitted and not yet taken."""
    pending: deque[P] = deque()
    for item in items:
        if len(pending) == most:
            yield take(pending.popleft())
        pending.append(submit(item))
    while pending:
        yield take(pending.popleft())


def _check_answers(address: str) -> None:
    """Raises OSError if nothing answers at HOST:PORT. Ray itself would keep trying for minutes."""
    host, _, port = address.removeprefix("ray://").rpartition(":")
    if host and port.isdigit():
        socket.create_connection((host, int(port)), timeout=10).close()


def _ray_result(ray: Any, pending: Any) -> Any:
    """Returns a task's result; raises a worker's UserError as it was raised there."""
    try:
        return ray.get(pending)
    except ray.exceptions.RayTaskError as error:
        if isinstance(error.cause, UserError):
            raise error.cause from None
        raise


# In a process of a pool: (work, shared), which are sent once, when the process starts.
_work_and_shared: list[Any] = []


def _prepare_process(work: Callable[[S, I], R], shared: S) -> None:
    _work_and_shared[:] = work, shared


def _work_in_process(item: Any) -> Any:
    work, shared = _work_and_shared
    return work(shared, item)
