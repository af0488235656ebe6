"""Quantities in words: short forms of large numbers, of memory, and of what a stage counted."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

_PREFIXES: Final = ((1e15, " P"), (1e12, " T"), (1e9, " G"), (1e6, " M"), (1e3, " k"))
_COUNT_FORMATS: Final[Mapping[type, str]] = {int: ",", float: ".3g", str: ""}


def amount(value: float) -> str:
    """Returns a quantity to three digits with a prefix: "1.31 M"; a whole number below ten thousand in full: "607"."""
    if value == int(value) and abs(value) < 10_000:
        return str(int(value))
    for size, prefix in _PREFIXES:
        if abs(value) >= size:
            return f"{value / size:.3g}{prefix}"
    return f"{value:.3g}"


def memory(size: int) -> str:
    """Returns a number of bytes in words: "512 MiB", "1.4 GiB"."""
    return f"{size / 2**30:.1f} GiB" if size >= 2**30 else f"{size / 2**20:.0f} MiB"


def counts(rows: Mapping[str, int | float | str]) -> str:
    """Returns what a stage counted, on one line."""
    return ", ".join(f"{name.replace('_', ' ')} {value:{_COUNT_FORMATS[type(value)]}}" for name, value in rows.items())
