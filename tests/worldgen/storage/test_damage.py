"""worldgen.storage.manifests: a damaged stage is never read, whatever was done to which of its files."""

import shutil

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from worldgen.errors import UserError
from worldgen.storage.files import write_table, write_text
from worldgen.storage.manifests import INPUTS, MANIFEST, begin, differences, finish, read_manifest, verify


@pytest.fixture(scope="module")
def stage(tmp_path_factory):
    folder = tmp_path_factory.mktemp("run") / "corpus"
    inputs = {"corpus.documents": 2}
    started = begin(folder, inputs)
    write_table(folder / "sentences-00000.parquet", {"fact": [1, 2, 3]})
    write_table(folder / "sentences-00001.parquet", {"fact": [4, 5, 6]})
    write_text(folder / "deep" / "card.md", "two documents\n")
    finish(folder, "corpus", inputs, {"documents": 2}, started)
    return folder


def damages():
    """Ways to damage a file (flip a bit, cut off the end, remove it), where (a share of its length), and which bit."""
    return st.tuples(st.sampled_from(["flip", "cut", "remove"]), st.floats(0, 1, exclude_max=True), st.integers(0, 7))


def damage(path, how, where, bit):
    content = bytearray(path.read_bytes())
    at = int(where * len(content))
    if how == "remove":
        path.unlink()
    elif how == "cut":
        path.write_bytes(content[:at])
    else:
        content[at] ^= 1 << bit
        path.write_bytes(content)


@settings(max_examples=300, deadline=None)
@given(
    name=st.sampled_from([MANIFEST, "sentences-00000.parquet", "sentences-00001.parquet", "deep/card.md"]),
    how=damages(),
)
def test_damage_is_refused_by_name(stage, tmp_path_factory, name, how):
    folder = tmp_path_factory.mktemp("copy") / "corpus"
    shutil.copytree(stage, folder)
    damage(folder / name, *how)
    if name == MANIFEST and how[0] == "remove":
        assert read_manifest(folder) is None  # not finished
        return
    try:
        read = read_manifest(folder)
    except UserError as error:
        message = str(error)
    else:  # a space of the manifest has changed, which says nothing
        assert name == MANIFEST
        assert read == read_manifest(stage)
        return
    assert name in message
    assert "corpus and what follows it" in message
    assert "\n" not in message
    assert verify(folder)


def test_a_foreign_file_is_not_read_as_a_shard(stage, tmp_path):
    folder = tmp_path / "corpus"
    shutil.copytree(stage, folder)
    shutil.copy(folder / "sentences-00001.parquet", folder / "sentences-00002.parquet")
    with pytest.raises(UserError, match=r"sentences-00002\.parquet is not in the manifest"):
        read_manifest(folder)


def test_a_damaged_note_of_the_inputs_is_told(stage, tmp_path):
    folder = tmp_path / "corpus"
    shutil.copytree(stage, folder)
    (folder / INPUTS).write_text("{")
    with pytest.raises(UserError, match=r"inputs.json is damaged"):
        differences(folder, {})


def test_each_stage_is_hashed_once_in_a_process(stage, monkeypatch):
    read_manifest(stage)
    monkeypatch.setattr("worldgen.storage.manifests.sha256", lambda path: pytest.fail(f"{path} was read again"))
    assert read_manifest(stage).rows == {"documents": 2}
