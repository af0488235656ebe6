"""Lines in the formats of public data sets, written for the tests; their contents are made up."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

ZSRE = [
    {
        "id": "z1",
        "input": "Ada Lind [SEP] member of sports team",
        "output": [
            {"answer": "Harbour FC", "provenance": [{"wikipedia_id": "1", "title": "Ada Lind"}]},
            {"answer": "Harbour Football Club"},
            {"answer": "Harbour FC"},
            {"provenance": [{"wikipedia_id": "2"}]},
        ],
        "meta": {
            "template_questions": [
                "Ada Lind plays where?",
                "What team is Ada Lind with?",
                "Who has Ada Lind?",
            ],
            "subj_aliases": ["Lind"],
            "partial_evidence": [],
        },
    },
    {
        "id": "z2",
        "input": "Ada Lind [SEP] cause of death",
        "output": [{"answer": "old age"}],
        "meta": {"template_questions": ["What did Ada Lind die of?"]},
    },
    {"id": "z3", "input": "What river is by Oxwell?", "output": [{"answer": "the Ox"}], "meta": {}},
]
FEVER = [
    {"id": "33078", "input": "Space bears is a name of tardigrades. ", "output": [{"answer": "SUPPORTS"}], "meta": {}},
    {
        "id": "33079",
        "input": "A lion is a fox.",
        "output": [{"answer": "REFUTES", "provenance": []}, {"answer": "REFUTES"}],
        "meta": {"partial_evidence": []},
    },
]


def rule(subject: str, object_: str, predicate: str = "hypernym", validity: str = "always true") -> dict[str, Any]:
    """Returns the metadata of a LeapOfThought line with an implicit rule."""
    statement = {"subject": subject, "predicate": predicate, "object": object_, "validity": validity}
    return {"implicit_rule": statement | {"source": "wordnet"}, "rules": [], "split": "dev"}


def claim(phrase: str, answer: object, metadata: dict[str, Any]) -> dict[str, Any]:
    """Returns a line of LeapOfThought."""
    return {"id": phrase, "phrase": phrase, "context": "A rule.", "answer": answer, "metadata": metadata}


LEAP_OF_THOUGHT = [
    claim("A viper has a brain.", 1, rule("viper", "vertebrate")),
    claim("A herb is a car.", 0, {"rules": []}),
    claim("A viper has a stem.", 0, rule("viper", "vertebrate")),
    claim("A viper has a brain.", 1, rule("viper", "vertebrate")),
    claim("A mint has a root.", True, rule("mint", "herb", "/r/IsA")),
    claim("A pin has a head.", 1, rule("pin", "end", "meronym")),
    claim("A bat has a wing.", 1, rule("bat", "ox", validity="never true")),
]
WIKIDATA5M = {
    "wikidata5m_entity.txt": [
        "Q1\tMary Good\tMary Lowe Good\tM. Good",
        "Q2\tGarvan Medal\tGarvan-Olin Medal",
        "Q3\tHall of Fame",
        "Q4\tUniversity of Arkansas\tU Arkansas",
        "Q5\tTom Reed\tReed",
        "Q6\tOxwell",
        "Q7\tSue Hill\tS. Hill",
        "Q8\tYork",
    ],
    "wikidata5m_relation.txt": [
        "P166\taward received\twinner of\twon",
        "P69\teducated at\tstudied at\talma mater",
        "P19\tplace of birth\tborn at",
        "P31\tinstance of",
    ],
    "wikidata5m_transductive_train.txt": [
        "Q1\tP166\tQ2",
        "Q1\tP166\tQ3",
        "Q1\tP69\tQ4",
        "Q1\tP31\tQ8",
        "Q5\tP19\tQ6",
        "Q5\tP69\tQ4",
        "Q7\tP19\tQ8",
        "Q7\tP69\tQ99",
        "Q7\tP166",
    ],
}


def json_lines(path: Path, *lines: object) -> Path:
    """Writes a file with these objects, one a line; a text is a line as it stands."""
    path.write_text("".join((line if isinstance(line, str) else json.dumps(line)) + "\n" for line in lines))
    return path


def wikidata5m_folder(folder: Path, **files: list[str]) -> Path:
    """Writes the unpacked files of Wikidata5m; `files` replaces the lines of some: entity, relation or train."""
    folder.mkdir(exist_ok=True)
    for name, lines in WIKIDATA5M.items():
        part = name.removesuffix(".txt").rpartition("_")[2]
        (folder / name).write_text("".join(f"{line}\n" for line in files.get(part, lines)))
    return folder
