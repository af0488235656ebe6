"""The same bytes whatever works and wherever they go: other processes, a Ray cluster, a store of the network."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path

import ftp_server
import pytest
from shard_folders import SHARD_SUBJECTS, contents, order, write_all, write_with_one_process

from worldgen.storage.engines import Engine, Local
from worldgen.storage.stores import LocalFolder, Reach, RemoteFolder


@pytest.fixture(scope="module")
def plain(tmp_path_factory) -> dict[int, Path]:
    """Returns the folders that one process writes, for each size of a shard."""
    return write_with_one_process(tmp_path_factory.mktemp("plain"))


@pytest.fixture
def engine(request) -> Engine:
    return request.getfixturevalue("ray_engine") if request.param == "ray" else Local(request.param)


@pytest.fixture
def server(tmp_path) -> Iterator[tuple[str, Path]]:
    (tmp_path / "server").mkdir()
    with ftp_server.serving(tmp_path / "server") as url:
        yield url, tmp_path / "server"


@pytest.mark.parametrize("size", SHARD_SUBJECTS)
@pytest.mark.parametrize("engine", [2, 4, "ray"], indirect=True)
def test_every_engine_writes_the_same_bytes(plain, tmp_path, engine, size):
    write_all(order(size), engine, LocalFolder(tmp_path))
    assert contents(tmp_path) == contents(plain[size])
    assert len(contents(tmp_path)) == 4 * -(-155 // size)


@pytest.mark.parametrize("engine", [1, 2, "ray"], indirect=True)
def test_workers_upload_without_this_process(plain, server, monkeypatch, engine):
    """Only one process that is this one writes here: the others' uploads come from elsewhere."""
    url, folder = server
    from_here = []
    upload = RemoteFolder.write
    monkeypatch.setattr(
        RemoteFolder, "write", lambda store, name, content: (from_here.append(name), upload(store, name, content))
    )
    size = SHARD_SUBJECTS[0]
    write_all(order(size), engine, RemoteFolder(f"{url}/some/where"))
    assert contents(folder / "some" / "where") == contents(plain[size])
    assert sorted(from_here) == (sorted(contents(plain[size])) if engine.distance == Reach.PROCESS else [])


def test_memory_is_written_by_this_process(plain):
    store = RemoteFolder("memory://test-generate")
    write_all(order(80), Local(2), store)
    assert {name: hashlib.sha256(store.read(name) or b"").hexdigest() for name in contents(plain[80])} == contents(
        plain[80]
    )
