"""Points in a file: one JSON object a line, which a person can write by hand. `docs/points-files.md` has the schema."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, StrictInt, StrictStr

from worldgen.errors import UserError
from worldgen.evaluate.slag.json_lines import Place, read_records
from worldgen.evaluate.slag.point_faults import checked_points
from worldgen.evaluate.slag.points import TRUE, Asked, Entailed, Neutral, Paraphrase, Paraphrased, Point, Split, Task
from worldgen.facts import Fact
from worldgen.storage.files import write_text

DEFAULT_RULE = "entailed"


def read_points(path: Path) -> list[Point]:
    """Returns the points of a file, in its order.

    Raises UserError (one line: file, line number, reason) for a line that is no JSON object, lacks a field or has one
    too many; for an empty prompt or label, a TF label that is neither true nor false, and a condition that names no
    label; for an id that two points of a task have, and a subject in two splits; and for a file without points.
    """
    return checked_points((place, line.point()) for place, line in read_records(path, _PointLine)) or _no_points(path)


def write_points(path: Path, points: Sequence[Point]) -> None:
    """Writes the points in one step; `read_points` returns equal ones. Fields with their default values are left out.

    Raises UserError for points that `read_points` would refuse; nothing is written then.
    """
    checked_points((Place(path, number), point) for number, point in enumerate(points, 1))
    write_text(path, "".join(json.dumps(_fields(point), ensure_ascii=False) + "\n" for point in points))


def _no_points(path: Path) -> list[Point]:
    raise UserError(f"{path} holds no points")


def _as_labels(value: object) -> object:
    """Returns labels as a list of texts: one may stand alone, and true and false may be JSON's own."""
    values = value if isinstance(value, list) else [value]
    return [str(label).lower() if isinstance(label, bool) else label for label in values]


def _as_label(value: object) -> object:
    return str(value).lower() if isinstance(value, bool) else value


def _as_object(value: object) -> object:
    """Returns a question as an object; a text alone is its prompt."""
    return {"prompt": value} if isinstance(value, str) else value


_Label = Annotated[StrictStr, BeforeValidator(_as_label)]
_Labels = Annotated[tuple[StrictStr, ...], BeforeValidator(_as_labels)]
_Probability = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]


class _Line(BaseModel):
    """A part of a points file. A field that is not in the schema is an error, for it may be a misspelt one."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class _ParaphraseLine(_Line):
    prompt: StrictStr
    part: Paraphrased = "both"
    held_out: bool = Field(False, strict=True)
    labels: _Labels = ()
    """() for the main question's."""


class _EntailedLine(_Line):
    prompt: StrictStr
    labels: _Labels
    when: _Label | None = None
    """None for "true" in TF and the main question's first label in GEN."""
    rule: StrictStr = DEFAULT_RULE
    contrapositive: bool = Field(False, strict=True)
    soft: tuple[tuple[_Label, _Probability], ...] = ()


class _NeutralLine(_Line):
    prompt: StrictStr
    labels: _Labels = ()


class _PointLine(_Line):
    """A line of a points file."""

    id: StrictInt | StrictStr
    task: Task
    prompt: StrictStr
    labels: _Labels
    split: Split = "test"
    subject: StrictStr | None = None
    """None for the id."""
    paraphrases: tuple[Annotated[_ParaphraseLine, BeforeValidator(_as_object)], ...] = ()
    entailed: tuple[_EntailedLine, ...] = ()
    neutral: tuple[Annotated[_NeutralLine, BeforeValidator(_as_object)], ...] = ()
    alternatives: _Labels = ()
    fact: tuple[StrictInt, StrictInt, StrictInt] | None = None
    weight: float = Field(1.0, gt=0, allow_inf_nan=False)

    def point(self) -> Point:
        """Returns the point of the line."""
        usual = TRUE if self.task is Task.TF else self.labels[0]
        return Point(
            str(self.id),
            self.task,
            self.split,
            str(self.id) if self.subject is None else self.subject,
            Asked(self.prompt, self.labels),
            tuple(Paraphrase(Asked(p.prompt, p.labels or self.labels), p.part, p.held_out) for p in self.paraphrases),
            tuple(
                Entailed(Asked(e.prompt, e.labels), e.rule, e.when or usual, e.contrapositive, e.soft)
                for e in self.entailed
            ),
            tuple(Neutral(Asked(n.prompt, n.labels)) for n in self.neutral),
            self.alternatives,
            None if self.fact is None else Fact(*self.fact),
            self.weight,
        )


def _fields(point: Point) -> dict[str, object]:
    """Returns a point as the object of its line."""
    labels = point.main.eligible
    usual = TRUE if point.task is Task.TF else labels[0]
    fields: dict[str, object] = {"id": point.id, "task": point.task.value, "prompt": point.main.prompt}
    fields |= {"labels": list(labels)}
    fields |= _given(split=(point.split, "test"), subject=(point.subject, point.id))
    paraphrases = [
        {"prompt": p.asked.prompt}
        | _given(part=(p.part, "both"), held_out=(p.held_out, False), labels=(p.asked.eligible, labels))
        for p in point.paraphrases
    ]
    entailed = [
        {"prompt": e.asked.prompt, "labels": list(e.asked.eligible)}
        | _given(when=(e.when, usual), rule=(e.rule, DEFAULT_RULE), contrapositive=(e.contrapositive, False))
        | _given(soft=(e.soft, ()))
        for e in point.entailed
    ]
    neutral = [{"prompt": n.asked.prompt} | _given(labels=(n.asked.eligible, ())) for n in point.neutral]
    fields |= _given(paraphrases=(paraphrases, []), entailed=(entailed, []), neutral=(neutral, []))
    return fields | _given(alternatives=(point.alternatives, ()), fact=(point.fact, None), weight=(point.weight, 1.0))


def _given(**values: tuple[object, object]) -> dict[str, object]:
    """Returns the fields, each given as its value and its default, that differ from their defaults."""
    return {name: value for name, (value, default) in values.items() if value != default}
