"""How a tokenizer sees labels: a graph keeps two labels apart only if the model can."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass

Pieces = tuple[str, ...]


@dataclass(frozen=True)
class Spelling:
    """Three functions on labels, all by one tokenizer; a list of labels gives a list of the same length."""

    cut: Callable[[Sequence[str], int], list[str]]
    """`cut(labels, most)` shortens each label to its first `most` pieces."""

    pieces: Callable[[Sequence[str]], list[Pieces]]
    """`pieces(labels)` splits each label into the tokenizer's pieces."""

    spelt: Callable[[Sequence[str]], list[Hashable]]
    """`spelt(labels)` gives a key for each label: two keys are equal if and only if the labels' pieces are.

    Computing a key need not split the label, which would be slow for millions of labels.
    """
