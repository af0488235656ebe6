"""Set inclusion: each variable stands for an integer x, and a question asks whether x is in a list (appendix D).

    definition    tag variable % x                question    variable % n1 ... nk = answer

The questions of a variable are half true and half false. A true list is x and k - 1 other integers, a false one k
integers without x, drawn uniformly. Test questions are drawn as training questions, and none has the list of one.
Shapes: V variables, q questions of each, k integers of a list, n integers.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product
from string import ascii_lowercase
from typing import Final

import numpy as np
from numpy.typing import NDArray

from worldgen.errors import UserError
from worldgen.evaluate.internalizing.settings import SetInclusionConfig
from worldgen.evaluate.internalizing.subsets import SUBSETS, TAGS, shared_out

Integers = NDArray[np.int64]
_TRIES: Final = 100


@dataclass(frozen=True)
class Task:
    """The variables of one seed: what is true, what definitions say, and all questions."""

    shares: dict[str, Integers]
    """The variables of each subset."""
    true: Integers
    """[V]: the integer x that the answers are about."""
    defined: Integers
    """[V]: the integer that the definition tells; the true one if it is consistent or if there is none."""
    tag: Integers
    """[V]: the number of the definition's tag in TAGS, -1 if there is no definition."""
    lists: NDArray[np.int16]
    """[V, q, k]: the lists of all questions, training questions first; every second one is true, the first one is."""
    questions: int
    """How many of the q are training questions, where the subset has any."""

    @property
    def answers(self) -> NDArray[np.bool_]:
        """[q]: whether the answer is yes, for every variable alike."""
        return np.arange(self.lists.shape[1]) % 2 == 0


def draw_task(config: SetInclusionConfig, fractions: dict[str, float], draw: np.random.Generator) -> Task:
    """Returns a task. Raises UserError for impossible fractions, and for too few different lists."""
    if "q4" in fractions:
        raise UserError("set inclusion asks about variables alone: it has no subset q4, whose questions name integers")
    V, n = config.variables, config.values
    shares = shared_out(fractions, V, draw)
    true = draw.integers(0, n, V)
    # Uniform among the other integers.
    false = (true + draw.integers(1, n, V)) % n
    tag, wrong = np.full(V, -1), np.zeros(V, bool)
    for name, variables in shares.items():
        if (its := SUBSETS[name].tag) is not None:
            tag[variables], wrong[variables] = TAGS.index(its), not SUBSETS[name].consistent
    lists = _drawn_lists(config, true, draw)
    return Task(shares, true, np.where(wrong, false, true), tag, lists, config.questions)


def _drawn_lists(config: SetInclusionConfig, true: Integers, draw: np.random.Generator) -> NDArray[np.int16]:
    """Returns the lists [V, q, k]. A test list that a training question of its variable has is drawn again."""
    n, k, train = config.values, config.list_length, config.questions
    V, q = len(true), train + config.test_questions
    x = np.repeat(true, q)
    holds = np.tile(np.arange(q) % 2 == 0, V)
    lists = _lists(x, holds, n, k, draw).reshape(V, q, k)
    for _ in range(_TRIES):
        as_sets = np.sort(lists, axis=2)
        again = (as_sets[:, train:, None] == as_sets[:, None, :train]).all(axis=3).any(axis=2)
        if not again.any():
            return lists
        variable, place = np.nonzero(again)
        lists[variable, train + place] = _lists(true[variable], (train + place) % 2 == 0, n, k, draw)
    raise UserError(
        f"lists of {k} of {n} integers are too few for {train} training and {q - train} other questions a variable"
    )


def _lists(x: Integers, holds: NDArray[np.bool_], n: int, k: int, draw: np.random.Generator) -> NDArray[np.int16]:
    """Returns lists [N, k] of k different integers below n in random order; x [N] is in a list where `holds` [N]."""
    keys = draw.random((len(x), n))
    rows = np.arange(len(x))
    keys[rows, x] = np.where(holds, -1.0, 2.0)  # x first, or last
    chosen = np.argpartition(keys, k - 1, axis=1)[:, :k].astype(np.int16)
    return draw.permuted(chosen, axis=1)


def words_of(config: SetInclusionConfig, draw: np.random.Generator) -> tuple[tuple[str, ...], Integers]:
    """Returns the word of each token, and the token of each variable [V].

    The words are the padding, the unknown word, signs, answers, tags, integers, letters and variables.
    """
    answers = ("No", "Yes") if config.variant == "text" else ("false", "true")
    first = ("[PAD]", "[UNK]", "=", "%", *answers, *(f"define{i}" for i in range(1, len(TAGS) + 1)))
    fixed = (*first, *map(str, range(config.integers)), *ascii_lowercase)
    names = np.array(["".join(letters) for letters in product(ascii_lowercase, repeat=3)])
    chosen = draw.permutation(len(names))[: config.variables]
    if config.vocabulary == "all":
        return (*fixed, *names.tolist()), len(fixed) + chosen
    return (*fixed, *names[chosen].tolist()), len(fixed) + np.arange(config.variables)
