"""What updates of beliefs achieve: the six metrics, always against the model before the block of updates.

A block is r points that are updated one after another; the model is measured once, after the last update. Each metric
has one value for each block. Source: Hase et al., 2021, section 3, Tables 4, 6 and 7, supplement D.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from worldgen.evaluate.metrics import Metric
from worldgen.evaluate.slag.detection import paraphrase_consistency
from worldgen.evaluate.slag.points import Point
from worldgen.evaluate.slag.predictions import Part, PointQuestions, Predictions, is_right
from worldgen.evaluate.statistics.ratios import Ratios, RatioTable

_SUCCESS: Final = "Update success rate"
_RETAIN: Final = "Retain rate"
_ACCURACY: Final = "Accuracy after the update"
_DISTANCE: Final = "Distance from the agent"
UPDATE_METRICS: Final = (
    Metric("usr_main", _SUCCESS, "main", "main", "more"),
    Metric("usr_para", _SUCCESS, "paraphrases", "para", "more"),
    Metric("usr_entailed", _SUCCESS, "entailed", "entailed", "more"),
    Metric("retain_neutral", _RETAIN, "local neutral", "neutral", "more"),
    Metric("retain_all", _RETAIN, "all data", "all", "more"),
    Metric("delta_accuracy", "Change of accuracy, percent points", "all data", "Δ acc", "more"),
)
"""The six metrics of the paper's Table 4."""
FURTHER_METRICS: Final = (
    Metric("usr_entailed_changes", _SUCCESS, "entailed, the agent's answer changes", "changes", "more"),
    Metric("usr_entailed_stays", _SUCCESS, "entailed, the agent's answer stays", "stays", "more"),
    Metric("neutral_accuracy", _ACCURACY, "local neutral", "neutral", "more"),
    Metric("other_entailed_accuracy", _ACCURACY, "entailed by other points", "other", "more"),
    Metric("distance_main", _DISTANCE, "main", "main", "less"),
    Metric("distance_para", _DISTANCE, "paraphrases", "para", "less"),
    Metric("distance_entailed", _DISTANCE, "entailed", "entailed", "less"),
    Metric("distance_neutral", _DISTANCE, "local neutral", "neutral", "less"),
    Metric("distance_random", _DISTANCE, "all data", "all", "less"),
)
BEFORE_AFTER_METRICS: Final = (
    Metric("entailment_before", "Entailment accuracy", "before", "before", "more"),
    Metric("entailment_after", "Entailment accuracy", "after", "after", "more"),
    Metric("consistency_before", "Paraphrase consistency", "before", "before", "more"),
    Metric("consistency_after", "Paraphrase consistency", "after", "after", "more"),
)
"""The paper's Table 7."""


class BeforeAfter(NamedTuple):
    """The predictions of two models for the same questions."""

    before: Predictions
    """The predictions of the model before the block: the same model for every block."""
    after: Predictions
    """The predictions of the model after the last update of the question's block."""


@dataclass(frozen=True)
class RandomSets:
    """The random questions of all blocks, Q in all. No updated point of a block is among its own."""

    block: NDArray[np.int64]
    """[Q]: the number of the block that each question belongs to."""
    model: BeforeAfter
    """Predictions for the Q questions."""
    agent: NDArray[np.float64]
    """[Q]: the agent's credence in a right answer after the block's updates; NaN where nobody knows it."""
    entailed: NDArray[np.bool_]
    """[Q]: whether a question is an entailed one of another point, instead of a main one."""

    def __post_init__(self) -> None:
        lengths = {len(its) for its in (self.block, *self.model, self.agent, self.entailed)}
        if len(lengths) > 1:
            raise ValueError(f"random sets of different lengths: {sorted(lengths)}")

    @staticmethod
    def of(block: NDArray[np.integer], model: BeforeAfter) -> RandomSets:
        """Returns random sets of main questions, where the agent's credences are not known."""
        Q = len(block)
        return RandomSets(np.asarray(block, dtype=np.int64), model, np.full(Q, np.nan), np.zeros(Q, dtype=bool))


@dataclass(frozen=True)
class Updates:
    """N updated points in the order of their updates, in blocks of r, and what two models predict for them."""

    questions: PointQuestions
    """The E questions of the N points."""
    desired: Sequence[tuple[str, ...]]
    """[N]: the predictions that each update asks for, any of which is a success (see `correcting`)."""
    r: int
    """The updates of one block."""
    model: BeforeAfter
    """Predictions for the E questions."""
    random: RandomSets
    agent: NDArray[np.float64] | None = None
    """[E]: the agent's credence in a right answer after the same updates, NaN where unknown; None without an agent."""

    def __post_init__(self) -> None:
        N, E = len(self.questions.points), len(self.questions.asked)
        if not 1 <= self.r <= N:
            raise ValueError(f"{N} points make no block of r = {self.r}")
        agents = E if self.agent is None else len(self.agent)
        if len(self.desired) != N or not E == len(self.model.before) == len(self.model.after) == agents:
            raise ValueError(f"the desired labels, the predictions or the credences are not those of {N} points")
        if len(self.random.block) and not 0 <= self.random.block.min() <= self.random.block.max() < self.blocks:
            raise ValueError(f"a random question belongs to none of the {self.blocks} blocks")

    @property
    def blocks(self) -> int:
        """The number of measurements: floor(N / r). The points of an incomplete last block have none."""
        return len(self.questions.points) // self.r


