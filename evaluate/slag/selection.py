"""Scores by which settings of an update method are chosen on dev points.

Means of metrics go in by their names (`update_metrics`); a metric that is missing or NaN is not available. Success,
retention and accuracy are shares, and the change of accuracy is divided by 100, so that all have one unit.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Final

_SUCCESSES: Final = ("usr_main", "usr_para", "usr_entailed")
_RETENTION: Final = ("retain_neutral",)


def text_score(means: Mapping[str, float]) -> float:
    """Returns the mean of: the mean update success rate, the local neutral retain rate, the change of accuracy.

    Each of the three is left out if it is not available. NaN if none is.
    Source: Hase et al., 2021, section 4 and supplement B.2.
    """
    return _mean(_mean(*_available(means, _SUCCESSES)), *_available(means, _RETENTION), *_change(means))


def code_score(means: Mapping[str, float]) -> float:
    """Returns the score of the paper's published code: as `text_score`, but with accuracies in the third group.

    The third group is the mean of: the change of accuracy; the accuracy on entailed questions (which is counted among
    the update success rates too), on entailed questions of other points, and on local neutral questions.
    """
    accuracies = _available(means, ("usr_entailed", "other_entailed_accuracy", "neutral_accuracy"))
    successes = _mean(*_available(means, _SUCCESSES))
    return _mean(successes, *_available(means, _RETENTION), _mean(*_change(means), *accuracies))


SELECTION_SCORES: Final[Mapping[str, Callable[[Mapping[str, float]], float]]] = {
    "text": text_score,
    "code": code_score,
}
"""The scores by name. The first is the one that settings are chosen by."""


def _available(means: Mapping[str, float], names: tuple[str, ...]) -> list[float]:
    return [means[name] for name in names if name in means and not math.isnan(means[name])]


def _change(means: Mapping[str, float]) -> list[float]:
    return [change / 100 for change in _available(means, ("delta_accuracy",))]


def _mean(*numbers: float) -> float:
    """Returns the mean of the numbers that are not NaN; NaN if there are none."""
    known = [number for number in numbers if not math.isnan(number)]
    return sum(known) / len(known) if known else math.nan
