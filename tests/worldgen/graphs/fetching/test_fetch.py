"""Fetching, against a local server that behaves, breaks off, lies or sends something else; archives that bite."""

from __future__ import annotations

import hashlib
import io
import json
import re
import sys
import tarfile
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from filelock import FileLock

from worldgen import cli
from worldgen.errors import UserError
from worldgen.graphs.fetching import download, fetch, unpack
from worldgen.graphs.fetching.download import Console, RemoteFile
from worldgen.graphs.fetching.fetch import Fetched
from worldgen.graphs.reading.opening import open_graph
from worldgen.graphs.wikidata5m import ALIAS_ARCHIVE, TRIPLE_ARCHIVE

MIB = 1 << 20


def archive_of(**texts: bytes) -> bytes:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as tar:
        for name, text in texts.items():
            entry = tarfile.TarInfo(f"wikidata5m_{name}.txt")
            entry.size = len(text)
            tar.addfile(entry, io.BytesIO(text))
    return packed.getvalue()


# Bytes that do not compress, so that the archive takes several chunks.
NOISE = b"".join(b"Q%s\tP1\tQ2\n" % hashlib.sha256(b"%d" % i).hexdigest().encode() for i in range(20_000))
CONTENT = {
    TRIPLE_ARCHIVE: archive_of(transductive_train=NOISE, transductive_valid=b"Q1\tP1\tQ2\n"),
    ALIAS_ARCHIVE: archive_of(entity=b"Q2\tLondon\n", relation=b"P1\tborn in\n"),
}
FILES = tuple(RemoteFile(name, len(data), hashlib.sha256(data).hexdigest()) for name, data in CONTENT.items())


