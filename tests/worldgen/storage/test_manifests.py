"""A manifest records what a stage depended on and made, and tells later changes of either."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from worldgen.storage.files import sha256, write_text
from worldgen.storage.machine import versions
from worldgen.storage.manifests import begin, differences, finish, read_manifest, stage_files, verify

INPUTS = {"world.facts": 600, "world.pairs": ("a", "b"), "name": "Zürich"}


@pytest.fixture
def stage(tmp_path: Path) -> Path:
    """A finished stage of two files."""
    folder = tmp_path / "world"
    started = begin(folder, INPUTS)
    write_text(folder / "facts.txt", "facts")
    write_text(folder / "below" / "names.txt", "names")
    finish(folder, "world", INPUTS, {"facts": 2}, started)
    return folder


def test_a_finished_stage_is_recorded(stage: Path) -> None:
    manifest = read_manifest(stage)
    assert manifest is not None
    assert (manifest.stage, manifest.rows, manifest.versions) == ("world", {"facts": 2}, versions())
    assert manifest.inputs == {**INPUTS, "world.pairs": ["a", "b"]} == json.loads((stage / "inputs.json").read_text())
    assert manifest.inputs_hash == sha256(stage / "inputs.json")
    assert manifest.files == {str(path.relative_to(stage)): sha256(path) for path in stage_files(stage)}
    assert set(manifest.files) == {"facts.txt", "below/names.txt"}
    assert verify(stage) == []


def test_a_stage_that_has_only_begun_is_not_finished(tmp_path: Path) -> None:
    (tmp_path / ".facts.txt.123.partial").write_text("fac")
    begin(tmp_path, INPUTS)
    assert [path.name for path in tmp_path.iterdir()] == ["inputs.json"], "a killed run's partial file is removed"
    assert read_manifest(tmp_path) is None
    assert verify(tmp_path) == ["it is not finished"]


def test_every_kind_of_changed_file_is_found(stage: Path) -> None:
    (stage / "facts.txt").write_text("other")
    (stage / "below" / "names.txt").unlink()
    (stage / "more.txt").write_text("more")
    assert verify(stage) == [
        "below/names.txt is missing",
        "facts.txt differs from its recorded sha256",
        "more.txt is not in the manifest",
    ]


def test_each_changed_setting_is_told(stage: Path, tmp_path: Path) -> None:
    assert differences(stage, INPUTS) == []
    changed = {"world.facts": 700, "name": "Zürich", "world.aliases": 3}
    assert differences(stage, changed) == [
        "world.facts: 600 there, 700 now",
        "world.aliases: nothing there, 3 now",
        'world.pairs: ["a", "b"] there, nothing now',
    ]
    assert differences(tmp_path / "nowhere", changed) == []
