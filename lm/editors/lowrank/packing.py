"""Texts end to end, so that a model computes neither padding nor tokens that predict nothing.

The last token of a text is asked for and never read. Texts of one length stand side by side as a group. The last
layer computes a group's kept tokens only: the tokens from the first one on that predicts an asked token.
Shapes: B texts, M tokens read, K of them kept, N asked tokens.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import NamedTuple

import torch

from worldgen.lm.texts import Text


class Group(NamedTuple):
    """`rows` texts of `width` tokens, of which the last `kept` are kept; shorter texts are padded at their end."""

    rows: int
    width: int
    kept: int


@dataclass(frozen=True)
class Packing:
    """Groups of texts; the text in row b has the number order[b].

    ids, positions [M]: the tokens read and their places in their texts.
    kept [K]: the indices of the kept tokens among the M.
    asked [N]: the index among the K at which the model predicts the n-th asked token.
    targets [N]: the asked tokens.
    rows [N]: the row of the text that an asked token belongs to.
    """

    groups: tuple[Group, ...]
    order: tuple[int, ...]
    ids: torch.Tensor
    positions: torch.Tensor
    kept: torch.Tensor
    asked: torch.Tensor
    targets: torch.Tensor
    rows: torch.Tensor


def pack(texts: Sequence[Text], device: torch.device, one_group: bool) -> Packing:
    """Returns the texts in groups of equal length, or all in one group.

    Every group adds some calls to each layer. On a CPU these calls cost less than reading padding. On a GPU, where a
    call costs more than a small batch's arithmetic, padding costs less.
    """
    order = sorted(range(len(texts)), key=lambda number: len(texts[number].ids))
    groups, columns = [], _Columns([], [], [], [], [], [])
    for _, numbers in groupby(order, key=lambda number: len(texts[number].ids) if not one_group else 0):
        members = [texts[number] for number in numbers]
        groups.append(_group(members))
        for text in members:
            columns.append(text, groups[-1])
    tensors = (torch.tensor(column, device=device) for column in columns[:6])
    return Packing(tuple(groups), tuple(order), *tensors)


class _Columns(NamedTuple):
    ids: list[int]
    positions: list[int]
    kept: list[int]
    asked: list[int]
    targets: list[int]
    rows: list[int]

    def append(self, text: Text, group: Group) -> None:
        """Adds the next row, a text of this group."""
        begin, skipped, row = len(self.ids), group.width - group.kept, self.rows[-1] + 1 if self.rows else 0
        first_asked = len(self.kept) + len(text.ids) - text.asked - 1 - skipped
        self.asked.extend(range(first_asked, first_asked + text.asked))
        self.kept.extend(range(begin + skipped, begin + group.width))
        self.ids.extend(text.ids[:-1] + [0] * (group.width - len(text.ids) + 1))
        self.positions.extend(range(group.width))
        self.targets.extend(text.ids[-text.asked :])
        self.rows.extend([row] * text.asked)


def _group(texts: Sequence[Text]) -> Group:
    width = max(len(text.ids) - 1 for text in texts)
    return Group(len(texts), width, width - min(len(text.ids) - text.asked - 1 for text in texts))
