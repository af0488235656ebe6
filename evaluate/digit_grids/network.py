"""ConvNeXt V2 with an answer for each cell, its loss and its score.

Shapes: B examples, C cells, S x S pixels.
"""

from __future__ import annotations

from typing import Final, NamedTuple

import torch
from torch.nn.functional import cross_entropy, log_softmax
from transformers import ConvNextV2Config, ConvNextV2ForImageClassification

from worldgen.evaluate.digit_grids.examples import ANSWERS
from worldgen.evaluate.digit_grids.settings import DigitGridsConfig

_IMAGES_AT_ONCE: Final = 512


class Marks(NamedTuple):
    """Means over questions."""

    accuracy: float
    """The share of questions whose cell has the right answer as its most probable one of A, B and none."""
    log_p: float
    """The mean of log p(right answer) of that cell, natural logarithm."""


def new_network(config: DigitGridsConfig, seed: int) -> ConvNextV2ForImageClassification:
    """Returns an untrained network, a function of the config and the seed; torch's global generator is left unchanged.

    Its head maps the pooled features to 3 numbers for each cell: A, B and no answer.
    """
    shape = ConvNextV2Config(
        num_channels=1, patch_size=config.patch, num_stages=len(config.hidden), hidden_sizes=list(config.hidden),
        depths=list(config.depths),
    )  # fmt: skip
    shape.num_labels = ANSWERS * config.cells
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return ConvNextV2ForImageClassification(shape)


def answers_loss(
    network: ConvNextV2ForImageClassification, images: torch.Tensor, answers: torch.Tensor
) -> torch.Tensor:
    """Returns the mean cross entropy over examples and all their cells; images [B, 1, S, S], answers [B, C]."""
    return cross_entropy(_logits(network, images).flatten(0, 1), answers.flatten())


@torch.inference_mode()
def marks(
    network: ConvNextV2ForImageClassification, images: torch.Tensor, cells: torch.Tensor, answers: torch.Tensor
) -> Marks:
    """Measures questions [B] by the one cell that each asks for (masked accuracy); `answers` [B, C]."""
    rows = torch.arange(len(cells))
    parts = [_logits(network, some) for some in images.split(_IMAGES_AT_ONCE)]
    log_p = log_softmax(torch.cat(parts).float().cpu()[rows, cells], dim=-1)
    right = answers[rows, cells]
    return Marks(float((log_p.argmax(-1) == right).double().mean()), float(log_p[rows, right].double().mean()))


def _logits(network: ConvNextV2ForImageClassification, images: torch.Tensor) -> torch.Tensor:
    """Returns the logits of each cell's answers, [B, C, 3]."""
    return network(images).logits.unflatten(1, (-1, ANSWERS))
