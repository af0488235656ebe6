"""How a function is called for many shards: in this process, on processes of this machine, or on a Ray cluster.

`work(shared, item)` is called for every item; `shared` travels to each worker as a value, once. Results come in the
order of the items, which are taken as they are needed: what is in memory does not grow with their number.
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

# What decides the bytes of a file.
_DECISIVE = ("worldgen", "numpy", "pyarrow")
_AT_WORK_EACH = 2  # items a worker: one that it works on, and one that waits


class Engine(Protocol):
    """A way to call a function for many items."""

    @property
    def distance(self) -> Reach:
        """How far away its workers are."""

    def map(self, work: Callable[[S, I], R], shared: S, items: Iterable[I]) -> Iterator[R]:
        """work(shared, item) of every item, in order."""

    def close(self) -> None:
        """Let go of what was started; `map` starts it again."""


@dataclass(frozen=True)
class Local:
    """This process, or several of this machine."""

    workers: int = 1

    @property
    def distance(self) -> Reach:
        """This process or this machine."""
        return Reach.PROCESS if self.workers == 1 else Reach.MACHINE

    def map(self, work: Callable[[S, I], R], shared: S, items: Iterable[I]) -> Iterator[R]:
        """work(shared, item) of every item, in order; a single one is not worth a process."""
        items = iter(items)
        first = list(islice(items, 2))
        items = chain(first, items)
        if self.workers == 1 or len(first) < 2:
            yield from map(partial(work, shared), items)
            return
        # A spawned process inherits nothing: no locks, no threads.
        with ProcessPoolExecutor(self.workers, get_context("spawn"), _begin, (work, shared)) as pool:
            try:
                at_once = _AT_WORK_EACH * self.workers
                yield from _in_order(lambda item: pool.submit(_work_on, item), Future.result, items, at_once)
            finally:
                pool.shutdown(wait=False, cancel_futures=True)

    def close(self) -> None:
        """Nothing: processes end with the `map` that started them."""


class Ray:
    """A Ray cluster: that of RAY_ADDRESS, else one of this machine, which is started and shut down.

    Raises UserError where Ray is not installed or not reached, and where a worker's packages differ from ours.
    """

    distance = Reach.NETWORK

    def __init__(self, workers: int | None = None) -> None:
        self.workers = workers
        self._started = False

    def map(self, work: Callable[[S, I], R], shared: S, items: Iterable[I]) -> Iterator[R]:
        """work(shared, item) of every item, in order; as many at once as the cluster has cores if nothing was said."""
        ray = self._connected()
        workers = self.workers or max(1, int(ray.cluster_resources()["CPU"]))
        task, value = ray.remote(alike), ray.put(shared)
        submit = partial(task.remote, decisive_versions(), work, value)
        yield from _in_order(submit, partial(_taken, ray), items, _AT_WORK_EACH * workers)

    def close(self) -> None:
        """Leave the cluster, and end it if it is ours."""
        if self._started:
            self._connected().shutdown()
            self._started = False

    def _connected(self) -> Any:
        # Set before the import, which reads it: no reports to Ray's makers.
        os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
        try:
            import ray
        except ImportError:
            raise UserError("--engine ray: Ray is not installed, install it with `pip install ray`") from None
        if not ray.is_initialized():
            address = os.environ.get("RAY_ADDRESS", "local")
            ours: dict[str, Any] = {"num_cpus": self.workers, "include_dashboard": False} if address == "local" else {}
            try:
                _knock(address)
                ray.init(address=address, log_to_driver=False, logging_level=logging.ERROR, **ours)
            except OSError as error:
                raise UserError(f"no Ray cluster at RAY_ADDRESS={address}: {error}") from None
            self._started = True
        return ray


def engine_of(name: Literal["local", "ray"], workers: int | None) -> Engine:
    """The engine that a user asks for."""
    return Ray(workers) if name == "ray" else Local(workers or 1)


def decisive_versions() -> dict[str, str]:
    """The versions that decide what a file's bytes are."""
    found = versions()
    return {package: found[package] for package in _DECISIVE}


def alike(expected: dict[str, str], work: Callable[[S, I], R], shared: S, item: I) -> R:
    """work(shared, item). Raises UserError if this worker would write other bytes than the one who asks."""
    here = decisive_versions()
    if here != expected:
        raise UserError(f"a Ray worker has {here}, this process has {expected}: install the same on the cluster")
    return work(shared, item)


def _in_order(submit: Callable[[I], P], take: Callable[[P], R], items: Iterable[I], most: int) -> Iterator[R]:
    """The results in order, while at most `most` items are at work or wait to be taken."""
    pending: deque[P] = deque()
    for item in items:
        if len(pending) == most:
            yield take(pending.popleft())
        pending.append(submit(item))
    while pending:
        yield take(pending.popleft())


def _knock(address: str) -> None:
    """Raises OSError if nobody answers at HOST:PORT; Ray itself would go on trying for minutes."""
    host, _, port = address.removeprefix("ray://").rpartition(":")
    if host and port.isdigit():
        socket.create_connection((host, int(port)), timeout=10).close()


def _taken(ray: Any, pending: Any) -> Any:
    try:
        return ray.get(pending)
    except ray.exceptions.RayTaskError as error:
        if isinstance(error.cause, UserError):
            raise error.cause from None
        raise


# What the processes of a pool are told once: (work, shared).
_told: list[Any] = []


def _begin(work: Callable[[S, I], R], shared: S) -> None:
    _told[:] = work, shared


def _work_on(item: Any) -> Any:
    work, shared = _told
    return work(shared, item)
