"""Beliefs detected before any update: consistency under paraphrase and entailment, and independence.

Each metric has one value for each point, NaN where it does not apply, because intervals resample points. The pooled
ratio stands beside the mean over points. Source: Hase et al., 2021, section 5.1, Tables 2 and 3.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from worldgen.evaluate.metrics import Metric
from worldgen.evaluate.slag.points import Paraphrase
from worldgen.evaluate.slag.predictions import Part, PointQuestions, Predictions
from worldgen.evaluate.statistics.ratios import Ratios, RatioTable

SPLITS: Final = {"": "all", "_right": "main right", "_wrong": "main wrong"}
GRADES: Final = {
    "subject": "subject renamed",
    "relation": "relation renamed",
    "both": "both renamed",
    "held_out": "never in the corpus",
}


def _split(name: str, heading: str) -> tuple[Metric, ...]:
    """Declares a metric over all points, and over those whose main prediction is right or wrong."""
    return tuple(
        Metric(name + suffix, heading, label, label.removeprefix("main "), "more") for suffix, label in SPLITS.items()
    )


def _single(name: str, heading: str, short: str) -> Metric:
    return Metric(name, heading, SPLITS[""], short, "more")


BELIEF_METRICS: Final = (
    _single("accuracy", "Main accuracy", "main"),
    *_split("consistency", "Paraphrase consistency"),
    *_split("entailment", "Entailment accuracy"),
    _single("contrapositive", "Contrapositive accuracy", "contra"),
)
"""The columns of the paper's Tables 2, 3 and 14."""
PARAPHRASE_METRICS: Final = (
    *_split("para_accuracy", "Paraphrase accuracy"),
    *_split("para_equality", "Paraphrase equality"),
)
GRADED_METRICS: Final = tuple(
    Metric(f"para_equality_{grade}", "Paraphrase equality", label, grade, "more") for grade, label in GRADES.items()
)
NEUTRAL_METRICS: Final = (
    *_split("neutral_accuracy", "Local neutral accuracy"),
    Metric("unanswered", "Questions without an answer", SPLITS[""], "none", "less"),
)
DETECTION_METRICS: Final = (*BELIEF_METRICS, *PARAPHRASE_METRICS, *GRADED_METRICS, *NEUTRAL_METRICS)
HEADLINE: Final = ("consistency", "entailment_right", "contrapositive")
"""The three numbers of the paper's Table 2."""
_RULE: Final = "entailment "


def rule_metric(rule: str) -> Metric:
    """Returns the entailment accuracy on the questions of one rule (`entailment_by_rule`)."""
    return Metric(f"{_RULE}{rule}", "Entailment accuracy by rule, main right", rule, rule, "more")


def rule_metrics(names: Iterable[str]) -> tuple[Metric, ...]:
    """Returns the metrics of rules among the names of metrics."""
    return tuple(rule_metric(name.removeprefix(_RULE)) for name in names if name.startswith(_RULE))


def detect(questions: PointQuestions, predictions: Predictions) -> RatioTable:
    """Returns all `DETECTION_METRICS` of N points.

    A point without paraphrases, without entailed questions or without neutral ones has no value in their metrics.
    Entailment and contrapositive count what follows from the true main belief itself. A label that is an agent's
    posterior after an update counts by its rule only (`entailment_by_rule`), for nobody was updated yet. The paper's
    entailment accuracy is `entailment_right`: only a model that holds the belief ought to draw the conclusion.
    Shapes: predictions of the E questions. Raises ValueError if they are not as many.
    """
    _check(questions, predictions)
    right = predictions.right[questions.main]
    metrics = {
        "accuracy": Ratios(right.astype(np.float64), np.ones(len(right))),
        "consistency": paraphrase_consistency(questions, predictions),
        "para_accuracy": _share_right(questions, predictions, Part.PARAPHRASE),
        "para_equality": paraphrase_equality(questions, predictions),
        "entailment": entailment_accuracy(questions, predictions, questions.follows_truth & questions.implied),
        "contrapositive": contrapositive_accuracy(questions, predictions),
        "neutral_accuracy": _share_right(questions, predictions, Part.NEUTRAL),
        "unanswered": _unanswered(questions, predictions),
    }
    chosen = {"": np.ones_like(right), "_right": right, "_wrong": ~right}
    found = {name + suffix: its.where(rows) for name, its in metrics.items() for suffix, rows in chosen.items()}
    found |= {f"para_equality_{grade}": its for grade, its in _graded_equality(questions, predictions).items()}
    columns = {metric.name: found[metric.name] for metric in DETECTION_METRICS}
    return RatioTable([point.id for point in questions.points], columns)


