"""KILT's zsRE (structured_zeroshot-*-kilt.jsonl): questions about a relation of an entity, in several phrasings."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from worldgen.evaluate.slag.converters.conversion import Conversion, Options, conversion, filled
from worldgen.evaluate.slag.converters.kilt_lines import KiltLine
from worldgen.evaluate.slag.json_lines import Place, read_records
from worldgen.evaluate.slag.points import Asked, Paraphrase, Point, Task

_BETWEEN = " [SEP] "  # KILT's input is "entity [SEP] relation"


def zsre_points(file: Path, options: Options) -> Conversion:
    """Returns one GEN point a line: its first question is the main one, the others are paraphrases of the relation.

    All answers of the line are eligible. A line without questions is asked by its input. The subject is the entity
    (Hase et al., 2021, Table 1). Raises UserError with line and reason for a malformed line or one without answers.
    """
    return conversion(_converted(file, options.template), options)


def _converted(file: Path, template: str) -> Iterator[tuple[Place, Point]]:
    for place, line in read_records(file, KiltLine):
        if not line.answers:
            raise place.error("there is no answer in 'output': take a file with answers (KILT's test files have none)")
        questions = list(dict.fromkeys(q.strip() for q in line.meta.template_questions if q.strip())) or [line.input]
        main, *others = (filled(template, question) for question in questions)
        entity = line.input.partition(_BETWEEN)[0].strip() if _BETWEEN in line.input else str(line.id)
        yield (
            place,
            Point(
                str(line.id),
                Task.GEN,
                "test",
                entity,
                Asked(main, line.answers),
                tuple(Paraphrase(Asked(other, line.answers), "relation") for other in others),
            ),
        )
