"""What a model is asked after every epoch: test questions and losses, by subset.

Shapes: Q test questions, R rows.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray
from transformers import PreTrainedModel

from worldgen.evaluate.internalizing.dataset import KINDS, Dataset, Labelled
from worldgen.lm.staged.passes import Predicted, predict
from worldgen.lm.staged.training import Moment
from worldgen.storage.files import write_table

ANSWERS: Final = "answers-{}.parquet"
TEST: Final = -1
"""The kind of a row about test questions; other rows are about training sequences of a kind in KINDS."""


@dataclass(frozen=True)
class Examination:
    """Asks a model some test questions and some training sequences of each subset."""

    data: Dataset
    questions: NDArray[np.int64]
    """[Q]: the numbers of the test questions that are asked after every epoch."""
    told: tuple[Labelled, ...]
    """Some training sequences of each stage."""
    folder: Path
    """Where the answers to all test questions are kept at the end of every stage."""

    @staticmethod
    def of(data: Dataset, most: int, folder: Path, draw: np.random.Generator) -> Examination:
        """Returns the examination that asks `most` test questions of a subset, drawn at random, and as many sequences.

        Where there are fewer, all are asked.
        """
        asked = _drawn(data.questions.subset, most, draw)
        told = tuple(stage.where(_drawn(stage.subset * len(KINDS) + stage.kind, most, draw)) for stage in data.stages)
        return Examination(data, asked, told, folder)

    def observe(self, model: PreTrainedModel, moment: Moment) -> list[dict[str, float]]:
        """Returns the rows of a moment; at the end of a stage all test questions are asked, and written down."""
        data = self.data
        if moment.is_last:
            read = moment.stage + 1 if moment.epoch else 0
            whole = predict(model, data.questions.sequences)
            self._keep(read, whole)
            some = Predicted(whole.log_p[self.questions], whole.exact[self.questions])
        else:
            some = predict(model, data.questions.sequences.where(self.questions))
        when = {"stage": float(moment.stage), "epoch": float(moment.epoch)}
        rows = list(_by_subset(data.questions.where(self.questions), TEST, some))
        for told in self.told:
            predicted = predict(model, told.sequences)
            for kind in np.unique(told.kind).tolist():
                those = np.flatnonzero(told.kind == kind)
                its = Predicted(predicted.log_p[those], predicted.exact[those])
                rows += _by_subset(told.where(those), kind, its)
        return [when | row for row in rows]

    def as_columns(self, rows: list[dict[str, float]]) -> dict[str, list[str] | list[int] | list[float]]:
        """Returns the rows of all moments as the columns of a tidy table: one row for each moment, subset and kind."""
        names = {TEST: "test question"} | dict(enumerate(KINDS))
        whole: dict[str, list[str] | list[int] | list[float]] = {
            "stage": [int(row["stage"]) + 1 if row["epoch"] else 0 for row in rows],
            "epoch": [int(row["epoch"]) for row in rows],
            "subset": [self.data.subsets[int(row["subset"])] for row in rows],
            "kind": [names[int(row["kind"])] for row in rows],
        }
        return whole | {name: [row[name] for row in rows] for name in ("exact", "p", "log_p", "tokens")}

    def _keep(self, read: int, whole: Predicted) -> None:
        questions = self.data.questions
        columns = {
            "subset": [self.data.subsets[number] for number in questions.subset.tolist()],
            "variable": questions.variable,
            "log_p": whole.log_p,
            "exact": whole.exact,
            "rational": self.data.rational[read],
        }
        write_table(self.folder / ANSWERS.format(read), columns)


def _by_subset(asked: Labelled, kind: int, predicted: Predicted) -> Iterator[dict[str, float]]:
    """Yields the means of each subset: log p of all targets and their number, p, and the share of exact ones."""
    targets = np.diff(asked.sequences.start) - asked.sequences.first_target
    for number in np.unique(asked.subset).tolist():
        its = asked.subset == number
        log_p = predicted.log_p[its]
        yield {
            "subset": float(number),
            "kind": float(kind),
            "log_p": float(log_p.mean()),
            "tokens": float(targets[its].mean()),
            "p": float(np.exp(log_p).mean()),
            "exact": float(predicted.exact[its].mean()),
        }


def _drawn(group: NDArray[np.int64], most: int, draw: np.random.Generator) -> NDArray[np.int64]:
    """Returns up to `most` numbers of each group, sorted."""
    members = [np.flatnonzero(group == each) for each in np.unique(group)]
    return np.sort(np.concatenate([draw.permutation(its)[:most] for its in members]))
