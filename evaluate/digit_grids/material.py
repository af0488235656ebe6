"""What an experiment shows its network: a function of the config, the seed and the step alone."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from worldgen.evaluate.digit_grids.digits import Digits, DigitSplits, load_digits
from worldgen.evaluate.digit_grids.examples import (
    Canvas,
    Examples,
    answers_of,
    draw_tags,
    draw_training,
    draw_validation,
    images_of,
)
from worldgen.evaluate.digit_grids.groups import GROUPS, Pairs, draw_pairs
from worldgen.evaluate.digit_grids.rational import rational_probabilities
from worldgen.evaluate.digit_grids.settings import DigitGridsConfig
from worldgen.randomness import generator

_STAGE: Final = "digit grids"


class QuestionSet(NamedTuple):
    """The questions that one group is measured on; B of them."""

    group: str
    asked: bool
    """Whether they are about cells that training asks for."""
    images: torch.Tensor
    """[B, 1, S, S], of validation digits."""
    cells: torch.Tensor
    """[B]"""
    answers: torch.Tensor
    """[B, C]"""
    rational_p: float
    """The mean probability that a rational mind gives to the right answers."""


@dataclass(frozen=True)
class Material:
    """Digits, pairs and tags of an experiment."""

    config: DigitGridsConfig
    seed: int
    digits: DigitSplits
    pairs: Pairs
    canvas: Canvas
    tags: NDArray[np.bool_]

    @staticmethod
    def of(config: DigitGridsConfig, seed: int) -> Material:
        """Loads the digits; draws pairs and tags. Raises UserError as `load_digits` and `draw_pairs` do."""
        digits, draw = load_digits(config.digits), generator(seed, f"{_STAGE}/pairs")
        canvas = Canvas(digits.pixels, config.side, config.stride)
        return Material(config, seed, digits, draw_pairs(config, draw), canvas, draw_tags(canvas, draw))

    def batch(self, step: int) -> tuple[torch.Tensor, torch.Tensor]:
        """Returns the images [B, 1, S, S] and the answers [B, C] of a training step."""
        draw = generator(self.seed, f"{_STAGE}/step {step}")
        examples = draw_training(self.config, self.pairs, draw)
        return self._images(examples, self.digits.training, draw), torch.from_numpy(answers_of(examples, self.pairs))

    def questions(self) -> list[QuestionSet]:
        """Returns the questions that the network is measured on, the same at every evaluation."""
        draw = generator(self.seed, f"{_STAGE}/validation")
        found = []
        for (number, asked), examples in draw_validation(self.config, self.pairs, draw).items():
            images = self._images(examples, self.digits.validation, draw)
            cells, answers = torch.from_numpy(examples.cell), torch.from_numpy(answers_of(examples, self.pairs))
            rational_p = float(rational_probabilities(examples, asked, self.pairs).mean())
            found.append(QuestionSet(GROUPS[number].name, asked, images, cells, answers, rational_p))
        return found

    def _images(self, examples: Examples, digits: Digits, draw: np.random.Generator) -> torch.Tensor:
        return torch.from_numpy(images_of(examples, self.pairs, digits, self.tags, self.canvas, draw))
