"""The mistakes a user can make, each told in one line that says how to mend it."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class UserError(ValueError):
    """Input that cannot be used as it is; the message is one line and says the mend."""


class Paused(Exception):  # noqa: N818  # nothing went wrong
    """Work that was given so much time has stopped where it can go on; the message says how."""


class UnknownNameError(UserError):
    """A name that is not in the world; the message offers the nearest ones."""

    def __init__(self, kind: str, name: str, known: Iterable[str]) -> None:
        near = difflib.get_close_matches(name, list(known), n=3, cutoff=0.6)
        hint = f"did you mean {' or '.join(repr(n) for n in near)}?" if near else "no name is near it"
        super().__init__(f"unknown {kind} {name!r}: {hint}")
