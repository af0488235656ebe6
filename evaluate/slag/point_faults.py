"""Faults of points that somebody else made: of one point, and of points together."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from worldgen.evaluate.slag.json_lines import Place
from worldgen.evaluate.slag.points import FALSE, TRUE, Entailed, Point, Split, Task, questions_of
from worldgen.evaluate.slag.predictions import normalised


def checked_points(placed: Iterable[tuple[Place, Point]]) -> list[Point]:
    """Returns the points. Raises UserError, with its place, for the first that is at fault, alone or among the others.

    No two points of one task have one id, and no subject is in two splits.
    """
    points: list[Point] = []
    first_with: dict[tuple[Task, str], Place] = {}
    split_of: dict[str, tuple[Split, Place]] = {}
    for place, point in placed:
        if fault := fault_of(point):
            raise place.error(fault)
        earlier = first_with.setdefault((point.task, point.id), place)
        if earlier is not place:
            raise place.error(f"the id {point.id!r} is that of line {earlier.line} already: give each point its own")
        split, there = split_of.setdefault(point.subject, (point.split, place))
        if split != point.split:
            raise place.error(
                f"the subject {point.subject!r} is in split {point.split!r}, and in {split!r} on line {there.line}: "
                "a subject is in one split"
            )
        points.append(point)
    return points


def fault_of(point: Point) -> str:
    """Returns what is wrong with a point in one line, "" if nothing is.

    Every question has a prompt and, but for neutral ones, labels; in TF one label, true or false. A condition is true
    or false in TF; in GEN it is a label of the main question or one of the alternatives. A contrapositive has the
    condition "true". An alternative is no right label.
    """
    faults = (*_faults_of_texts(point), *(_fault_of_condition(point, i, e) for i, e in enumerate(point.entailed)))
    return next(filter(None, faults), "")


def _faults_of_texts(point: Point) -> Iterator[str]:
    if not (point.id.strip() and point.subject.strip()):
        yield "the id or the subject is empty"
    for field, asked in questions_of(point):
        if not asked.prompt.strip():
            yield f"{field}: the prompt is empty"
        if not asked.eligible and not field.startswith("neutral"):
            yield f"{field}: there are no labels"
        if point.task is Task.TF and len(asked.eligible) > 1:
            yield f"{field}: a question of the task tf has one label, not {len(asked.eligible)}"
        yield from (_fault_of_label(point.task, field, label) for label in asked.eligible)
    for alternative in point.alternatives:
        yield _fault_of_label(point.task, "alternatives", alternative)
        if alternative in point.main.eligible:
            yield f"alternatives: {alternative!r} is a right label"
    if point.alternative_weights and len(point.alternative_weights) != len(point.alternatives):
        yield f"alternative_weights: give {len(point.alternatives)}, one for each alternative"


def _fault_of_label(task: Task, field: str, label: str) -> str:
    if not normalised(label):
        return f"{field}: the label {label!r} is empty without its blanks and sentence marks"
    if task is Task.TF and label not in (TRUE, FALSE):
        return f"{field}: the label {label!r} is neither true nor false, the labels of the task tf"
    return ""


def _fault_of_condition(point: Point, number: int, entailed: Entailed) -> str:
    field, conditions = f"entailed.{number}.when", (*point.main.eligible, *point.alternatives)
    if point.task is Task.TF and entailed.when not in (TRUE, FALSE):
        return f"{field}: {entailed.when!r} is neither true nor false"
    if point.task is Task.GEN and entailed.when not in conditions:
        return f"{field}: {entailed.when!r} is no label and no alternative of the main question"
    if entailed.contrapositive and entailed.when != TRUE:
        return f"{field}: a contrapositive is of what follows if the main question is true"
    return ""
