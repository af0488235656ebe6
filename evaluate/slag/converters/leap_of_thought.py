"""LeapOfThought's lines (Talmor et al., 2020): a claim that follows, true or false, from an implicit rule.

    {"id": ..., "phrase": "A viper has a brain.", "answer": 1, "context": ..., "metadata":
        {"implicit_rule": {"subject": "viper", "predicate": "hypernym", "object": "vertebrate",
         "validity": "always true"}, ...}}

The rule is the main question, and the claim is entailed by it (Hase et al., 2021, section 4 and supplement B.4).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from pydantic import BaseModel, StrictStr

from worldgen.evaluate.slag.converters.conversion import Conversion, NoPoint, Options, conversion, filled
from worldgen.evaluate.slag.json_lines import Place, read_records
from worldgen.evaluate.slag.points import FALSE, TRUE, Asked, Entailed, Point, Task

RULE = "leap-of-thought"
_IS_A = ("hypernym", "/r/IsA")


class _Rule(BaseModel):
    """A statement about a class; an implicit rule says that its subject is an object."""

    subject: StrictStr
    predicate: StrictStr
    object: StrictStr
    validity: StrictStr = "always true"

    @property
    def sentence(self) -> str:
        """The rule in LeapOfThought's own words."""
        return f"A {self.subject} is a {self.object}."


class _Metadata(BaseModel):
    implicit_rule: _Rule | None = None


class _Line(BaseModel):
    phrase: StrictStr
    answer: bool
    metadata: _Metadata = _Metadata()


def leap_of_thought_points(file: Path, options: Options) -> Conversion:
    """Returns one TF point a rule, all of which are true, with its claims as entailed questions and contrapositives.

    The subject is the rule's. A line without an implicit rule that says "is a" and is always true gives no claim, and
    neither does a claim that its rule has already; both are counted. Raises UserError with line and reason for a
    malformed line, and for a claim that an earlier line answers otherwise.
    """
    return conversion(_converted(file, options.template), options)


def _converted(file: Path, template: str) -> Iterator[tuple[Place, Point | NoPoint]]:
    points: dict[str, tuple[Place, Point]] = {}
    for place, line in read_records(file, _Line):
        rule = line.metadata.implicit_rule
        if rule is None or rule.predicate not in _IS_A or rule.validity != "always true":
            yield place, NoPoint("no implicit rule that says 'is a' and is always true")
            continue
        main = Asked(filled(template, rule.sentence), (TRUE,))
        new = Point(rule.sentence, Task.TF, "test", rule.subject, main, alternatives=(FALSE,))
        first, point = points.get(rule.sentence, (place, new))
        claim = Asked(filled(template, line.phrase.strip()), (TRUE if line.answer else FALSE,))
        earlier = [entailed.asked for entailed in point.entailed if entailed.asked.prompt == claim.prompt]
        if earlier and earlier[0] != claim:
            raise place.error(f"an earlier line gives the claim {line.phrase!r} the other answer")
        if earlier:
            yield place, NoPoint("a claim that its rule has already")
            continue
        entailed = (*point.entailed, Entailed(claim, RULE, TRUE, contrapositive=True))
        points[rule.sentence] = first, replace(point, entailed=entailed)
    yield from points.values()
