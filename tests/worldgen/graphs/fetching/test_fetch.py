"""Fetching from a mirror that behaves, breaks off, lies or sends something else."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from filelock import FileLock
from graph_checks import refusal
from http_mirror import CONTENT, FILES, Server, is_whole, serving

from worldgen.graphs.fetching import download, fetch
from worldgen.graphs.fetching.download import Console
from worldgen.graphs.fetching.fetch import Fetched
from worldgen.graphs.reading.opening import open_graph
from worldgen.graphs.wikidata5m import ALIAS_ARCHIVE, TRIPLE_ARCHIVE

TRIPLES = TRIPLE_ARCHIVE


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    monkeypatch.setattr(download, "FIRST_PAUSE", 0.01)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with serving() as mirror:
        yield mirror


@pytest.fixture
def said() -> list[str]:
    return []


@pytest.fixture
def get(server: Server, tmp_path: Path, said: list[str]) -> Callable[..., Fetched]:
    def run(unpack: bool = False) -> Fetched:
        return fetch.fetch(FILES, tmp_path, server.url, unpack, Console(said.append, quiet=True))

    return run


def test_the_recorded_files_are_wikidata5ms() -> None:
    assert [(file.name, file.size, file.sha256[:8]) for file in fetch.WIKIDATA5M] == [
        ("wikidata5m_transductive.tar.gz", 168258214, "38316099"),
        ("wikidata5m_alias.tar.gz", 197449751, "0330f580"),
    ]


def test_a_good_server_is_asked_once(get: Callable, server: Server, tmp_path: Path, said: list[str]) -> None:
    assert set(get().files.values()) == {"downloaded"}
    assert is_whole(tmp_path)
    assert said == []
    # Complete files are checked and left alone.
    count = len(server.requests)
    assert set(get().files.values()) == {"complete already"}
    assert len(server.requests) == count
    # A damaged one is replaced.
    (tmp_path / TRIPLES).write_bytes(bytes(len(CONTENT[TRIPLES])))
    assert get().files == {TRIPLES: "downloaded", ALIAS_ARCHIVE: "complete already"}
    assert is_whole(tmp_path)
    assert "replaced" in said[0]


@pytest.mark.parametrize(
    "fault", ["no length", "as an encoding", "break off", "no length, too little", "500", "429", "503"]
)
def test_another_try_mends_a_passing_fault(
    get: Callable, server: Server, tmp_path: Path, said: list[str], fault: str
) -> None:
    server.faults[TRIPLES] = [fault]
    get()
    assert is_whole(tmp_path)
    tries = server.ranges(TRIPLES)
    assert len(tries) == len(said) + 1, "every retry is told"
    expected = {"break off": f"bytes={len(CONTENT[TRIPLES]) // 2}-"}
    assert tries[-1] == expected.get(fault, tries[-1])


def test_a_download_that_broke_off_is_resumed_by_the_next_command(
    get: Callable, server: Server, tmp_path: Path
) -> None:
    server.faults[TRIPLES] = ["break off", "500", "500", "500"]
    message = refusal(get)
    assert "run the same command again" in message
    half = len(CONTENT[TRIPLES]) // 2
    assert f"{half} of {len(CONTENT[TRIPLES])} bytes" in message
    assert not (tmp_path / TRIPLES).exists()
    get()
    assert server.ranges(TRIPLES)[-1] == f"bytes={half}-"
    assert is_whole(tmp_path)


def test_a_server_that_does_not_resume_starts_again(
    get: Callable, server: Server, tmp_path: Path, said: list[str]
) -> None:
    server.faults[TRIPLES] = ["break off", "ignore range"]
    get()
    assert is_whole(tmp_path)
    assert "does not resume" in said[-1]


def test_an_answer_with_another_part_is_dropped(get: Callable, server: Server, tmp_path: Path) -> None:
    server.faults[TRIPLES] = ["break off", "another part"]
    get()
    assert is_whole(tmp_path)
    assert server.ranges(TRIPLES)[-1] is None


@pytest.mark.parametrize("left", [b"rubbish", CONTENT[TRIPLES] + b"more", bytes(len(CONTENT[TRIPLES]))])
def test_a_wrong_part_of_an_earlier_download_is_replaced(get: Callable, tmp_path: Path, left: bytes) -> None:
    (tmp_path / f"{TRIPLES}.part").write_bytes(left)
    get()
    assert is_whole(tmp_path)


def test_a_part_that_is_whole_needs_no_request(get: Callable, server: Server, tmp_path: Path) -> None:
    (tmp_path / f"{TRIPLES}.part").write_bytes(CONTENT[TRIPLES])
    get()
    assert is_whole(tmp_path)
    assert server.ranges(TRIPLES) == []


def test_a_part_that_the_server_cannot_resume_is_dropped(get: Callable, server: Server, tmp_path: Path) -> None:
    (tmp_path / f"{TRIPLES}.part").write_bytes(CONTENT[TRIPLES][:100])
    server.faults[TRIPLES] = ["416"]
    get()
    assert is_whole(tmp_path)
    assert server.ranges(TRIPLES) == ["bytes=100-", None]


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        ("wrong bytes", "other bytes than recorded"),
        ("announce more", "announces"),
        ("announce less", "announces"),
        ("no length, too much", "sends more"),
        ("404", "does not have it"),
        ("403", "refuses it"),
    ],
)
def test_a_lasting_fault_is_refused_at_once(
    get: Callable, server: Server, tmp_path: Path, fault: str, words: str
) -> None:
    server.faults[TRIPLES] = [fault] * 9
    message = refusal(get)
    assert words in message
    assert "--mirror" in message
    assert len(server.ranges(TRIPLES)) == 1
    assert not list(tmp_path.glob("*.tar.gz*")), "nothing wrong is kept"
    server.faults.clear()
    get()
    assert is_whole(tmp_path)


def test_the_tries_end_after_a_few(get: Callable, server: Server, said: list[str]) -> None:
    server.faults[TRIPLES] = ["500"] * 99
    assert "check the connection" in refusal(get)
    assert len(server.ranges(TRIPLES)) == download.TRIES == len(said) + 1


def test_a_machine_without_connection_is_told(tmp_path: Path, said: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(download, "FIRST_PAUSE", 0.01)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    console = Console(said.append, quiet=True)
    # Port 9 ("discard") is closed.
    message = refusal(lambda: fetch.fetch(FILES, tmp_path, "http://127.0.0.1:9", False, console))
    assert "no connection" in message
    assert "offline" in message
    for mirror in ("ftp://127.0.0.1", "huggingface.co", "http://", "https://[", ""):
        assert "--mirror" in refusal(lambda mirror=mirror: fetch.fetch(FILES, tmp_path, mirror, False, console))


def test_a_folder_that_cannot_be_written_is_refused(get: Callable, tmp_path: Path, server: Server) -> None:
    (tmp_path / "file").write_text("")
    for folder in (tmp_path / "file", tmp_path / "file" / "below"):
        console = Console(print, quiet=True)
        message = refusal(lambda folder=folder, c=console: fetch.fetch(FILES, folder, server.url, False, c))
        assert "cannot write" in message
    with FileLock(tmp_path / ".fetch.lock"):
        assert "another worldgen process" in refusal(get)


def test_the_unpacked_files_are_a_graph(get: Callable, tmp_path: Path) -> None:
    names = ["transductive_train", "transductive_valid", "entity", "relation"]
    assert get(unpack=True).unpacked == tuple(f"wikidata5m_{name}.txt" for name in names)
    source = open_graph(tmp_path)
    assert [path.suffix for path in source.paths()] == [".txt"] * 3
    assert source.triples(10**9, strict=True).lines == 20_000
    assert source.relation_names({"P1"}) == {"P1": ("born in",)}
    assert not list(tmp_path.glob(".unpack-*"))
