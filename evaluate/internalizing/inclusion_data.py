"""The data of set inclusion: its task as sequences of tokens, and what a rational mind answers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from worldgen.bayes.inclusion.members import SetMind, candidates, read
from worldgen.bayes.trust.reliability import Betas
from worldgen.evaluate.internalizing.dataset import KINDS, Dataset, Labelled
from worldgen.evaluate.internalizing.set_inclusion import Integers, Task, draw_task, words_of
from worldgen.evaluate.internalizing.settings import InternalizeConfig, SetInclusionConfig
from worldgen.evaluate.internalizing.subsets import SUBSETS, TAGS, changed_fractions
from worldgen.lm.staged.sequences import Sequences
from worldgen.randomness import generator


def inclusion_data(
    config: InternalizeConfig, sizes: SetInclusionConfig, fractions: Mapping[str, float], seed: int
) -> Dataset:
    """Returns the data of one seed. Raises UserError for fractions or sizes that are impossible."""
    draw = generator(seed, "internalize/set-inclusion")
    task = task_of(config, sizes, fractions, draw)
    words, names = words_of(sizes, draw)
    writer = _Writer(task, words, names, draw.permutation(len(TAGS)))
    stages = tuple(_stage(task, writer, stage, config.order) for stage in (1, 2))
    asked = np.concatenate(list(task.shares.values()))
    test = np.arange(task.questions, task.lists.shape[1])
    if config.stages == "one":
        stages = (Labelled.joined(list(stages)),)
    return Dataset(
        tuple(task.shares),
        stages,
        writer.questions(asked, test),
        rational_answers(task, sizes.values, asked, test, config.stages),
        words,
    )


def task_of(
    config: InternalizeConfig, sizes: SetInclusionConfig, fractions: Mapping[str, float], draw: np.random.Generator
) -> Task:
    """Returns the task of these settings. Raises UserError for fractions or sizes that are impossible."""
    return draw_task(sizes, changed_fractions(fractions, config.fractions, config.alpha), draw)


class _Writer:
    """Writes definitions and questions as tokens."""

    def __init__(self, task: Task, words: tuple[str, ...], names: Integers, tags: Integers) -> None:
        token = {word: number for number, word in enumerate(words)}
        self._task, self._names = task, names
        self._integer = np.array([token[str(i)] for i in range(int(task.lists.max()) + 1)])
        self._tag = np.array([token[f"define{i + 1}"] for i in tags.tolist()])
        yes, no = ("Yes", "No") if "Yes" in token else ("true", "false")
        self._yes, self._no, self._equals, self._percent = token[yes], token[no], token["="], token["%"]
        self._subset = np.full(len(task.true), -1)
        for number, variables in enumerate(task.shares.values()):
            self._subset[variables] = number

    def definitions(self, variables: Integers, order: str) -> Labelled:
        """Returns the definitions: tag, variable and integer in this order, "%" before the last."""
        task = self._task
        columns = {
            "T": self._tag[task.tag[variables]],
            "A": self._names[variables],
            "E": self._integer[task.defined[variables]],
        }
        first, second, last = (columns[letter] for letter in order)
        rows = np.stack([first, second, np.full(len(variables), self._percent), last], axis=1)
        return self._labelled(rows, variables, 1, "definition")

    def questions(self, variables: Integers, places: Integers) -> Labelled:
        """Returns the questions at these places of each variable. The last token, the answer, is to be predicted."""
        task, q = self._task, len(places)
        asked = np.repeat(variables, q)
        lists = self._integer[task.lists[variables][:, places].reshape(len(asked), task.lists.shape[2])]
        answer = np.tile(np.where(task.answers[places], self._yes, self._no), len(variables))
        signs = [np.full(len(asked), sign) for sign in (self._percent, self._equals)]
        rows = np.column_stack([self._names[asked], signs[0], lists, signs[1], answer])
        return self._labelled(rows, asked, rows.shape[1] - 1, "question")

    def _labelled(
        self, rows: Integers, variables: Integers, first_target: int, kind: Literal["question", "definition"]
    ) -> Labelled:
        number = np.full(len(rows), KINDS.index(kind))
        return Labelled(Sequences.of(rows.tolist(), first_target), self._subset[variables], variables, number)


def _stage(task: Task, writer: _Writer, stage: int, order: str) -> Labelled:
    """Returns what a stage trains: definitions, and the training questions of the subsets that have any.

    Of a question every token is to be predicted, as of a definition (the published loss, without its padding).
    """
    defined, asked = _told(task, stage)
    questions = writer.questions(asked, np.arange(task.questions))
    sequences = Sequences(questions.sequences.tokens, questions.sequences.start, np.ones(len(questions), np.int64))
    whole = Labelled(sequences, questions.subset, questions.variable, questions.kind)
    return Labelled.joined([writer.definitions(defined, order), whole])


def _told(task: Task, stage: int) -> tuple[Integers, Integers]:
    """Returns the variables that a stage defines, and those about which it trains questions."""
    none = [np.zeros(0, np.int64)]
    its = {name: variables for name, variables in task.shares.items() if SUBSETS[name].stage == stage}
    defined = [variables for name, variables in its.items() if SUBSETS[name].tag]
    asked = [variables for name, variables in its.items() if SUBSETS[name].asked]
    return np.concatenate(none + defined), np.concatenate(none + asked)


def rational_answers(
    task: Task, n: int, variables: Integers, places: Integers, stages: Literal["one", "two"]
) -> NDArray[np.float64]:
    """Returns [S+1, Q]: the probability of the right answer in a mind that has read 0, 1, ... S stages.

    The questions are those at `places` of each variable, variable by variable, as `_Writer.questions` writes them.
    """
    lists, yes = task.lists[variables][:, places], task.answers[places]
    read_by = [(), (1, 2)] if stages == "one" else [(), (1,), (1, 2)]
    rows = []
    for stages_read in read_by:
        p_yes = mind_of(task, n, stages_read).p_member(variables, lists)
        rows.append(np.where(yes, p_yes, 1 - p_yes).reshape(-1))
    return np.stack(rows)


def mind_of(task: Task, n: int, stages_read: tuple[int, ...]) -> SetMind:
    """Returns the rational mind that has read these stages, and holds every reliability possible (Beta(1, 1))."""
    left = np.ones((len(task.true), n), bool)
    defined = []
    for stage in stages_read:
        its_defined, asked = _told(task, stage)
        defined.append(its_defined)
        if len(asked):
            trained = np.arange(task.questions)
            left[asked] = candidates(task.lists[asked][:, trained], task.answers[trained], n)
    those = np.concatenate([np.zeros(0, np.int64), *defined])
    return read(left, those, task.tag[those], task.defined[those], Betas.uniform(len(TAGS)))
