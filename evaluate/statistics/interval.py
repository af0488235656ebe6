"""A mean with its interval, and how a table shows it."""

from __future__ import annotations

from typing import Final, NamedTuple

_SHOWN: Final = 0.01  # tables show two decimals
_ASYMMETRY: Final = 1 / 3


class Interval(NamedTuple):
    """A mean with its interval, from `low` to `high`."""

    mean: float
    low: float
    high: float

    @property
    def half_width(self) -> float:
        """Half the distance from `low` to `high`."""
        return (self.high - self.low) / 2

    @property
    def is_symmetric(self) -> bool:
        """Whether mean ± half width tells the interval.

        It does not where the interval ends at 0 or 1, or where one arm is longer than the other by more than a third
        and by more than the two decimals of a table can show.
        """
        below, above = self.mean - self.low, self.high - self.mean
        shorter, longer = sorted((below, above))
        at_an_end = self.low == 0 or self.high == 1
        return not at_an_end and longer - shorter <= max(_ASYMMETRY * shorter, _SHOWN)


def spread(interval: Interval, sign: str = "") -> str:
    """Returns the interval as it stands behind its mean: "±.02", or " [.94, 1.00]" where that is not symmetric.

    `sign` is "+" where the numbers bear their sign, as those of a difference do.
    """
    if interval.is_symmetric:
        return f"±{_short(interval.half_width)}"
    return f" [{_short(interval.low, sign)}, {_short(interval.high, sign)}]"


def _short(number: float, sign: str = "") -> str:
    """Returns a number with two decimals and no zero before the point: ".94", "-.06", "1.00"."""
    text = f"{number:{sign}z.2f}"  # z: a zero has no minus
    return text.replace("0.", ".", 1) if text.lstrip("+-").startswith("0.") else text
