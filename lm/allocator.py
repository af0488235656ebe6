"""The C library's memory, told to keep what is freed."""

from __future__ import annotations

import ctypes
import sys

# glibc's malloc.h
M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3
KEPT_BYTES = 1 << 30


def keep_freed_memory() -> None:
    """Let glibc keep blocks below 1 GiB instead of returning each to the system when it is freed.

    A training step on the CPU frees and asks again for hundreds of arrays of megabytes; with glibc's defaults
    each is mapped, zeroed by the kernel and unmapped again, a third of the time of a small model's step.
    It changes no result. Nothing happens where the C library is another one.
    """
    if sys.platform != "linux":
        return
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(M_MMAP_THRESHOLD, KEPT_BYTES)
        mallopt(M_TRIM_THRESHOLD, KEPT_BYTES)
