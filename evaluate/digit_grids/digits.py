"""Images of handwritten digits, apart for training and for validation.

Shapes: n images, h x h pixels each.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from worldgen.errors import UserError

CLASSES = 10
_MNIST_SIDE = 28
_VALIDATION_PART = 5  # one image in five


@dataclass(frozen=True)
class Digits:
    """Images ordered by their labels; those of label d are the rows first[d] .. first[d + 1] - 1."""

    images: NDArray[np.float32]
    """[n, h, h], from 0 (paper) to 1 (ink)."""
    first: NDArray[np.int64]
    """[11]"""

    def draw(self, labels: NDArray[np.integer], draw: np.random.Generator) -> NDArray[np.float32]:
        """Returns a uniformly drawn image of each label: [...] -> [..., h, h]."""
        row = self.first[labels] + np.floor(draw.random(labels.shape) * np.diff(self.first)[labels]).astype(np.int64)
        return self.images[row]


@dataclass(frozen=True)
class DigitSplits:
    """Images for training, and others for validation."""

    training: Digits
    validation: Digits

    @property
    def pixels(self) -> int:
        """The number of an image's pixels in each direction, h."""
        return self.training.images.shape[1]


def load_digits(source: str) -> DigitSplits:
    """Loads scikit-learn's digits ("sklearn"), or those of a CSV file; the last fifth of each label is for validation.

    A line of the file is 784 whole numbers from 0 to 255 and the label, separated by commas. Raises UserError for a
    file that is no such one, or that has fewer than five images of a label.
    """
    if source == "sklearn":
        from sklearn.datasets import load_digits as load_small  # slow to import

        small = load_small()
        return _split(small.images.astype(np.float32) / np.float32(16), small.target)
    lines = _numbers(Path(source))
    labels, pixels = lines[:, -1].astype(np.int64), lines[:, :-1].astype(np.float32)
    counts = np.bincount(labels, minlength=CLASSES)
    if len(counts) > CLASSES or counts.min() < _VALIDATION_PART or pixels.max() > 255:
        raise UserError(
            f"{source} has no five images of each label 0 to 9, with pixels from 0 to 255: take another file"
        )
    return _split(pixels.reshape(-1, _MNIST_SIDE, _MNIST_SIDE) / np.float32(255), labels)


def _numbers(path: Path) -> NDArray[np.float64]:
    """Returns the lines of a CSV file, [n, 785]."""
    try:
        lines = np.loadtxt(path, delimiter=",", ndmin=2)
    except (OSError, ValueError) as error:
        reason = str(error).partition("\n")[0]
        raise UserError(f"cannot read digits from {path}: {reason}") from None
    if lines.shape[1] != _MNIST_SIDE**2 + 1 or lines.min() < 0:
        raise UserError(f"{path} has {lines.shape[1]} numbers in a line: a line needs 784 pixels and the label")
    return lines


def _split(images: NDArray[np.float32], labels: NDArray[np.integer]) -> DigitSplits:
    of_label = [np.flatnonzero(labels == label) for label in range(CLASSES)]
    ends = [len(rows) - len(rows) // _VALIDATION_PART for rows in of_label]
    training = [rows[:end] for rows, end in zip(of_label, ends, strict=True)]
    validation = [rows[end:] for rows, end in zip(of_label, ends, strict=True)]
    return DigitSplits(*(_ordered(images, rows) for rows in (training, validation)))


def _ordered(images: NDArray[np.float32], rows: list[NDArray[np.int64]]) -> Digits:
    return Digits(images[np.concatenate(rows)], np.cumsum([0, *map(len, rows)]))
