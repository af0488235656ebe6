"""How a downstream fact is believed that was told itself: by sentences of the corpus, or by an edit.

    marginal  p(o) = m(o)
    edits     p(o) = (kappa m(o) + e(o)) / (kappa + E)    kappa = a K + the sum of the fact's counts without its edits
    own       p(o) = (kappa m(o) + n(o)) / (kappa + N)    kappa is a setting

m is the fact's marginal; in `edits` and `own` it is the marginal without the fact's own edits. e(o) are the weights of
these edits and E is their sum; n(o) are the fact's counts, edits included, and N is their sum.

Source: `marginal` is section 6.3 of the paper; the two others are ours (docs/rational-agent.md says why).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal, NamedTuple

import numpy as np

from worldgen.bayes.counts import Counts
from worldgen.bayes.distribution import Distribution

ReadingName = Literal["marginal", "edits", "own"]


class Reading(NamedTuple):
    """A choice of the formula for downstream facts."""

    name: ReadingName = "edits"
    kappa: float = 1.0
    """The weight of the marginal in observations; `own` alone has it."""

    @property
    def text(self) -> str:
        """The choice in words: "marginal", "edits", "own, kappa 2.5"."""
        return f"own, kappa {self.kappa:g}" if self.name == "own" else self.name


USUAL: Final = Reading()
PAPER: Final = Reading("marginal")


@dataclass(frozen=True)
class Told:
    """The observations of a downstream fact that count beside its marginal, which weighs `kappa` of them."""

    kappa: float
    counts: Counts

    @property
    def strength(self) -> float:
        """kappa + the sum of the counts."""
        return self.kappa + self.counts.total

    def added_to(self, m: Distribution) -> Distribution:
        """Returns (kappa m(o) + n(o)) / (kappa + N); without an observation it is m itself, to the bit."""
        if not self.counts.total:
            return m
        n, share = self.counts, self.kappa / self.strength
        objects = np.union1d(m.object, n.object).astype(np.int32)
        excess = np.zeros(len(objects))
        excess[np.searchsorted(objects, n.object)] = n.excess
        probability = share * m.at(objects) + (excess + n.default) / self.strength
        return Distribution(m.K, objects, probability, share * m.default + n.default / self.strength)
