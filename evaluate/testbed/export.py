"""The requests of the editing benchmark for other programs, with every question that is asked about them.

Two formats: `jsonl` has a line for each case with every probe and what the agent answers; `easyedit` is one list of
records as EasyEdit's `BaseEditor.edit_requests` takes them. There the agent's answers to the neighbouring questions
decide which of them should change (portability) and which should not (locality).
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from worldgen.evaluate.testbed.cases import Case, load_cases
from worldgen.evaluate.testbed.probes import Probe, by_case, load_probes
from worldgen.export.export_folder import export_into
from worldgen.storage.files import write_text
from worldgen.storage.manifests import Manifest, read_manifest
from worldgen.worlds.world import World

# EasyEdit's usual names of the questions whose answers should change and of those that should not, by site.
_PORTABILITY: Final = {"s1r2": "reasoning", "s2r1": "neighborhood", "s2r2": "unrelated"}
_LOCALITY: Final = _PORTABILITY | {"s1r2": "same_subject"}

CaseProbes = Mapping[tuple[str, str], Probe]
"""The probes of a case by (about, form)."""


def export_requests(world: World, cases_folder: Path, format_: str, out: Path, say: Callable[[str], None]) -> Manifest:
    """Writes `out`/requests.jsonl or `out`/requests.json and, last, manifest.json; returns the manifest.

    `cases_folder` holds the finished cases. Raises UserError for an `out` that holds anything else.
    """
    made = read_manifest(cases_folder)
    assert made is not None
    inputs = {"format": f"requests {format_}", "cases": made.inputs_hash, **made.inputs}
    name, as_text = FORMATS[format_]

    def write() -> dict[str, int]:
        cases = load_cases(cases_folder / "cases.parquet")
        write_text(out / name, as_text(world, cases, load_probes(cases_folder / "probes.parquet")))
        return {"requests": len(cases)}

    return export_into(out, inputs, write, say)


def easyedit_records(world: World, cases: Sequence[Case], probes: Iterable[Probe]) -> Iterator[dict[str, Any]]:
    """Yields a record for each case; objects are closed by their full stop where the run's own probes are."""
    for case, asked in _probes_by_case(cases, probes):
        request = asked["s1r1", "requested"].question
        stop = request.target.removeprefix(world.objects[case.requested])
        record: dict[str, Any] = {
            "case_id": case.case,
            "subject": world.subjects[case.subject],
            "prompt": request.prompt,
            "target_new": request.target,
            "ground_truth": world.objects[case.truth] + stop,
            "portability": {},
            "locality": {},
        }
        if phrased := _other_words(world, case):
            record["rephrase_prompt"] = phrased
        for site in _PORTABILITY:
            neighbour, key = asked[site, "answer"].question, asked[site, "answer"].key
            stays = key.expected_after == key.expected_before
            part, name = ("locality", _LOCALITY[site]) if stays else ("portability", _PORTABILITY[site])
            record[part][name] = {"prompt": neighbour.prompt, "ground_truth": key.expected_after + stop}
        yield record


def request_lines(world: World, cases: Sequence[Case], probes: Iterable[Probe]) -> Iterator[dict[str, Any]]:
    """Yields a line for each case: the request, its weight, and its probes as in probes.parquet."""
    for case, asked in _probes_by_case(cases, probes):
        request = asked["s1r1", "requested"].question
        yield {
            "case": case.case,
            "subject": world.subjects[case.subject],
            "relation": world.relations[case.relation],
            "truth": world.objects[case.truth],
            "requested": world.objects[case.requested],
            "prompt": request.prompt,
            "target": request.target,
            "weight": case.weight,
            "downstream_changes": case.downstream_changes,
            "probes": [_as_told(probe) for probe in asked.values()],
        }


def _other_words(world: World, case: Case) -> str:
    """Returns the request's prompt with the first other name of its relation, or else of its subject.

    Returns "" if there is no other name.
    """
    subjects, relations = world.subjects.names(case.subject), world.relations.names(case.relation)
    words = [f"{subject} {relation}" for subject in subjects for relation in relations]
    return words[1] if len(words) > 1 else ""


def _probes_by_case(cases: Sequence[Case], probes: Iterable[Probe]) -> Iterator[tuple[Case, CaseProbes]]:
    for case, its in by_case(cases, probes, lambda probe: probe.question.case):
        yield case, {(probe.question.about, probe.question.form): probe for probe in its}


def _as_told(probe: Probe) -> dict[str, Any]:
    """Returns a probe's row without its case, and without the cells that its kind of question leaves empty."""
    return {name: value for name, value in probe.row().items() if name != "case" and not _is_empty(value)}


def _is_empty(value: Any) -> bool:
    return value == "" or (isinstance(value, float) and math.isnan(value))


def _easyedit_text(world: World, cases: Sequence[Case], probes: Iterable[Probe]) -> str:
    return json.dumps(list(easyedit_records(world, cases, probes)), ensure_ascii=False, indent=1) + "\n"


def _jsonl_text(world: World, cases: Sequence[Case], probes: Iterable[Probe]) -> str:
    return "".join(f"{json.dumps(line, ensure_ascii=False)}\n" for line in request_lines(world, cases, probes))


FORMATS: Final = {"jsonl": ("requests.jsonl", _jsonl_text), "easyedit": ("requests.json", _easyedit_text)}
