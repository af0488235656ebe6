"""Facts about this process: the memory that it has held, and the versions of the packages that it runs."""

from __future__ import annotations

import platform
import resource
import sys

_PACKAGES = ("worldgen", "numpy", "scipy", "pyarrow", "torch", "transformers", "tokenizers", "peft")


def peak_memory() -> int:
    """Returns the most memory that this process, or one of its finished child processes, has held, in bytes."""
    unit = 1 if sys.platform == "darwin" else 1024
    return unit * max(resource.getrusage(who).ru_maxrss for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))


def versions() -> dict[str, str]:
    """Returns the versions of Python and of the packages that decide a result; "not installed" for a missing one."""
    from importlib.metadata import PackageNotFoundError, version

    found = {"python": platform.python_version()}
    for package in _PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            found[package] = "not installed"
    return found
