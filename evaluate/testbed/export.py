"""The requests of the editing benchmark for other programs, with all that is asked before and after each edit.

Two formats: `jsonl` has a line for each case with every probe and what the agent answers; `easyedit` is one list of
records as EasyEdit's `BaseEditor.edit_requests` takes them, where what the agent holds of the neighbouring questions
says which of them should change (portability) and which should not (locality).
"""

from __future__ import annotations

import itertools
import json
import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, Final

from worldgen.evaluate.runs.load import finished, load_world
from worldgen.evaluate.testbed.cases import Case, load_cases
from worldgen.evaluate.testbed.questions import Probe, load_probes
from worldgen.export.export_folder import export_into
from worldgen.storage.files import write_text
from worldgen.storage.manifests import Manifest, read_manifest
from worldgen.worlds.world import World

# EasyEdit's usual names of what should change and of what should not, by site.
_PORTABILITY: Final = {"s1r2": "reasoning", "s2r1": "neighborhood", "s2r2": "unrelated"}
_LOCALITY: Final = _PORTABILITY | {"s1r2": "same_subject"}


def export_requests(run_folder: Path, format_: str, out: Path, say: Callable[[str], None]) -> Manifest:
    """Write `out`/requests.jsonl or `out`/requests.json and, last, manifest.json; returns the manifest.

    Raises UserError if there are no cases, and for a folder that holds anything else.
    """
    made = read_manifest(finished(run_folder / "cases"))
    assert made is not None
    inputs = {"format": f"requests {format_}", "cases": made.inputs_hash, **made.inputs}
    name, as_text = FORMATS[format_]

    def write() -> dict[str, int]:
        world, cases = load_world(run_folder), load_cases(run_folder / "cases" / "cases.parquet")
        probes = load_probes(run_folder / "cases" / "probes.parquet")
        write_text(out / name, as_text(world, cases, probes))
        return {"requests": len(cases)}

    return export_into(out, inputs, write, say)


def easyedit_records(world: World, cases: Sequence[Case], probes: Iterable[Probe]) -> Iterator[dict[str, Any]]:
    """A record for each case; objects are closed by their full stop where the run's own probes are."""
    for case, asked in _with_probes(cases, probes):
        target = asked["s1r1/requested"].target
        stop = target.removeprefix(world.objects[case.requested])
        record: dict[str, Any] = {
            "case_id": case.case,
            "subject": world.subjects[case.subject],
            "prompt": asked["s1r1/requested"].prompt,
            "target_new": target,
            "ground_truth": world.objects[case.truth] + stop,
            "portability": {},
            "locality": {},
        }
        if phrased := _other_words(world, case):
            record["rephrase_prompt"] = phrased
        for site in _PORTABILITY:
            answer = asked[f"{site}/answer"]
            stays = answer.expected_after == answer.expected_before
            part, name = ("locality", _LOCALITY[site]) if stays else ("portability", _PORTABILITY[site])
            record[part][name] = {"prompt": answer.prompt, "ground_truth": answer.expected_after + stop}
        yield record


def request_lines(world: World, cases: Sequence[Case], probes: Iterable[Probe]) -> Iterator[dict[str, Any]]:
    """A line for each case: the request, what it is worth, and its probes as in probes.parquet."""
    for case, asked in _with_probes(cases, probes):
        yield {
            "case": case.case,
            "subject": world.subjects[case.subject],
            "relation": world.relations[case.relation],
            "truth": world.objects[case.truth],
            "requested": world.objects[case.requested],
            "prompt": asked["s1r1/requested"].prompt,
            "target": asked["s1r1/requested"].target,
            "weight": case.weight,
            "downstream_changes": case.downstream_changes,
            "probes": [_told(probe) for probe in asked.values()],
        }


def _other_words(world: World, case: Case) -> str:
    """The request's question with the first other name of its relation, or else its subject; "" if there is none."""
    subjects, relations = world.subjects.names(case.subject), world.relations.names(case.relation)
    words = [f"{subject} {relation}" for subject in subjects for relation in relations]
    return words[1] if len(words) > 1 else ""


def _with_probes(cases: Sequence[Case], probes: Iterable[Probe]) -> Iterator[tuple[Case, dict[str, Probe]]]:
    """Each case with its probes by name."""
    by_case = itertools.groupby(probes, key=lambda probe: probe.case)
    for case, (number, asked) in zip(cases, by_case, strict=True):
        assert case.case == number
        yield case, {probe.name: probe for probe in asked}


def _told(probe: Probe) -> dict[str, Any]:
    """A probe without its case, and without the credences or the answers that its kind does not have."""
    fields = {name: value for name, value in vars(probe).items() if name != "case"}
    return {name: value for name, value in fields.items() if value != "" and not _is_nan(value)}


def _is_nan(value: Any) -> bool:
    return isinstance(value, float) and math.isnan(value)


def _easyedit_text(world: World, cases: Sequence[Case], probes: Iterable[Probe]) -> str:
    return json.dumps(list(easyedit_records(world, cases, probes)), ensure_ascii=False, indent=1) + "\n"


def _jsonl_text(world: World, cases: Sequence[Case], probes: Iterable[Probe]) -> str:
    return "".join(f"{json.dumps(line, ensure_ascii=False)}\n" for line in request_lines(world, cases, probes))


FORMATS: Final = {"jsonl": ("requests.jsonl", _jsonl_text), "easyedit": ("requests.json", _easyedit_text)}
