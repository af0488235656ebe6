"""A store keeps files whole, on disk and on a server; a failure there is told in one line."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import ftp_server
import pytest

from worldgen.errors import UserError
from worldgen.storage.stores import LocalFolder, Reach, RemoteFolder, Store, store_at


@pytest.fixture(scope="module")
def server(tmp_path_factory) -> Iterator[tuple[str, Path]]:
    folder = tmp_path_factory.mktemp("server")
    with ftp_server.serving(folder) as url:
        yield url, folder


@pytest.fixture(params=["local", "file", "memory", "ftp"])
def store(request, tmp_path, server) -> Store:
    urls = {"local": tmp_path / "a", "file": f"file://{tmp_path}/a", "memory": "memory://a", "ftp": f"{server[0]}/a"}
    return store_at(str(urls[request.param]))


def test_a_store_reads_the_bytes_that_were_written(store: Store):
    # First longer than an upload's blocks (64 KiB by FTP) and with every byte, then shorter, then empty.
    for content in (bytes(range(256)) * 1000, b"shorter", b""):
        store.write("new/folder/file.bin", content)
        assert store.read("new/folder/file.bin") == content
    assert store.read("new/folder/other") is None
    assert store.read("nowhere/file.bin") is None


def test_files_lie_where_the_url_says(server, tmp_path):
    url, folder = server
    store_at(f"{url}/b/c/").write("d/e", b"content")
    assert (folder / "b" / "c" / "d" / "e").read_bytes() == b"content"
    store_at(f"file://{tmp_path}/f").write("g", b"content")
    assert (tmp_path / "f" / "g").read_bytes() == b"content"


def test_the_url_decides_who_can_write(tmp_path, monkeypatch):
    assert store_at("s3://bucket/folder").reach == Reach.NETWORK
    assert store_at("memory://folder").reach == Reach.PROCESS
    monkeypatch.chdir(tmp_path)
    here = store_at("folder")
    assert here == store_at(f"file://{tmp_path}/folder") == LocalFolder(tmp_path / "folder")
    assert here.reach == Reach.MACHINE


@pytest.mark.parametrize(
    ("url", "told"), [("nosuch://bucket/x", "nosuch"), ("s3://bucket/x", "s3fs"), ("ftp://127.0.0.1:1/x", "refused")]
)
def test_an_unreachable_store_is_told_in_one_line(url: str, told: str):
    if told == "s3fs":
        with pytest.raises(ImportError):
            __import__("s3fs")
    with pytest.raises(UserError, match=told) as error:
        RemoteFolder(url).read("file")
    assert "\n" not in str(error.value)


def test_a_password_is_not_shown(server):
    url, _ = server
    wrong = url.replace(ftp_server.PASSWORD, "wrong-password")
    with pytest.raises(UserError) as error:
        RemoteFolder(wrong).write("file", b"")
    assert "wrong-password" not in str(error.value)
    assert "127.0.0.1" in str(error.value)
