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
from worldgen.evaluate.slag.points import (
    TRUE,
    Asked,
    Entailed,
    Neutral,
    Paraphrase,
    Paraphrased,
    Point,
    Split,
    Task,
    other_truth,
)
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
_Fact = tuple[StrictInt, StrictInt, StrictInt]
_Weight = Annotated[float, Field(gt=0, allow_inf_nan=False)]
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

    def paraphrase(self, usual: tuple[str, ...]) -> Paraphrase:
        return Paraphrase(Asked(self.prompt, self.labels or usual), self.part, self.held_out)


class _EntailedLine(_Line):
    prompt: StrictStr
    labels: _Labels
    when: _Label | None = None
    """None for "true" in TF and the main question's first label in GEN."""
    rule: StrictStr = DEFAULT_RULE
    contrapositive: bool = Field(False, strict=True)
    soft: tuple[tuple[_Label, _Probability], ...] = ()
    for_accuracy: bool = Field(True, strict=True)
    changes: bool | None = Field(None, strict=True)

    def entailed(self, usual: str) -> Entailed:
        asked, when = Asked(self.prompt, self.labels), usual if self.when is None else self.when
        return Entailed(asked, self.rule, when, self.contrapositive, self.soft, self.for_accuracy, self.changes)


class _NeutralLine(_Line):
    prompt: StrictStr
    labels: _Labels = ()
    fact: _Fact | None = None

    def neutral(self) -> Neutral:
        return Neutral(Asked(self.prompt, self.labels), self.fact and Fact(*self.fact))


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
    alternatives: _Labels | None = None
    """None for the other truth value in TF and () in GEN."""
    fact: _Fact | None = None
    weight: _Weight = 1.0
    alternative_weights: tuple[_Weight, ...] = ()

    def point(self) -> Point:
        """Returns the point of the line."""
        usual = _usual_condition(self.task, self.labels)
        return Point(
            str(self.id),
            self.task,
            self.split,
            str(self.id) if self.subject is None else self.subject,
            Asked(self.prompt, self.labels),
            tuple(line.paraphrase(self.labels) for line in self.paraphrases),
            tuple(line.entailed(usual) for line in self.entailed),
            tuple(line.neutral() for line in self.neutral),
            _usual_alternatives(self.task, self.labels) if self.alternatives is None else self.alternatives,
            self.fact and Fact(*self.fact),
            self.weight,
            self.alternative_weights,
        )


def _fields(point: Point) -> dict[str, object]:
    """Returns a point as the object of its line."""
    labels = point.main.eligible
    usual = _usual_condition(point.task, labels)
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
        | _given(soft=(e.soft, ()), for_accuracy=(e.for_accuracy, True), changes=(e.changes, None))
        for e in point.entailed
    ]
    neutral = [
        {"prompt": n.asked.prompt} | _given(labels=(n.asked.eligible, ()), fact=(n.fact, None)) for n in point.neutral
    ]
    fields |= _given(paraphrases=(paraphrases, []), entailed=(entailed, []), neutral=(neutral, []))
    fields |= _given(alternatives=(point.alternatives, _usual_alternatives(point.task, labels)))
    fields |= _given(fact=(point.fact, None), weight=(point.weight, 1.0))
    return fields | _given(alternative_weights=(point.alternative_weights, ()))


def _usual_condition(task: Task, labels: tuple[str, ...]) -> str:
    return TRUE if task is Task.TF else "".join(labels[:1])


def _usual_alternatives(task: Task, labels: tuple[str, ...]) -> tuple[str, ...]:
    return () if task is Task.GEN else tuple(other_truth(label) for label in labels[:1])


def _given(**values: tuple[object, object]) -> dict[str, object]:
    """Returns the fields, each given as its value and its default, that differ from their defaults."""
    return {name: value for name, (value, default) in values.items() if value != default}