def paraphrase_consistency(questions: PointQuestions, predictions: Predictions) -> Ratios:
    """Returns for each point the share of equal pairs of predictions, among its main question and its m paraphrases.

    There are C(m+1, 2) unordered pairs. With c(t) questions that are answered by text t, sum_t C(c(t), 2) are equal.
    A point without paraphrases has no pair. Source: Hase et al., 2021, section 5.1; Elazar et al., 2021.
    """
    N = len(questions.points)
    paraphrases = questions.of(Part.PARAPHRASE)
    entry = np.concatenate([questions.main, paraphrases.entry])
    point = np.concatenate([np.arange(N), paraphrases.point])
    code, texts = pd.factorize(predictions.text[entry])
    key, count = np.unique(point * max(1, len(texts)) + code, return_counts=True)
    equal = np.bincount(key // max(1, len(texts)), count * (count - 1) / 2, minlength=N).astype(np.float64)
    m = np.bincount(paraphrases.point, minlength=N).astype(np.float64)
    return Ratios(equal, m * (m + 1) / 2)


def paraphrase_equality(questions: PointQuestions, predictions: Predictions) -> Ratios:
    """Returns for each point the share of paraphrases whose prediction is that of the main question."""
    return _count(questions, Part.PARAPHRASE, _equals_main(questions, predictions))


def entailment_accuracy(questions: PointQuestions, predictions: Predictions, follows: NDArray[np.bool_]) -> Ratios:
    """Returns for each point the accuracy on the entailed questions that follow.

    A probabilistic one counts only if its label is certain enough (`Entailed.for_accuracy`).
    Shapes: follows [Q] (see `PointQuestions.follows`). Source: Hase et al., 2021, section 5.1.
    """
    right = predictions.right[questions.of(Part.ENTAILED).entry]
    return _count(questions, Part.ENTAILED, np.where(follows & questions.certain, right, np.nan))


def contrapositive_accuracy(questions: PointQuestions, predictions: Predictions) -> Ratios:
    """Returns how often a point's main prediction is wrong where an entailed one is wrong.

    "M implies E" says too: "not E implies not M". Only questions for which this rule holds count, and of these the ones
    that follow from the true main belief and are predicted wrong. Source: Hase et al., 2021, section 5.1.
    """
    members = questions.of(Part.ENTAILED)
    holds = np.array([its.contrapositive for its in questions.entailed], dtype=bool)
    counts = holds & questions.follows_truth & questions.implied & ~predictions.right[members.entry]
    main_wrong = ~predictions.right[questions.main][members.point]
    return _count(questions, Part.ENTAILED, np.where(counts, main_wrong, np.nan))


def entailment_by_rule(questions: PointQuestions, predictions: Predictions) -> RatioTable:
    """Returns the entailment accuracy by rule, in alphabetical order, of points whose main prediction is right."""
    right = predictions.right[questions.main]
    follows = questions.follows_truth
    rule = np.array([its.rule for its in questions.entailed], dtype=object)
    columns = {
        name: entailment_accuracy(questions, predictions, follows & (rule == name)).where(right)
        for name in sorted(set(rule))
    }
    return RatioTable([point.id for point in questions.points], columns)


@dataclass(frozen=True)
class Independence:
    """How far right answers to main questions go with right answers to neutral ones, pair by pair."""

    counts: NDArray[np.int64]
    """[2, 2]: pairs by main prediction (wrong, right) and neutral prediction (wrong, right)."""
    pearson: float
    """The correlation of main right with neutral right; NaN if one of them never varies."""
    shuffled: NDArray[np.float64]
    """[S]: the same correlation, where every point has the main prediction of a random point."""

    @property
    def table(self) -> NDArray[np.float64]:
        """[2, 2]: the counts, each row divided by its sum; NaN in a row without pairs."""
        total = self.counts.sum(axis=1, keepdims=True)
        return np.divide(self.counts, total, out=np.full((2, 2), np.nan), where=total > 0)

    @property
    def p_value(self) -> float:
        """(1 + the shuffles with |r| at least as large) / (1 + S), two-sided; NaN if r is."""
        if np.isnan(self.pearson):
            return float("nan")
        as_large = np.abs(self.shuffled) >= abs(self.pearson) - 1e-12  # equal sums, added up in another order
        return float((1 + as_large.sum()) / (1 + len(self.shuffled)))


def independence(
    questions: PointQuestions, predictions: Predictions, draw: np.random.Generator, shuffles: int = 1000
) -> Independence:
    """Returns how main and neutral predictions go together.

    A pair is a labelled neutral question with its point's main question. The control shuffles the main predictions
    among the points that have such questions; the neutral questions of a point stay together.
    Source: the paper's published code; its text has no such table.
    """
    _check(questions, predictions)
    neutral = _share_right(questions, predictions, Part.NEUTRAL)
    main = predictions.right[questions.main]
    # Points with h right ones of k neutral questions are one kind. A shuffle only matters by how many right main
    # predictions fall to each kind, and these numbers are multivariate hypergeometric.
    (h, k), kind = np.unique(np.stack([neutral.hits, neutral.trials]), axis=1, return_inverse=True)
    h, k, kind = h[k > 0], k[k > 0], kind.ravel()[neutral.trials > 0] - int((k == 0).sum())
    size = np.bincount(kind, minlength=len(k))
    right = np.bincount(kind, main[neutral.trials > 0], minlength=len(k)).astype(np.int64)
    counts = np.array([[w @ (k - h), w @ h] for w in (size - right, right)]).astype(np.int64)
    pearson = float(_correlations(right[np.newaxis], size, h, k)[0])
    shuffled = draw.multivariate_hypergeometric(size, int(right.sum()), size=shuffles)
    return Independence(counts, pearson, _correlations(shuffled, size, h, k))


def _correlations(
    right: NDArray[np.int64], size: NDArray[np.int64], h: NDArray[np.float64], k: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Returns [S] the correlation of x with y over pairs: right[s, i] of the size[i] points of kind i have x = 1.

    A point of kind i has k[i] pairs, in h[i] of which y is 1. With n pairs, as x^2 = x and y^2 = y:
    r = (n sum xy - sum x sum y) / sqrt((n sum x - (sum x)^2) (n sum y - (sum y)^2)).
    """
    n, y = size @ k, size @ h
    x, xy = right @ k, right @ h
    square = (n * x - x**2) * (n * y - y**2)
    return np.divide(n * xy - x * y, np.sqrt(square), out=np.full(len(right), np.nan), where=square > 0)


def _equals_main(questions: PointQuestions, predictions: Predictions) -> NDArray[np.bool_]:
    """Returns [Q] whether the prediction for each paraphrase is that for its main question."""
    members = questions.of(Part.PARAPHRASE)
    main = predictions.text[questions.main][members.point]
    return (predictions.text[members.entry] == main).astype(bool)


def _graded_equality(questions: PointQuestions, predictions: Predictions) -> dict[str, Ratios]:
    """Returns the paraphrase equality by what is renamed, and over the names that the corpus never joins."""
    equal = _equals_main(questions, predictions)

    def grade(its: Paraphrase) -> tuple[bool, ...]:
        return (its.part == "subject", its.part == "relation", its.part == "both", its.held_out)

    of = np.array([grade(its) for its in questions.paraphrases], dtype=bool).reshape(-1, len(GRADES))
    return {
        name: _count(questions, Part.PARAPHRASE, np.where(of[:, number], equal, np.nan))
        for number, name in enumerate(GRADES)
    }


def _share_right(questions: PointQuestions, predictions: Predictions, part: Part) -> Ratios:
    entry = questions.of(part).entry
    return _count(questions, part, np.where(questions.labelled[entry], predictions.right[entry], np.nan))


def _unanswered(questions: PointQuestions, predictions: Predictions) -> Ratios:
    point = np.concatenate([questions.of(part).point for part in Part])
    entry = np.concatenate([questions.of(part).entry for part in Part])
    return Ratios.count(point, predictions.text[entry] == "", len(questions.points))


def _count(questions: PointQuestions, part: Part, hit: NDArray) -> Ratios:
    """Returns the ratios by point of a part's questions. Shapes: hit [Q], NaN where a question does not count."""
    return Ratios.count(questions.of(part).point, hit, len(questions.points))


def _check(questions: PointQuestions, predictions: Predictions) -> None:
    if len(predictions) != len(questions.asked):
        raise ValueError(f"{len(predictions)} predictions for {len(questions.asked)} questions")
