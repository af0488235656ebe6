"""A web server on 127.0.0.1 with two small archives: it answers well, breaks off, lies or sends something else."""

from __future__ import annotations

import hashlib
import io
import re
import sys
import tarfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from worldgen.graphs.fetching.download import RemoteFile
from worldgen.graphs.wikidata5m import ALIAS_ARCHIVE, TRIPLE_ARCHIVE


def archive_of(**texts: bytes) -> bytes:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as tar:
        for name, text in texts.items():
            entry = tarfile.TarInfo(f"wikidata5m_{name}.txt")
            entry.size = len(text)
            tar.addfile(entry, io.BytesIO(text))
    return packed.getvalue()


# Bytes that do not compress, so that the archive is sent in several chunks.
NOISE = b"".join(b"Q%s\tP1\tQ2\n" % hashlib.sha256(b"%d" % i).hexdigest().encode() for i in range(20_000))
CONTENT = {
    TRIPLE_ARCHIVE: archive_of(transductive_train=NOISE, transductive_valid=b"Q1\tP1\tQ2\n"),
    ALIAS_ARCHIVE: archive_of(entity=b"Q2\tLondon\n", relation=b"P1\tborn in\n"),
}
FILES = tuple(RemoteFile(name, len(data), hashlib.sha256(data).hexdigest()) for name, data in CONTENT.items())


@dataclass
class Server:
    """A mirror whose answers can be spoilt: each request for a file takes the first fault from the file's list."""

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
        """Keeps silent if the client hangs up: a traceback would stand among the command's messages."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)  # type: ignore[arg-type]


@contextmanager
def serving() -> Iterator[Server]:
    """Serves the mirror on 127.0.0.1."""
    mirror = Server()
    handler = type("BoundHandler", (Handler,), {"mirror": mirror})
    httpd = Mirror(("127.0.0.1", 0), handler)
    mirror.url = f"http://127.0.0.1:{httpd.server_address[1]}/main"
    thread = threading.Thread(target=httpd.serve_forever)
    thread.start()
    try:
        yield mirror
    finally:
        httpd.shutdown()
        httpd.server_close()
        thread.join()


def is_whole(folder: Path) -> bool:
    """Returns whether the folder holds both archives and no partial file."""
    parts = sorted(path.name for path in folder.iterdir() if path.name.endswith(".part"))
    return not parts and all((folder / name).read_bytes() == data for name, data in CONTENT.items())