def correcting(points: Sequence[Point]) -> list[tuple[str, ...]]:
    """Returns what updates ask for that correct a belief: any eligible string of the main question.

    This holds at every r; the paper's code asks for one string at r = 1, and for any at r > 1.
    """
    return [point.main.eligible for point in points]


def update_metrics(updates: Updates) -> RatioTable:
    """Returns `UPDATE_METRICS` and `FURTHER_METRICS` of each block. f is the model before the block, f* after it.

    - usr_main: mean over the block's points of 1[f*(x) is a desired prediction];
    - usr_para: mean over their paraphrases p of 1[f*(p) = f*(x)]: agreement with the new main prediction;
    - usr_entailed: accuracy of f* on the entailed questions that follow from the desired belief, and no others, if
      their label is certain enough; usr_entailed_changes, _stays: on those where the agent's answer changes, or stays;
    - retain_neutral, retain_all: mean of 1[f*(q) = f(q)] over the neutral and the random questions;
    - delta_accuracy: 100 (accuracy of f* - accuracy of f) on the same random questions;
    - distance_*: mean of |p_f*(right answer) - p_agent(right answer)|, where both are known. Entailed questions count
      that follow, also those whose label is too uncertain for usr_entailed.
    NaN where a block has no such question. Source: Hase et al., 2021, section 3.
    """
    table = _BlockTable(updates)
    after, random = updates.model.after, updates.random
    follows = updates.questions.follows(updates.desired)
    certain = follows & updates.questions.certain
    changes = _changes(updates.questions)
    neutral = updates.questions.of(Part.NEUTRAL).entry
    gain = random.model.after.right.astype(np.float64) - random.model.before.right
    distances = table.distances(follows)
    found = {
        "usr_main": table.main(_successes(updates)),
        "usr_para": table.part(Part.PARAPHRASE, table.agrees_with_main(after)),
        "usr_entailed": table.part(Part.ENTAILED, table.right(after, Part.ENTAILED, certain)),
        "usr_entailed_changes": table.part(Part.ENTAILED, table.right(after, Part.ENTAILED, certain & (changes == 1))),
        "usr_entailed_stays": table.part(Part.ENTAILED, table.right(after, Part.ENTAILED, certain & (changes == 0))),
        "retain_neutral": table.part(Part.NEUTRAL, table.retained(Part.NEUTRAL)),
        "retain_all": table.random(random.model.after.text == random.model.before.text),
        "delta_accuracy": table.random(100 * gain),
        "neutral_accuracy": table.part(
            Part.NEUTRAL, table.right(after, Part.NEUTRAL, updates.questions.labelled[neutral])
        ),
        "other_entailed_accuracy": table.random(np.where(random.entailed, random.model.after.right, np.nan)),
    } | distances
    names = [metric.name for metric in (*UPDATE_METRICS, *FURTHER_METRICS)]
    return RatioTable(table.names, {name: found[name] for name in names})


def before_and_after(updates: Updates) -> RatioTable:
    """Returns `BEFORE_AFTER_METRICS` of each block, over the updated points.

    Entailment accuracy: over the questions that follow from the desired belief itself, of both models; the model before
    the update owes nothing to an agent's posterior after it. Paraphrase consistency: the mean over the points of a
    block. Source: Hase et al., 2021, Table 7.
    """
    table = _BlockTable(updates)
    questions = updates.questions
    implied = questions.follows(updates.desired) & questions.certain & questions.implied
    columns = {}
    for name, predictions in updates.model._asdict().items():
        entailed = table.right(predictions, Part.ENTAILED, implied)
        columns[f"entailment_{name}"] = table.part(Part.ENTAILED, entailed)
        columns[f"consistency_{name}"] = table.main(paraphrase_consistency(questions, predictions).values)
    return RatioTable(table.names, {metric.name: columns[metric.name] for metric in BEFORE_AFTER_METRICS})


