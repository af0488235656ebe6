"""`worldgen fetch`: its files, its output and its exit codes."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from http_mirror import CONTENT, FILES, Server, is_whole, serving

from worldgen.graphs.fetching import download, fetch
from worldgen.graphs.wikidata5m import TRIPLE_ARCHIVE


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    monkeypatch.setattr(download, "FIRST_PAUSE", 0.01)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with serving() as mirror:
        yield mirror


@pytest.fixture
def fetching(
    monkeypatch: pytest.MonkeyPatch, worldgen: Callable[..., tuple[int, str, str]], server: Server
) -> Callable[..., tuple[int, str, str]]:
    monkeypatch.setattr(fetch, "WIKIDATA5M", FILES)

    def run(*arguments: object) -> tuple[int, str, str]:
        return worldgen("fetch", *arguments, "--mirror", server.url)

    return run


def test_progress_goes_to_stderr(fetching: Callable, tmp_path: Path) -> None:
    code, out, err = fetching("wikidata5m", tmp_path / "kg")
    assert code == 0
    assert f"{TRIPLE_ARCHIVE}: downloaded" in out
    assert "--kg" in out
    assert "100%" in err
    assert is_whole(tmp_path / "kg")


def test_json_alone_on_stdout(fetching: Callable, tmp_path: Path) -> None:
    code, out, err = fetching("wikidata5m", tmp_path, "--unpack", "--json")
    assert (code, err) == (0, "")
    reply = json.loads(out)
    assert reply["files"] == dict.fromkeys(CONTENT, "downloaded")
    assert len(reply["unpacked"]) == 4
    code, out, err = fetching("wikidata5m", tmp_path, "--quiet")
    assert (code, err) == (0, "")


def test_a_mistake_is_told_in_one_line(fetching: Callable, server: Server, tmp_path: Path) -> None:
    server.content.clear()
    code, out, err = fetching("wikidata5m", tmp_path, "--json")
    assert (code, out) == (2, "")
    assert err.startswith("worldgen: http://127.0.0.1")
    assert err.count("\n") == 1
    code, _, err = fetching("wikidata6m", tmp_path)
    assert code == 2
    assert "wikidata5m" in err


def test_help_shows_an_example(fetching: Callable) -> None:
    code, out, _ = fetching("--help")
    assert code == 0
    assert "Example: worldgen fetch wikidata5m" in " ".join(out.split())
