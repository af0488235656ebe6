"""Examples: a definition shows a tag and all answers, a question a border around one cell and that cell's answer.

An image is a strip of two pixels for the tag, and below it the cells: digits of h x h pixels, each with room for a
border of one pixel. Zeros fill it up to a multiple of the network's stride, so that no pixel is lost.

Shapes: B examples, C cells, S x S pixels of an image.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from worldgen.evaluate.digit_grids.digits import Digits
from worldgen.evaluate.digit_grids.groups import GROUPS, TAGS, Pairs
from worldgen.evaluate.digit_grids.settings import DigitGridsConfig

ALL_CELLS: Final = -1
NO_ANSWER: Final = 2
ANSWERS: Final = 3  # A, B and no answer
_SQUARE: Final = 2  # pixels of a tag's black or white square


class Examples(NamedTuple):
    """What examples are about, [B] each."""

    group: NDArray[np.int64]
    pair: NDArray[np.int64]
    cell: NDArray[np.int64]
    """The cell that a question asks for; ALL_CELLS for a definition."""


@dataclass(frozen=True)
class Canvas:
    """How an image is laid out."""

    digit: int
    """The pixels of a digit in each direction, h."""
    side: int
    """The cells of a grid in each direction."""
    stride: int

    @property
    def pitch(self) -> int:
        """The pixels of a cell in each direction."""
        return self.digit + 2

    @property
    def squares(self) -> int:
        """The number of a tag's squares."""
        return self.side * self.pitch // _SQUARE

    @property
    def pixels(self) -> int:
        """The pixels of an image in each direction, S."""
        return -(-(self.side * self.pitch + _SQUARE) // self.stride) * self.stride


def draw_tags(canvas: Canvas, draw: np.random.Generator) -> NDArray[np.bool_]:
    """Returns the squares of each tag, drawn until no two tags are equal and none is black: [3, squares]."""
    while True:
        tags = draw.random((len(TAGS), canvas.squares)) < 0.5
        if len(np.unique(tags, axis=0)) == len(TAGS) and tags.any(axis=1).all():
            return tags


def draw_training(config: DigitGridsConfig, pairs: Pairs, draw: np.random.Generator) -> Examples:
    """Draws a batch of training examples.

    The group is uniform among those that are trained on. An example of a group with both is a definition with
    probability `definition_share`. Pair and cell are uniform, but the held-out cell is never asked for.
    """
    trained = np.array([number for number, group in enumerate(GROUPS) if group.trained])
    share = [0.0 if g.tag is None else config.definition_share if g.questions else 1.0 for g in GROUPS]
    group = draw.choice(trained, config.batch)
    is_definition = draw.random(config.batch) < np.array(share)[group]
    pair = draw.integers(0, config.pairs, config.batch)
    cell = _other_cell(pairs.held_out[group, pair], config.cells, draw)
    return Examples(group, pair, np.where(is_definition, ALL_CELLS, cell))


def draw_validation(
    config: DigitGridsConfig, pairs: Pairs, draw: np.random.Generator
) -> dict[tuple[int, bool], Examples]:
    """Draws the questions that a network is measured on: (number of the group, whether they were asked) -> questions.

    A group with training questions is measured on the cells that are asked for, and on the held-out ones by themselves;
    another one on all of its cells.
    """
    drawn = {}
    for number, group in enumerate(GROUPS):
        for asked in (True, False) if group.questions else (False,):
            pair = draw.integers(0, config.pairs, config.validation)
            held_out = pairs.held_out[number, pair]
            anywhere = draw.integers(0, config.cells, config.validation)
            others = _other_cell(held_out, config.cells, draw)
            cell = others if asked else held_out if group.questions else anywhere
            drawn[number, asked] = Examples(np.full(config.validation, number), pair, cell)
    return drawn


def answers_of(examples: Examples, pairs: Pairs) -> NDArray[np.int64]:
    """Returns the right answer of each cell, [B, C]: NO_ANSWER in the cells that a question does not ask for."""
    C = pairs.entities.shape[2]
    whole = (examples.cell == ALL_CELLS)[:, None]
    told = np.where(whole, pairs.defined[examples.group, examples.pair], pairs.entities[examples.group, examples.pair])
    return np.where(whole | (examples.cell[:, None] == np.arange(C)), told, NO_ANSWER)


def images_of(
    examples: Examples, pairs: Pairs, digits: Digits, tags: NDArray[np.bool_], canvas: Canvas,
    draw: np.random.Generator,
) -> NDArray[np.float32]:  # fmt: skip
    """Returns an image of each example, [B, 1, S, S], with digits drawn from `digits`."""
    drawn = digits.draw(pairs.variables[examples.group, examples.pair], draw)
    images = np.zeros((len(drawn), 1, canvas.pixels, canvas.pixels), dtype=np.float32)
    its_tag = np.array([0 if group.tag is None else group.tag for group in GROUPS])[examples.group]
    strip = np.repeat(tags[its_tag], _SQUARE, axis=1) & (examples.cell == ALL_CELLS)[:, None]
    images[:, 0, :_SQUARE, : strip.shape[1]] = strip[:, None]
    for cell in range(canvas.side**2):
        top, left = (_SQUARE + canvas.pitch * (cell // canvas.side)), canvas.pitch * (cell % canvas.side)
        place = images[:, 0, top : top + canvas.pitch, left : left + canvas.pitch]
        place[examples.cell == cell] = 1.0
        place[:, 1:-1, 1:-1] = drawn[:, cell]
    return images


def _other_cell(held_out: NDArray[np.int64], cells: int, draw: np.random.Generator) -> NDArray[np.int64]:
    """Returns a uniform cell that is not the held-out one."""
    return (held_out + draw.integers(1, cells, held_out.shape)) % cells
