"""steps: when a text is learned, by hand."""

from __future__ import annotations

import pytest
import torch

from worldgen.lm.editors.settings import FineTuningConfig
from worldgen.lm.editors.tuning.steps import learned_texts

# Two texts of two tokens. Of the first both tokens are the argmax, with probabilities .4 and .4; of the second the
# first token is (.9), and the other is not (.4 against .6).
P = torch.tensor([[0.4, 0.3, 0.3], [0.3, 0.4, 0.3], [0.05, 0.05, 0.9], [0.6, 0.4, 0.0]])
TARGETS, ROWS = torch.tensor([0, 1, 2, 1]), torch.tensor([0, 0, 1, 1])
LOG_P = P.gather(1, TARGETS[:, None])[:, 0].log()


@pytest.mark.parametrize(
    ("stop", "probability", "expected"),
    [
        ("predicted", 0.95, [True, False]),
        ("probability", 0.95, [False, False]),
        ("probability", 0.3, [False, True]),
        ("probability", 0.15, [True, True]),
        ("probability", 1.0, [False, False]),
    ],
)
def test_a_text_is_learned_by_the_rule(stop, probability, expected):
    config = FineTuningConfig(stop=stop, stop_probability=probability)
    assert learned_texts(config, P.log(), LOG_P, TARGETS, ROWS, 2).tolist() == expected


def test_a_text_without_tokens_counts_as_learned():
    """Padding of a batch is such a text."""
    config = FineTuningConfig(stop="predicted")
    assert learned_texts(config, P.log(), LOG_P, TARGETS, ROWS, 3).tolist() == [True, False, True]
