"""Batches that a thread makes ready while the step before them runs."""

from __future__ import annotations

import queue
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import torch

from worldgen.lm.data import Batch

AHEAD = 4  # batches that wait: enough to bridge a short delay, and only a few megabytes


@contextmanager
def prefetched(stream: Iterator[Batch], device: torch.device) -> Iterator[Iterator[Batch]]:
    """Gives the same batches in the same order, made by a thread and, for a GPU, put in page-locked memory.

    An exception of the stream is raised where the batch would have come. The thread ends with the context.
    """
    ready: queue.Queue[Batch | BaseException] = queue.Queue(AHEAD)
    over = threading.Event()

    def work() -> None:
        try:
            if device.type == "cuda":
                torch.cuda.set_device(device)  # otherwise the thread would open the first GPU to pin memory
            for batch in stream:
                _put(ready, batch.pinned() if device.type == "cuda" else batch, over)
                if over.is_set():
                    return
        except BaseException as error:  # the consumer raises it
            _put(ready, error, over)

    thread = threading.Thread(target=work, name="batches", daemon=True)
    thread.start()
    try:
        yield _taken(ready)
    finally:
        over.set()
        thread.join()


def _put(ready: queue.Queue[Batch | BaseException], item: Batch | BaseException, over: threading.Event) -> None:
    """Puts the item in the queue when there is room; gives up once the consumer is gone."""
    while not over.is_set():
        with suppress(queue.Full):
            ready.put(item, timeout=0.1)
            return


def _taken(ready: queue.Queue[Batch | BaseException]) -> Iterator[Batch]:
    while True:
        item = ready.get()
        if isinstance(item, BaseException):
            raise item
        yield item
