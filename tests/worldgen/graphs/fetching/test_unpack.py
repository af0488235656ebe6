"""Unpacking archives: plain ones, hostile ones and damaged ones."""

from __future__ import annotations

import io
import tarfile
from pathlib import Path

import pytest
from graph_checks import refusal
from http_mirror import CONTENT

from worldgen.graphs.fetching import unpack
from worldgen.graphs.wikidata5m import TRIPLE_ARCHIVE

MIB = 1 << 20


def tar_of(path: Path, *members: tuple[str, bytes, dict[str, object]], mode: str = "w:gz") -> Path:
    with tarfile.open(path, mode) as tar:  # type: ignore[call-overload]
        for name, content, attributes in members:
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            for key, value in attributes.items():
                setattr(entry, key, value)
            tar.addfile(entry, io.BytesIO(content))
    return path


PLAIN: tuple[str, bytes, dict[str, object]] = ("a.txt", b"plain", {})
HOSTILE: dict[str, tuple[str, bytes, dict[str, object]]] = {
    "upwards": ("../evil.txt", b"x", {}),
    "upwards inside": ("a/../../evil.txt", b"x", {}),
    "absolute": ("/tmp/evil.txt", b"x", {}),
    "backslashes": ("..\\evil.txt", b"x", {}),
    "symbolic link": ("evil.txt", b"", {"type": tarfile.SYMTYPE, "linkname": "/etc/passwd"}),
    "symbolic link inside": ("evil.txt", b"", {"type": tarfile.SYMTYPE, "linkname": "a.txt"}),
    "hard link": ("evil.txt", b"", {"type": tarfile.LNKTYPE, "linkname": "a.txt"}),
    "character device": ("evil.txt", b"", {"type": tarfile.CHRTYPE, "devmajor": 1, "devminor": 3}),
    "block device": ("evil.txt", b"", {"type": tarfile.BLKTYPE}),
    "pipe": ("evil.txt", b"", {"type": tarfile.FIFOTYPE}),
    "second of a name": ("elsewhere/a.txt", b"x", {}),
    "control character": ("evil\x1b[2J.txt", b"x", {}),
}


@pytest.mark.parametrize("kind", HOSTILE)
@pytest.mark.parametrize("first", [True, False])
def test_a_hostile_archive_writes_nothing(tmp_path: Path, kind: str, first: bool) -> None:
    folder = tmp_path / "in" / "here"
    folder.mkdir(parents=True)
    members = [HOSTILE[kind], PLAIN] if first else [PLAIN, HOSTILE[kind]]
    archive = tar_of(tmp_path / "hostile.tar.gz", *members)
    message = refusal(lambda: unpack.unpack(archive, folder))
    assert "not unpacked" in message
    assert "\x1b" not in message
    assert sorted(tmp_path.rglob("*")) == [archive, folder.parent, folder]


def test_plain_files_are_unpacked_flat_and_unexecutable(tmp_path: Path) -> None:
    archive = tar_of(
        tmp_path / "plain.tar.gz", ("data", b"", {"type": tarfile.DIRTYPE}), ("data/a.txt", b"A", {"mode": 0o4777}),
        ("./b.txt", b"B", {"uid": 0}), ("data/.bashrc", b"no", {}), ("README.md", b"no", {}),
    )  # fmt: skip
    # A link in the folder is replaced, not followed.
    outside = tmp_path / "outside"
    outside.write_text("outside")
    folder = tmp_path / "folder"
    folder.mkdir()
    (folder / "a.txt").symlink_to(outside)
    assert unpack.unpack(archive, folder) == ["a.txt", "b.txt"]
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == {"a.txt": b"A", "b.txt": b"B"}
    assert (folder / "a.txt").stat().st_mode & 0o7111 == 0
    assert outside.read_text() == "outside"


def test_an_archive_that_is_too_large_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(unpack, "MOST_BYTES", MIB)
    archive = tar_of(tmp_path / "bomb.tar.gz", ("a.txt", bytes(MIB), {}), ("b.bin", b"1", {}))
    assert "GiB" in refusal(lambda: unpack.unpack(archive, tmp_path))
    assert not (tmp_path / "a.txt").exists()


def test_a_damaged_archive_is_refused(tmp_path: Path) -> None:
    archive = tmp_path / "cut.tar.gz"
    data = CONTENT[TRIPLE_ARCHIVE]
    for length in (0, 5, 100, len(data) // 2):
        archive.write_bytes(data[:length])
        assert "damaged or cut short" in refusal(lambda: unpack.unpack(archive, tmp_path))
    archive.write_bytes(b"<html>" * 100)
    assert "damaged or cut short" in refusal(lambda: unpack.unpack(archive, tmp_path))
    assert [path.name for path in tmp_path.iterdir()] == ["cut.tar.gz"]


def test_a_folder_in_the_place_of_a_file_is_refused(tmp_path: Path) -> None:
    archive = tar_of(tmp_path / "plain.tar.gz", PLAIN)
    (tmp_path / "a.txt").mkdir()
    assert "move it away" in refusal(lambda: unpack.unpack(archive, tmp_path))
