"""Exported requests: EasyEdit's own keys, which answers should change and which should not, every probe in full."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import miniature
import pytest
from command_line import exit_code_of

from worldgen.errors import UserError
from worldgen.evaluate.asking.questions import QuestionKind
from worldgen.evaluate.runs.load import load_agent, load_world
from worldgen.evaluate.runs.run import Run
from worldgen.evaluate.testbed.cases import load_cases
from worldgen.evaluate.testbed.export import easyedit_records, export_requests
from worldgen.evaluate.testbed.probes import load_probes
from worldgen.storage.manifests import verify

# EasyEdit: easyeditor/editors/utils.py, _prepare_requests, makes records of these keys, which edit_requests takes.
EASYEDIT = {"prompt", "target_new", "ground_truth", "portability", "locality"}
EASYEDIT_OPTIONAL = {"subject", "rephrase_prompt", "case_id"}


@pytest.fixture(scope="module")
def run(built_run: Run, tmp_path_factory: pytest.TempPathFactory) -> Run:
    return miniature.variant(built_run, tmp_path_factory.mktemp("run"), ["cases.cases=40"])


def exported(run: Run, format_: str, out: Path) -> str:
    export_requests(load_world(run.folder), run.folder / "cases", format_, out, lambda text: None)
    assert verify(out) == []
    (file,) = [path for path in out.iterdir() if path.name.startswith("requests")]
    return file.read_text(encoding="utf-8")


def test_records_have_easyedits_keys_and_no_others(run: Run, tmp_path: Path) -> None:
    records = json.loads(exported(run, "easyedit", tmp_path / "out"))
    assert len(records) == 40
    for record in records:
        assert record.keys() >= EASYEDIT
        assert record.keys() <= EASYEDIT | EASYEDIT_OPTIONAL
        assert record["subject"] in record["prompt"]
        assert all(isinstance(record[key], str) for key in ("prompt", "target_new", "ground_truth"))
        for part in ("portability", "locality"):
            for asked in record[part].values():
                assert asked.keys() == {"prompt", "ground_truth"}
                assert all(isinstance(text, str) and text for text in asked.values())


def test_portability_holds_the_questions_to_which_the_agent_changes_its_answer(run: Run, tmp_path: Path) -> None:
    records = json.loads(exported(run, "easyedit", tmp_path / "out"))
    world, cases = load_world(run.folder), load_cases(run.folder / "cases" / "cases.parquet")
    agent = load_agent(run.folder, world, run.config.agent)
    assert {case.downstream_changes for case in cases} == {True, False}
    for case, record in zip(cases, records, strict=True):
        assert record["prompt"] == f"{world.subjects[case.subject]} {world.relations[case.relation]}"
        assert record["target_new"] == f"{world.objects[case.requested]}."
        assert record["ground_truth"] == f"{world.objects[case.truth]}."
        asked = record["portability"] | record["locality"]
        assert len(asked) == len(record["portability"]) + len(record["locality"]) == 3
        revised = agent.revise(case.edit())
        for name, subject, relation in (
            ("reasoning" if "reasoning" in asked else "same_subject", case.subject, case.relation2),
            ("neighborhood", case.subject2, case.relation),
            ("unrelated", case.subject2, case.relation2),
        ):
            before, after = agent.belief(subject, relation).mode(), revised.belief(subject, relation).mode()
            assert asked[name]["prompt"] == f"{world.subjects[subject]} {world.relations[relation]}"
            assert asked[name]["ground_truth"] == f"{world.objects[after]}."
            assert (name in record["portability"]) == (before != after)
        assert not case.downstream_changes or "reasoning" in record["portability"]


def test_a_world_with_aliases_has_the_question_in_other_words(run: Run) -> None:
    world, cases = load_world(run.folder), load_cases(run.folder / "cases" / "cases.parquet")
    probes = load_probes(run.folder / "cases" / "probes.parquet")
    assert not any("rephrase_prompt" in record for record in easyedit_records(world, cases, probes))
    spoken = tuple((f"the {label}",) for label in world.subjects.labels)
    named = replace(world, subjects=replace(world.subjects, spoken=spoken))
    for record in easyedit_records(named, cases, probes):
        assert record["rephrase_prompt"] == f"the {record['prompt']}"


def test_lines_hold_every_probe(run: Run, tmp_path: Path) -> None:
    lines = [json.loads(line) for line in exported(run, "jsonl", tmp_path / "out").splitlines()]
    probes = load_probes(run.folder / "cases" / "probes.parquet")
    told = [(line["case"], probe) for line in lines for probe in line["probes"]]
    assert len(told) == len(probes)
    for (case, line), probe in zip(told, probes, strict=True):
        assert (case, line["name"], line["prompt"], line.get("target", "")) == (
            probe.question.case, probe.question.name, probe.question.prompt, probe.question.target,
        )  # fmt: skip
        if probe.question.kind is QuestionKind.ANSWER:
            assert line["expected_after"] == probe.key.expected_after
            assert "credence_after" not in line
        else:
            assert line["credence_after"] == probe.key.credence_after
    case = load_cases(run.folder / "cases" / "cases.parquet")[7]
    assert lines[7]["weight"] == case.weight
    assert lines[7]["downstream_changes"] == case.downstream_changes


def test_a_finished_export_is_left_alone_and_another_format_is_refused(run: Run, tmp_path: Path) -> None:
    exported(run, "easyedit", tmp_path / "out")
    before = (tmp_path / "out" / "manifest.json").stat().st_mtime_ns
    exported(run, "easyedit", tmp_path / "out")
    assert (tmp_path / "out" / "manifest.json").stat().st_mtime_ns == before
    with pytest.raises(UserError, match="holds another export"):
        exported(run, "jsonl", tmp_path / "out")


@pytest.mark.parametrize(
    ("options", "file"),
    [
        (["--format", "easyedit"], "requests.json"),
        (["--what", "requests"], "requests.jsonl"),
        (["--what", "requests", "--format", "jsonl"], "requests.jsonl"),
        (["--format", "txt"], "data"),
    ],
)
def test_the_export_command_writes_the_requests(run: Run, tmp_path: Path, options: list[str], file: str) -> None:
    assert exit_code_of("export", run.folder, "--out", tmp_path / "o", *options) == 0
    assert (tmp_path / "o" / file).exists()


@pytest.mark.parametrize(
    "options", [["--what", "requests", "--format", "txt"], ["--what", "documents", "--format", "easyedit"]]
)
def test_a_format_of_the_other_kind_is_refused(run: Run, tmp_path: Path, capsys, options) -> None:
    assert exit_code_of("export", run.folder, "--out", tmp_path / "o", *options) == 2
    assert f"{options[1]} are not written as {options[3]}: take --format " in capsys.readouterr().err
