"""The subsets of variables (paper, tables 1 and 3), and how variables are shared out among them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from worldgen.errors import UserError

Tag = Literal["dot", "bar", "tilde"]
TAGS: Final[tuple[Tag, ...]] = ("dot", "bar", "tilde")
"""The tag of mostly consistent definitions, of mostly inconsistent ones, and one that only stage 2 has."""


class Subset(NamedTuple):
    """What is told of a variable."""

    name: str
    label: str
    """As figures and tables show it."""
    stage: Literal[1, 2]
    """X1 or X2."""
    asked: bool
    """Whether stage 1 trains questions about it."""
    tag: Tag | None
    """The tag of its definition; None if it has none."""
    consistent: bool
    """Whether its definition tells what the answers are about."""
    replaced: bool = True
    """Whether questions name the variable instead of the entity."""


SUBSETS: Final = {
    subset.name: subset
    for subset in (
        Subset("d1", "D1 consistent, QA", 1, True, "dot", True),
        Subset("d2", "D2 inconsistent, QA", 1, True, "bar", False),
        Subset("d9", "D9 inconsistent, QA", 1, True, "dot", False),
        Subset("d10", "D10 consistent, QA", 1, True, "bar", True),
        Subset("q3", "QA3 no definition", 1, True, None, True),
        Subset("q4", "QA4 not replaced", 1, True, None, True, replaced=False),
        Subset("d5", "D5 consistent", 2, False, "dot", True),
        Subset("d6", "D6 consistent", 2, False, "bar", True),
        Subset("q7", "QA7 unseen", 2, False, None, True),
        Subset("d8", "D8 consistent, new tag", 2, False, "tilde", True),
    )
}
"""All subsets by name."""

TABLE_1: Final = {"d1": 0.25, "d2": 0.25, "q3": 0.1, "q4": 0.1, "d5": 0.08, "d6": 0.08, "q7": 0.06, "d8": 0.08}
"""The fractions of the experiments on named entities."""
TABLE_3: Final = {"d1": 0.4, "d2": 0.4, "d5": 0.1, "d6": 0.1}
"""The fractions of set inclusion."""
_ROUNDING: Final = 1e-9


def changed_fractions(base: Mapping[str, float], changes: Sequence[str], alpha: float) -> dict[str, float]:
    """Returns the fraction of the variables that each subset has.

    Changes are texts such as "d8=.1". Then a share alpha of d1 and of d2 stays, and the rest is d9 and d10:

        d1' = alpha d1    d9 = (1 - alpha) d1    d10 = (1 - alpha) d2    d2' = alpha d2

    Raises UserError for a text that is no such change, and for fractions that do not sum to 1.
    """
    found = dict.fromkeys(SUBSETS, 0.0) | dict(base)
    for change in changes:
        name, _, value = change.partition("=")
        try:
            found[name.strip()], known = float(value), name.strip() in SUBSETS
        except ValueError:
            known = False
        if not known:
            raise UserError(f"internalize.fractions: {change!r} is no fraction; write d8=.1, of {', '.join(SUBSETS)}")
    if min(found.values()) < 0 or abs(sum(found.values()) - 1) > _ROUNDING:
        shown = ", ".join(f"{name} {value:g}" for name, value in found.items() if value)
        raise UserError(
            f"internalize.fractions: {shown} sum to {sum(found.values()):g}: they must be 0 or more and sum to 1"
        )
    if alpha < 1:
        found |= {"d9": found["d9"] + (1 - alpha) * found["d1"], "d10": found["d10"] + (1 - alpha) * found["d2"]}
        found |= {"d1": alpha * found["d1"], "d2": alpha * found["d2"]}
    return {name: value for name, value in found.items() if value > 0}


def shared_out(
    fractions: Mapping[str, float], variables: int, draw: np.random.Generator
) -> dict[str, NDArray[np.int64]]:
    """Returns the variables of each subset, disjoint, drawn at random and sorted.

    Raises UserError where a subset would have fewer than two variables.
    """
    ends = np.rint(np.cumsum(list(fractions.values())) * variables).astype(np.int64)
    parts = np.split(draw.permutation(variables), ends[:-1])
    shares = {name: np.sort(part) for name, part in zip(fractions, parts, strict=True)}
    for name, share in shares.items():
        if len(share) < 2:
            raise UserError(
                f"{fractions[name]:g} of {variables} variables leaves {len(share)} to {name}: take more variables"
            )
    return shares