@dataclass(frozen=True)
class _BlockTable:
    """Counts by block: of the points, of their questions of one part, and of the random questions."""

    updates: Updates

    @property
    def names(self) -> list[str]:
        """The rows' names: the id of each block's first point."""
        points, r = self.updates.questions.points, self.updates.r
        return [points[block * r].id for block in range(self.updates.blocks)]

    def main(self, hit: NDArray) -> Ratios:
        """Returns the ratios of the points. Shapes: hit [N], NaN where a point does not count."""
        return self._count(np.arange(len(hit)) // self.updates.r, hit)

    def part(self, part: Part, hit: NDArray) -> Ratios:
        """Returns the ratios of a part's Q questions. Shapes: hit [Q], NaN where a question does not count."""
        return self._count(self.updates.questions.of(part).point // self.updates.r, hit)

    def random(self, hit: NDArray) -> Ratios:
        """Returns the ratios of the random questions. Shapes: hit [random questions]."""
        return Ratios.count(self.updates.random.block, hit, self.updates.blocks)

    def right(self, predictions: Predictions, part: Part, chosen: NDArray[np.bool_]) -> NDArray[np.float64]:
        """Returns [Q] whether each prediction of a part is right; NaN where it is not chosen."""
        return np.where(chosen, predictions.right[self.updates.questions.of(part).entry], np.nan)

    def agrees_with_main(self, predictions: Predictions) -> NDArray[np.bool_]:
        """Returns [Q] whether the prediction for each paraphrase is the same model's for its main question."""
        questions = self.updates.questions
        paraphrases = questions.of(Part.PARAPHRASE)
        return predictions.text[paraphrases.entry] == predictions.text[questions.main][paraphrases.point]

    def retained(self, part: Part) -> NDArray[np.bool_]:
        """Returns [Q] whether each prediction of a part is the same after the updates as before."""
        entry, (before, after) = self.updates.questions.of(part).entry, self.updates.model
        return after.text[entry] == before.text[entry]

    def distances(self, follows: NDArray[np.bool_]) -> dict[str, Ratios]:
        """Returns the distances from the agent's credences, by the names of their metrics."""
        questions, random, after = self.updates.questions, self.updates.random, self.updates.model.after
        agent = self.updates.agent
        error = np.full(len(after), np.nan) if agent is None else np.abs(after.credence - agent)
        entry = {part: questions.of(part).entry for part in Part}
        entailed = np.where(follows, error[entry[Part.ENTAILED]], np.nan)
        return {
            "distance_main": self.main(error[questions.main]),
            "distance_para": self.part(Part.PARAPHRASE, error[entry[Part.PARAPHRASE]]),
            "distance_entailed": self.part(Part.ENTAILED, entailed),
            "distance_neutral": self.part(Part.NEUTRAL, error[entry[Part.NEUTRAL]]),
            "distance_random": self.random(np.abs(random.model.after.credence - random.agent)),
        }

    def _count(self, block: NDArray[np.int64], hit: NDArray) -> Ratios:
        """Returns the ratios by block, without the points of an incomplete last block."""
        whole = block < self.updates.blocks
        return Ratios.count(block[whole], hit[whole], self.updates.blocks)


def _successes(updates: Updates) -> NDArray[np.bool_]:
    """Returns [N] whether the prediction for each main question after its block is a desired one."""
    said = updates.model.after.text[updates.questions.main]
    found = [is_right(text, labels) for text, labels in zip(said, updates.desired, strict=True)]
    return np.array(found, dtype=bool)


def _changes(questions: PointQuestions) -> NDArray[np.float64]:
    """Returns [Q] 1 or 0: whether the agent's answer to each entailed question changes; NaN where it was not asked."""
    return np.array([np.nan if its.changes is None else its.changes for its in questions.entailed], dtype=np.float64)


BINS: Final = (("0", 0.0, 0.0), ("(0, .2)", 0.0, 0.2), ("[.2, .4)", 0.2, 0.4), ("[.4, .6)", 0.4, 0.6),
               ("[.6, .8)", 0.6, 0.8), ("1", 1.0, 1.0))  # fmt: skip
"""The bins of the paper's Figure 6. A consistency from .8 up to 1 lies in none."""


@dataclass(frozen=True)
class SuccessByConsistency:
    """How the success of single updates goes with the consistency of the belief before."""

    bins: pd.DataFrame
    """One line for each of `BINS`: points, successes, success (their ratio; NaN without points)."""
    left_out: int
    """The points that lie in no bin; the correlation counts them."""
    pearson: float
    """The correlation of success with consistency over all points; NaN if one of them never varies."""


def success_by_consistency(consistency: NDArray[np.float64], success: NDArray[np.float64]) -> SuccessByConsistency:
    """Returns how update success depends on the paraphrase consistency before the update (r = 1).

    Points where either is NaN do not count. Shapes: consistency, success [N]: `detect`'s "consistency", and "usr_main".
    Source: Hase et al., 2021, supplement E, Figure 6.
    """
    known = ~(np.isnan(consistency) | np.isnan(success))
    x, y = consistency[known], success[known]
    member = np.array([(x == low) if low == high else (x >= low) & (x < high) & (x > 0) for _, low, high in BINS])
    points, successes = member.sum(axis=1), member @ y
    share = np.divide(successes, points, out=np.full(len(BINS), np.nan), where=points > 0)
    bins = pd.DataFrame({"points": points, "successes": successes, "success": share}, index=[name for name, *_ in BINS])
    varies = len(x) > 1 and np.ptp(x) > 0 and np.ptp(y) > 0
    pearson = float(np.corrcoef(x, y)[0, 1]) if varies else float("nan")
    return SuccessByConsistency(bins, int((~member.any(axis=0)).sum()), pearson)