@dataclass
class Server:
    """A mirror whose next answers can be spoilt: each name's list of faults is worked off, one a request."""

    url: str = ""
    faults: dict[str, list[str]] = field(default_factory=dict)
    content: dict[str, bytes] = field(default_factory=lambda: dict(CONTENT))
    requests: list[tuple[str, str | None]] = field(default_factory=list)

    def ranges(self, name: str) -> list[str | None]:
        return [asked for requested, asked in self.requests if requested == name]


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    mirror: Server

    def do_GET(self) -> None:
        name = self.path.rsplit("/", 1)[1]
        self.mirror.requests.append((name, self.headers.get("Range")))
        faults = self.mirror.faults.get(name, [])
        fault = faults.pop(0) if faults else ""
        if fault.isdecimal() or name not in self.mirror.content:
            self.answer(int(fault or 404), b"<html>no</html>", {})
            return
        data, status, headers = self.mirror.content[name], 200, {}
        asked = re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range", ""))
        if asked and fault != "ignore range":
            start = int(asked[1])
            status, headers = 206, {"Content-Range": f"bytes {start}-{len(data) - 1}/{len(data)}"}
            data = data[start:]
        self.spoilt(fault, status, data, headers)

    def spoilt(self, fault: str, status: int, data: bytes, headers: dict[str, str]) -> None:
        length = {"announce more": len(data) + 7, "announce less": len(data) - 7}.get(fault, len(data))
        if fault == "wrong bytes":
            data = bytes(len(data))
        if fault == "another part":
            headers = {"Content-Range": f"bytes 3-{len(data)}/{len(data)}"}
        if fault in ("no length", "no length, too much", "no length, too little"):
            self.close_connection = True
            data = data + b"more" if fault.endswith("much") else data[:-9] if fault.endswith("little") else data
            self.answer(status, data, headers, length=None)
        elif fault == "break off":
            self.close_connection = True
            self.answer(status, data[: len(data) // 2], headers, length)
        elif fault == "as an encoding":
            self.answer(status, data, headers | {"Content-Encoding": "gzip"}, length)
        else:
            self.answer(status, data[:length], headers, length)

    def answer(self, status: int, data: bytes, headers: dict[str, str], length: int | None = -1) -> None:
        self.send_response(status)
        if length is not None:
            self.send_header("Content-Length", str(len(data) if length < 0 else length))
        for key, value in headers.items():
            self.send_header(key, value)
        self.end_headers()
        self.wfile.write(data)
        if length is not None and length > len(data):
            self.close_connection = True

    def log_message(self, *_: object) -> None:
        pass


class Mirror(ThreadingHTTPServer):
    def handle_error(self, request: object, client_address: object) -> None:
        """A client that hangs up is told by nobody: a traceback would stand among what the command says."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)  # type: ignore[arg-type]


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    monkeypatch.setattr(download, "FIRST_PAUSE", 0.01)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    mirror = Server()
    handler = type("BoundHandler", (Handler,), {"mirror": mirror})
    httpd = Mirror(("127.0.0.1", 0), handler)
    mirror.url = f"http://127.0.0.1:{httpd.server_address[1]}/main"
    thread = threading.Thread(target=httpd.serve_forever)
    thread.start()
    yield mirror
    httpd.shutdown()
    httpd.server_close()
    thread.join()


@pytest.fixture
def said() -> list[str]:
    return []


@pytest.fixture
def get(server: Server, tmp_path: Path, said: list[str]) -> Callable[..., Fetched]:
    def run(unpack: bool = False) -> Fetched:
        return fetch.fetch(FILES, tmp_path, server.url, unpack, Console(said.append, quiet=True))

    return run


def refused(action: Callable[[], object]) -> str:
    with pytest.raises(UserError) as raised:
        action()
    assert "\n" not in str(raised.value)
    return str(raised.value)


def whole(folder: Path) -> bool:
    """The files are there, and nothing half-done is."""
    parts = sorted(path.name for path in folder.iterdir() if path.name.endswith(".part"))
    return not parts and all((folder / name).read_bytes() == data for name, data in CONTENT.items())


TRIPLES = TRIPLE_ARCHIVE


def test_the_recorded_files_are_the_contracts() -> None:
    assert [(file.name, file.size, file.sha256[:8]) for file in fetch.WIKIDATA5M] == [
        ("wikidata5m_transductive.tar.gz", 168258214, "38316099"),
        ("wikidata5m_alias.tar.gz", 197449751, "0330f580"),
    ]


def test_a_good_server(get: Callable, server: Server, tmp_path: Path, said: list[str]) -> None:
    assert set(get().files.values()) == {"downloaded"}
    assert whole(tmp_path)
    assert said == []
    # Complete files are checked and left alone.
    count = len(server.requests)
    assert set(get().files.values()) == {"complete already"}
    assert len(server.requests) == count
    # A damaged one is replaced.
    (tmp_path / TRIPLES).write_bytes(bytes(len(CONTENT[TRIPLES])))
    assert get().files == {TRIPLES: "downloaded", ALIAS_ARCHIVE: "complete already"}
    assert whole(tmp_path)
    assert "replaced" in said[0]


@pytest.mark.parametrize(
    "fault", ["no length", "as an encoding", "break off", "no length, too little", "500", "429", "503"]
)
def test_what_another_try_mends(get: Callable, server: Server, tmp_path: Path, said: list[str], fault: str) -> None:
    server.faults[TRIPLES] = [fault]
    get()
    assert whole(tmp_path)
    tries = server.ranges(TRIPLES)
    assert len(tries) == len(said) + 1, "every retry is told"
    expected = {"break off": f"bytes={len(CONTENT[TRIPLES]) // 2}-"}
    assert tries[-1] == expected.get(fault, tries[-1])


def test_a_download_that_broke_off_is_resumed_by_the_next_command(
    get: Callable, server: Server, tmp_path: Path
) -> None:
    server.faults[TRIPLES] = ["break off", "500", "500", "500"]
    message = refused(get)
    assert "run the same command again" in message
    half = len(CONTENT[TRIPLES]) // 2
    assert f"{half} of {len(CONTENT[TRIPLES])} bytes" in message
    assert not (tmp_path / TRIPLES).exists()
    get()
    assert server.ranges(TRIPLES)[-1] == f"bytes={half}-"
    assert whole(tmp_path)


def test_a_server_that_ignores_range(get: Callable, server: Server, tmp_path: Path, said: list[str]) -> None:
    server.faults[TRIPLES] = ["break off", "ignore range"]
    get()
    assert whole(tmp_path)
    assert "does not resume" in said[-1]


def test_another_part_than_asked_for(get: Callable, server: Server, tmp_path: Path) -> None:
    server.faults[TRIPLES] = ["break off", "another part"]
    get()
    assert whole(tmp_path)
    assert server.ranges(TRIPLES)[-1] is None


@pytest.mark.parametrize("left", [b"rubbish", CONTENT[TRIPLES] + b"more", bytes(len(CONTENT[TRIPLES]))])
def test_a_part_that_does_not_fit(get: Callable, tmp_path: Path, left: bytes) -> None:
    (tmp_path / f"{TRIPLES}.part").write_bytes(left)
    get()
    assert whole(tmp_path)


def test_a_part_that_is_whole_needs_no_request(get: Callable, server: Server, tmp_path: Path) -> None:
    (tmp_path / f"{TRIPLES}.part").write_bytes(CONTENT[TRIPLES])
    get()
    assert whole(tmp_path)
    assert server.ranges(TRIPLES) == []


def test_the_range_cannot_be_had(get: Callable, server: Server, tmp_path: Path) -> None:
    (tmp_path / f"{TRIPLES}.part").write_bytes(CONTENT[TRIPLES][:100])
    server.faults[TRIPLES] = ["416"]
    get()
    assert whole(tmp_path)
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
def test_what_no_try_mends(get: Callable, server: Server, tmp_path: Path, fault: str, words: str) -> None:
    server.faults[TRIPLES] = [fault] * 9
    message = refused(get)
    assert words in message
    assert "--mirror" in message
    assert len(server.ranges(TRIPLES)) == 1
    assert not list(tmp_path.glob("*.tar.gz*")), "nothing wrong is kept"
    server.faults.clear()
    get()
    assert whole(tmp_path)


def test_a_server_that_only_breaks_off(get: Callable, server: Server, said: list[str]) -> None:
    server.faults[TRIPLES] = ["500"] * 99
    assert "check the connection" in refused(get)
    assert len(server.ranges(TRIPLES)) == download.TRIES == len(said) + 1


def test_offline(tmp_path: Path, said: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(download, "FIRST_PAUSE", 0.01)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    console = Console(said.append, quiet=True)
    # Port 9 ("discard") is closed.
    message = refused(lambda: fetch.fetch(FILES, tmp_path, "http://127.0.0.1:9", False, console))
    assert "no connection" in message
    assert "offline" in message
    for mirror in ("ftp://127.0.0.1", "huggingface.co", "http://", "https://[", ""):
        assert "--mirror" in refused(lambda mirror=mirror: fetch.fetch(FILES, tmp_path, mirror, False, console))


def test_folders_that_cannot_be(get: Callable, tmp_path: Path, server: Server) -> None:
    (tmp_path / "file").write_text("")
    for folder in (tmp_path / "file", tmp_path / "file" / "below"):
        console = Console(print, quiet=True)
        message = refused(lambda folder=folder, c=console: fetch.fetch(FILES, folder, server.url, False, c))
        assert "cannot write" in message
    with FileLock(tmp_path / ".fetch.lock"):
        assert "another worldgen process" in refused(get)


def test_unpacked_it_is_a_graph(get: Callable, tmp_path: Path) -> None:
    names = ["transductive_train", "transductive_valid", "entity", "relation"]
    assert get(unpack=True).unpacked == tuple(f"wikidata5m_{name}.txt" for name in names)
    source = open_graph(tmp_path)
    assert [path.suffix for path in source.paths()] == [".txt"] * 3
    assert source.triples(10**9, strict=True).lines == 20_000
    assert source.relation_names({"P1"}) == {"P1": ("born in",)}
    assert not list(tmp_path.glob(".unpack-*"))


class TestCommand:
    @pytest.fixture
    def worldgen(
        self, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], server: Server
    ) -> Callable[..., tuple[int, str, str]]:
        monkeypatch.setattr(fetch, "WIKIDATA5M", FILES)

        def run(*arguments: object) -> tuple[int, str, str]:
            command = ["worldgen", "fetch", *map(str, arguments), "--mirror", server.url]
            monkeypatch.setattr(sys, "argv", command)
            with pytest.raises(SystemExit) as exit_:
                cli.main()
            captured = capsys.readouterr()
            return int(exit_.value.code or 0), captured.out, captured.err

        return run

    def test_progress_goes_to_stderr(self, worldgen: Callable, tmp_path: Path) -> None:
        code, out, err = worldgen("wikidata5m", tmp_path / "kg")
        assert code == 0
        assert f"{TRIPLES}: downloaded" in out
        assert "--kg" in out
        assert "100%" in err
        assert whole(tmp_path / "kg")

    def test_json_alone_on_stdout(self, worldgen: Callable, tmp_path: Path) -> None:
        code, out, err = worldgen("wikidata5m", tmp_path, "--unpack", "--json")
        assert (code, err) == (0, "")
        reply = json.loads(out)
        assert reply["files"] == dict.fromkeys(CONTENT, "downloaded")
        assert len(reply["unpacked"]) == 4
        code, out, err = worldgen("wikidata5m", tmp_path, "--quiet")
        assert (code, err) == (0, "")

    def test_mistakes(self, worldgen: Callable, server: Server, tmp_path: Path) -> None:
        server.content.clear()
        code, out, err = worldgen("wikidata5m", tmp_path, "--json")
        assert (code, out) == (2, "")
        assert err.startswith("worldgen: http://127.0.0.1")
        assert err.count("\n") == 1
        code, _, err = worldgen("wikidata6m", tmp_path)
        assert code == 2
        assert "wikidata5m" in err

    def test_help(self, worldgen: Callable) -> None:
        code, out, _ = worldgen("--help")
        assert code == 0
        assert "Example: worldgen fetch wikidata5m" in " ".join(out.split())


# --- archives ------------------------------------------------------------------------------------------------


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
    message = refused(lambda: unpack.unpack(archive, folder))
    assert "not unpacked" in message
    assert "\x1b" not in message
    assert sorted(tmp_path.rglob("*")) == [archive, folder.parent, folder]


def test_plain_files_are_unpacked_flat_and_unexecutable(tmp_path: Path) -> None:
    archive = tar_of(
        tmp_path / "plain.tar.gz", ("data", b"", {"type": tarfile.DIRTYPE}), ("data/a.txt", b"A", {"mode": 0o4777}),
        ("./b.txt", b"B", {"uid": 0}), ("data/.bashrc", b"no", {}), ("README.md", b"no", {}),
    )  # fmt: skip
    # What lies there under these names is replaced, not followed.
    outside = tmp_path / "outside"
    outside.write_text("outside")
    folder = tmp_path / "folder"
    folder.mkdir()
    (folder / "a.txt").symlink_to(outside)
    assert unpack.unpack(archive, folder) == ["a.txt", "b.txt"]
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == {"a.txt": b"A", "b.txt": b"B"}
    assert (folder / "a.txt").stat().st_mode & 0o7111 == 0
    assert outside.read_text() == "outside"


def test_an_archive_that_is_too_much(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(unpack, "MOST_BYTES", MIB)
    archive = tar_of(tmp_path / "bomb.tar.gz", ("a.txt", bytes(MIB), {}), ("b.bin", b"1", {}))
    assert "GiB" in refused(lambda: unpack.unpack(archive, tmp_path))
    assert not (tmp_path / "a.txt").exists()


def test_an_archive_cut_short_or_no_archive(tmp_path: Path) -> None:
    archive = tmp_path / "cut.tar.gz"
    data = CONTENT[TRIPLES]
    for length in (0, 5, 100, len(data) // 2):
        archive.write_bytes(data[:length])
        assert "damaged or cut short" in refused(lambda: unpack.unpack(archive, tmp_path))
    archive.write_bytes(b"<html>" * 100)
    assert "damaged or cut short" in refused(lambda: unpack.unpack(archive, tmp_path))
    assert [path.name for path in tmp_path.iterdir()] == ["cut.tar.gz"]


def test_a_folder_in_the_way(tmp_path: Path) -> None:
    archive = tar_of(tmp_path / "plain.tar.gz", PLAIN)
    (tmp_path / "a.txt").mkdir()
    assert "move it away" in refused(lambda: unpack.unpack(archive, tmp_path))
