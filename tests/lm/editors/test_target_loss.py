"""target_loss: the mean over texts of the mean over their tokens, and the probability of each whole target."""

import numpy as np
import pytest
import torch

from worldgen.lm.editors.target_loss import all_above, mean_loss
from worldgen.lm.texts import Text, pad

BATCH = pad([Text([1, 5, 6, 7], 1), Text([1, 5, 6, 7], 3)], torch.device("cpu"))
LOG_P = torch.tensor([0.5, 0.9, 0.8, 0.7]).log()  # of the first text's token and of the second text's three


def test_a_text_counts_the_same_however_many_tokens_it_has():
    expected = -np.mean([np.log(0.5), np.mean(np.log([0.9, 0.8, 0.7]))])
    assert float(mean_loss(LOG_P, BATCH)) == pytest.approx(expected, rel=1e-6)


def test_every_text_must_be_above_the_probability():
    """The texts have the probabilities 0.5 and 0.9 x 0.8 x 0.7 = 0.504."""
    assert [all_above(p, LOG_P, BATCH) for p in (0.49, 0.502, 0.51)] == [True, False, False]
