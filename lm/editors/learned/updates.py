"""Updates as tokens: what a learned optimizer is trained on.

An update is one label of a point, with the texts that the updated model is to say and those that it is to go on saying
as before. The asked tokens of a text are the label's, or the answer's.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from worldgen.errors import UserError
from worldgen.lm.editors.learned.settings import ConstrainedConfig, LearnedConfig
from worldgen.lm.texts import Text
from worldgen.randomness import generator

# Hase et al., 2021: of the draws with the paraphrase term, those from points that have paraphrases; of the draws with
# the entailed term, those of an update from which something follows.
PARAPHRASED_SHARE, ENTAILING_SHARE = 0.7, 0.5


@dataclass(frozen=True)
class Update:
    """One update: what the optimizer reads, what is to be learned, and what is to be kept."""

    condition: list[int]
    """The ids of "prediction >> label || input", as `network.conditions_of` gives them."""
    main: Text
    """The input and the label."""
    paraphrases: tuple[Text, ...] = ()
    """The input in other words, and the label."""
    entailed: tuple[Text, ...] = ()
    """Questions whose answers follow from the label, and these answers."""
    neutral: tuple[Text, ...] = ()
    """Questions that the label says nothing about, and their answers."""
    random: tuple[Text, ...] = ()
    """Questions of other points, and their answers."""


@dataclass(frozen=True)
class TrainingPoint:
    """A point that updates are drawn from."""

    updates: tuple[Update, ...]
    """One for each label that may be asked for, without random texts. None of the labels is the model's prediction."""
    known: Text
    """The input and the true label: the text that updates of other points are to leave alone."""


def check_points(points: Sequence[TrainingPoint], config: LearnedConfig) -> None:
    """Raises UserError for points that cannot be drawn from."""
    if len(points) <= config.random_points:
        raise UserError(
            f"there are {len(points)} training points, too few for one and {config.random_points} random ones: "
            "lower random_points or make more points"
        )
    updates = [update for point in points for update in point.updates]
    if not updates:
        raise UserError("no training point has a label that could be asked for: give the points other labels")
    for term, weight in (("paraphrases", config.paraphrase_weight), ("entailed", config.entailed_weight)):
        if weight and not any(getattr(update, term) for update in updates):
            raise UserError(f"no training point has {term}: set the weight of that term to 0")


Pool = list[list[tuple[int, int]]]  # points, each as its labels that may be drawn: numbers of point and label


@dataclass(frozen=True)
class DrawnUpdates:
    """The updates of every step of a training: a function of points, config and seed.

    Each main point is drawn anew, with one of its labels; the random texts are those of other points, all different.
    The constrained objective sees one paraphrase of an update at a time.
    """

    points: Sequence[TrainingPoint]
    config: LearnedConfig
    seed: int

    def of_step(self, step: int) -> list[list[Update]]:
        """Returns `config.sequences` sequences of `config.sequence` updates."""
        draw, config = generator(self.seed, f"learned optimizer, step {step}"), self.config
        return [[self._drawn(draw) for _ in range(config.sequence)] for _ in range(config.sequences)]

    @cached_property
    def _pools(self) -> list[tuple[float, Pool]]:
        """The pools to draw from, each with its share of what the pools before it leave."""
        pools = []
        if self.config.entailed_weight:
            pools.append((ENTAILING_SHARE, self._pool("entailed")))
        if self.config.paraphrase_weight:
            pools.append((PARAPHRASED_SHARE, self._pool("paraphrases")))
        return [*pools, (1.0, self._pool(""))]

    def _pool(self, wanted: str) -> Pool:
        """Returns the labels with texts of the wanted term, point by point; points without one are left out."""
        of_points = (
            [(p, u) for u, update in enumerate(point.updates) if not wanted or getattr(update, wanted)]
            for p, point in enumerate(self.points)
        )
        return [labels for labels in of_points if labels]

    def _drawn(self, draw: np.random.Generator) -> Update:
        chosen = next(pool for share, pool in self._pools if draw.random() < share)
        labels = chosen[draw.integers(len(chosen))]
        p, u = labels[draw.integers(len(labels))]
        update = self.points[p].updates[u]
        if isinstance(self.config, ConstrainedConfig) and update.paraphrases:
            update = replace(update, paraphrases=(update.paraphrases[draw.integers(len(update.paraphrases))],))
        others = draw.choice(len(self.points) - 1, size=self.config.random_points, replace=False)
        return replace(update, random=tuple(self.points[o + (o >= p)].known for o in others))
