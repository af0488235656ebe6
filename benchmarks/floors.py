"""What building a world cannot take less than: writing what it leaves, and fetching every item of it once.

    floor = bytes / (bytes written a second) + items / (items gathered a second)

Both rates are measured in the same call: writing to the same disk, flushed; and numpy's `take` of 4-byte items at
random places of a table of a million, which is how ids become fragments, fragments tokens, and sentences documents.
Drawing, compressing, hashing and reading what the stage before left come on top; one process does the gathering.
"""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

# A stage's items: the stage and the row of its manifest that count them.
_ITEMS = {
    "graph": ("graph", "facts"),
    "world": ("world", "facts"),
    "corpus": ("corpus", "sentences"),
    "tokens": ("tokens", "tokens"),
    "agent": ("corpus", "sentences"),  # evidence lines are fewer: every sentence is read to find them
    "cases": ("cases", "probes"),
}


@dataclass(frozen=True)
class Rates:
    """What the machine does at most, in one process."""

    written_bytes_per_second: float
    gathered_items_per_second: float


def measure_rates(folder: Path) -> Rates:
    """The rates of this machine's core and of the disk that holds `folder`: the best of three."""
    content = np.random.default_rng(0).bytes(1 << 27)
    table = np.arange(1 << 20, dtype=np.int32)
    places = np.random.default_rng(0).integers(0, len(table), 1 << 24)

    def write() -> None:
        with tempfile.NamedTemporaryFile(dir=folder) as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())

    return Rates(len(content) / _best(write), len(places) / _best(lambda: table.take(places)))


def floor(stage: str, written: int, rows: dict[str, dict[str, Any]], rates: Rates) -> dict[str, Any]:
    """The bytes and items of a stage, and the seconds that they take at the least."""
    counted_in, name = _ITEMS[stage]
    items = rows[counted_in][name]
    seconds = written / rates.written_bytes_per_second + items / rates.gathered_items_per_second
    return {"bytes": written, "items": items, "items_are": name, "floor_seconds": round(max(seconds, 1e-6), 6)}


def _best(work: Callable[[], object]) -> float:
    def seconds() -> float:
        begun = time.perf_counter()
        work()
        return time.perf_counter() - begun

    return min(seconds() for _ in range(3))
