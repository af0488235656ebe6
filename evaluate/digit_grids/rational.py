"""The probability that a rational mind gives to the right answer of a cell.

It takes a definition for a report of each cell by the source that its tag names. Source k is right about a cell with
probability rho_k ~ Beta(1, 1), beforehand. The cells that training questions ask for are known, so the reports about
them are counted: rho_k has the mean (1 + right) / (2 + right + wrong). An answer that only a definition tells has this
probability if the definition is right about it, else 1 less it; an answer that nobody tells has 1/2. Errors of a source
are independent from cell to cell to this mind, though an inconsistent definition is wrong as a whole.

Shapes: B questions.
"""

from __future__ import annotations

import numpy as np

from worldgen.bayes.sparse import Floats
from worldgen.bayes.trust.reliability import Betas
from worldgen.evaluate.digit_grids.examples import Examples
from worldgen.evaluate.digit_grids.groups import GROUPS, TAGS, Pairs


def reliabilities(pairs: Pairs) -> Floats:
    """Returns the mean of each tag's reliability after all training questions, [3]."""
    right, wrong = np.zeros(len(TAGS)), np.zeros(len(TAGS))
    asked = np.arange(pairs.entities.shape[2]) != pairs.held_out[:, :, None]
    agrees = pairs.defined == pairs.entities
    for number, group in enumerate(GROUPS):
        if group.questions and group.tag is not None:
            right[group.tag] += (agrees & asked)[number].sum()
            wrong[group.tag] += (~agrees & asked)[number].sum()
    return Betas.uniform(len(TAGS)).observe(right, wrong).mean


def rational_probabilities(questions: Examples, asked: bool, pairs: Pairs) -> Floats:
    """Returns p(right answer) of questions about one group, [B]; `asked`: about cells that training asks for."""
    group = GROUPS[questions.group[0]]
    if asked or group.tag is None:
        return np.full(len(questions.cell), 1.0 if asked else 0.5)
    places = questions.group, questions.pair, questions.cell
    trust = reliabilities(pairs)[group.tag]
    return np.where(pairs.defined[places] == pairs.entities[places], trust, 1 - trust)
