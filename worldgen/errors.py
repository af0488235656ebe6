"""Errors that are a user's to mend. Each message is one line and says how."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class UserError(ValueError):
    """A mistake in the user's input or surroundings; the message is one line and says how to mend it."""


class Paused(Exception):  # noqa: N818  # a pause is no error
    """Work that has stopped because its time is up, and that can go on; the message says with which command."""


_LONGEST_NAME = 200  # characters; comparing a longer one with all names would take minutes


class UnknownNameError(UserError):
    """A name that the world does not have; the message offers up to three similar names."""

    def __init__(self, kind: str, name: str, known: Iterable[str]) -> None:
        near = difflib.get_close_matches(name, list(known), n=3, cutoff=0.6) if len(name) <= _LONGEST_NAME else []
        hint = f"did you mean {' or '.join(repr(n) for n in near)}?" if near else "no name is near it"
        super().__init__(f"unknown {kind} {name!r}: {hint}")
