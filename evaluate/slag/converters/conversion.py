"""The parts that all conversions share: the prompt's template, the splits, and the count of items left out."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from worldgen.errors import UserError
from worldgen.evaluate.slag.json_lines import Place
from worldgen.evaluate.slag.point_faults import checked_points
from worldgen.evaluate.slag.points import Point, Split
from worldgen.randomness import Stream, generator, keys_of, to_unit

GAP: Final = "{}"
_SPLITS: Final[tuple[Split, ...]] = ("train", "dev", "test")


@dataclass(frozen=True)
class LeftOut:
    """Lines, or other parts of a file, that give no point."""

    reason: str
    count: int
    first: str = ""
    """The first of them, such as "line 7", or "" where it has no place."""

    def __str__(self) -> str:
        return f"{self.count:,} left out: {self.reason}" + (f" (first: {self.first})" if self.first else "")


@dataclass(frozen=True)
class Conversion:
    """The points of a file, and what gave none."""

    points: list[Point]
    left_out: tuple[LeftOut, ...] = ()


@dataclass(frozen=True)
class NoPoint:
    """The reason for which a sound line gives no point."""

    reason: str


@dataclass(frozen=True)
class Options:
    """A user's choices for a conversion."""

    template: str
    """The prompt of a question, with {} in the place of the data's text."""
    seed: int = 0
    count: int | None = None
    """The number of points that are drawn; None for all."""


def conversion(converted: Iterable[tuple[Place, Point | NoPoint]], options: Options) -> Conversion:
    """Returns the points of converted lines, or `options.count` drawn ones in their order; counts what gave none.

    Raises UserError, with file, line and reason, for a point that a points file may not hold (`checked_points`).
    """
    left_out: dict[str, LeftOut] = {}

    def usable() -> Iterator[tuple[Place, Point]]:
        for place, result in converted:
            if isinstance(result, Point):
                yield place, result
            else:
                before = left_out.get(result.reason, LeftOut(result.reason, 0, f"line {place.line}"))
                left_out[result.reason] = replace(before, count=before.count + 1)

    points = checked_points(usable())
    chosen = draw_some(len(points), options.count, "points", generator(options.seed, "slag/points"))
    return Conversion([points[i] for i in sorted(chosen)], tuple(left_out.values()))


def draw_some(number: int, count: int | None, things: str, draws: np.random.Generator) -> list[int]:
    """Returns `count` different ones of 0 .. number-1 in a drawn order; all of them, in a drawn order, for None.

    Raises UserError if there are fewer.
    """
    if count is not None and count > number:
        raise UserError(f"{count:,} {things} are asked for, and the file gives {number:,}: ask for fewer")
    return draws.permutation(number)[:count].tolist()


def filled(template: str, text: str) -> str:
    """Returns the template with the text in the place of {}."""
    return template.replace(GAP, text)


def checked_template(template: str) -> str:
    """Returns the template. Raises UserError unless {} stands in it once."""
    if template.count(GAP) != 1:
        raise UserError(f"the template {template!r} must hold {GAP} once: the text of the data stands there")
    return template


def in_splits(points: Sequence[Point], shares: str, seed: int) -> list[Point]:
    """Returns the points, each in the split of its subject, which is drawn by the shares of train, dev and test.

    `shares` is a text such as "80/10/10"; their sum need not be 100. A draw is a function of seed and subject only, so
    that files converted one by one agree on a subject. Hase et al., 2021, section 4, shuffle points; here the points of
    a subject stay together. Raises UserError for another text.
    """
    ends = np.cumsum(_shares(shares))
    subjects = list(dict.fromkeys(point.subject for point in points))
    drawn = to_unit(Stream(seed, "slag/splits").words(keys_of(subjects), np.ones(len(subjects), np.int64)))
    numbers = np.searchsorted(ends[:-1], ends[-1] * drawn, side="right").tolist()
    split_of = {subject: _SPLITS[number] for subject, number in zip(subjects, numbers, strict=True)}
    return [replace(point, split=split_of[point.subject]) for point in points]


def _shares(text: str) -> list[float]:
    try:
        shares = [float(share) for share in text.split("/")]
    except ValueError:
        shares = []
    if len(shares) != len(_SPLITS) or min(shares) < 0 or not 0 < sum(shares) < float("inf"):
        raise UserError(f"--shares {text}: give those of train, dev and test as three numbers, such as 80/10/10")
    return shares
