"""KILT's FEVER (fever-*-kilt.jsonl): claims that Wikipedia supports or refutes."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from worldgen.evaluate.slag.converters.conversion import Conversion, Options, conversion, filled
from worldgen.evaluate.slag.converters.kilt_lines import KiltLine
from worldgen.evaluate.slag.json_lines import Place, read_records
from worldgen.evaluate.slag.points import FALSE, TRUE, Asked, Point, Task, other_truth

_TRUTH_OF = {"SUPPORTS": TRUE, "REFUTES": FALSE}


def fever_points(file: Path, options: Options) -> Conversion:
    """Returns one TF point a line, true for SUPPORTS and false for REFUTES; a claim is a subject of its own.

    Raises UserError with line and reason for a malformed line, and for one without exactly one of these answers.
    """
    return conversion(_converted(file, options.template), options)


def _converted(file: Path, template: str) -> Iterator[tuple[Place, Point]]:
    for place, line in read_records(file, KiltLine):
        truths = {_TRUTH_OF.get(answer) for answer in line.answers}
        truth = truths.pop() if len(truths) == 1 else None
        if truth is None:
            said = ", ".join(line.answers) or "nothing"
            raise place.error(f"the answer in 'output' must be SUPPORTS or REFUTES, and it is {said}")
        main = Asked(filled(template, line.input.strip()), (truth,))
        yield place, Point(str(line.id), Task.TF, "test", str(line.id), main, alternatives=(other_truth(truth),))
