"""How much of an edit it takes to be believed.

    n' = the least whole weight n >= 1 of the edit with p(o) >= goal, or None if there is none

As an assertion (E1), n observations reach at most p(y) = w + (1 - w) m_y, where w is the probability that the report is
genuine: a source that is not trusted cannot say it strongly enough. As independent reports (E2), n is their number.
"""

from __future__ import annotations

from collections.abc import Sequence

from worldgen.bayes.dirichlet import target_credence
from worldgen.bayes.trust.reports import Report
from worldgen.bayes.trust.trust import Trust

MOST_REPORTS = 1000
"""The greatest number of independent reports that is tried."""
_BEYOND = 1e300  # observations: n / (A + n) is 1 in float64
_MET = 1e-9  # of what is missing: a goal that is met exactly must not take one more for rounding, as in `least_weight`


def ceiling(trust: Trust, edit: Report, heard: Sequence[Report] = ()) -> float:
    """Returns the belief in an edit as its weight grows without end, read as an assertion: w + (1 - w) m_y.

    `heard` are edits that came before it. Raises ValueError where reports are independent.
    """
    if trust.reading != "assertion":
        raise ValueError("independent reports have no ceiling: each says more")
    return trust.credence(edit.fact, edit.object, [*heard, edit._replace(weight=_BEYOND)])


def least_weight(trust: Trust, edit: Report, target: float, heard: Sequence[Report] = ()) -> int | None:
    """Returns n' for an edit, whose own weight does not matter; None where no weight is enough.

    The goal is `target`, or half way to 1 for a credence above it already (`Agent.weight_for`). Of independent reports
    at most MOST_REPORTS are tried. `heard` are edits that came before it. Raises ValueError for a target outside
    (0, 1).
    """
    goal = float(target_credence(trust.credence(edit.fact, edit.object, heard), target))
    if trust.reading == "independent":
        return _least_number(trust, edit, goal, heard)
    q = trust.terms(edit.fact, [*heard, edit._replace(weight=1)])  # an assertion is one report, whatever its weight

    def p(weight: float) -> float:
        reports = trust.heard(edit.fact, [*heard, edit._replace(weight=weight)])
        return trust.model.credence(reports, edit.fact, edit.object, q)

    missing = goal - _MET * (1 - goal)
    if p(_BEYOND) < goal:
        return None
    high = 1
    while p(high) < missing:
        high *= 2
    low = high // 2  # not enough, or 0
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if p(middle) >= missing else (middle, high)
    return high


def _least_number(trust: Trust, edit: Report, goal: float, heard: Sequence[Report]) -> int | None:
    """Returns the least number of independent reports. The belief may fall before it rises, so each is tried."""
    room = 16
    for n in range(1, MOST_REPORTS + 1):
        if n >= room:
            room *= 2
            trust = trust.with_room(edit.source, room)
        if trust.credence(edit.fact, edit.object, [*heard, edit._replace(weight=n)]) >= goal:
            return n
    return None
