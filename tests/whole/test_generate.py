"""The same bytes whatever works and wherever they go; a killed run goes on and makes nothing twice."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import ftp_server
import miniature
import numpy as np
import pytest
from shard_folders import SHARD_SUBJECTS, contents, order, write_with_one_process

from worldgen.corpus.recipe import write_corpus
from worldgen.corpus.sentences import read_shards
from worldgen.errors import UserError
from worldgen.evaluate.runs.run import Run
from worldgen.evaluate.stages.generate import generate
from worldgen.lm.encode import write_tokens
from worldgen.storage.engines import Local
from worldgen.storage.manifests import INPUTS, MANIFEST, stage_files, verify
from worldgen.storage.stores import LocalFolder, Reach


@pytest.fixture(scope="module")
def plain(tmp_path_factory) -> dict[int, Path]:
    """Returns the folders that one process writes, for each size of a shard."""
    return write_with_one_process(tmp_path_factory.mktemp("plain"))


@pytest.fixture
def server(tmp_path) -> Iterator[tuple[str, Path]]:
    (tmp_path / "server").mkdir()
    with ftp_server.serving(tmp_path / "server") as url:
        yield url, tmp_path / "server"


def test_they_are_the_bytes_of_the_stages(plain, tmp_path):
    size = SHARD_SUBJECTS[0]
    write_corpus(order(size).recipe, LocalFolder(tmp_path / "corpus"), Local())
    shards = read_shards(tmp_path / "corpus")
    write_tokens(order(size).encoder, shards, LocalFolder(tmp_path / "tokens"), Local())
    there = {name: hash_ for name, hash_ in contents(plain[size]).items() if not name.startswith("shards/")}
    assert contents(tmp_path) == there


def test_the_size_of_shards_decides_only_where_a_file_ends(plain):
    """Sentences in the same order; the same documents, in ids and in tokens, of each shuffle and subject in turn."""
    small, large = (told(folder) for folder in plain.values())
    assert small == large


def told(folder: Path) -> tuple[dict[str, list], list[tuple]]:
    shards = list(read_shards(folder / "corpus"))
    sentences = {
        name: np.concatenate([shard.sentences.columns()[name] for shard in shards]).tolist()
        for name in shards[0].sentences.columns()
    }
    documents = []
    for number, shard in enumerate(shards):
        tokens = np.load(folder / "tokens" / f"train-{number:05d}.npy", allow_pickle=False)
        encoded = np.split(tokens, np.flatnonzero(tokens == 1)[1:])  # <s> begins a document
        d = shard.documents
        in_ids = np.split(d.sentence, d.start[1:-1])
        of_whom = zip(d.shuffle.tolist(), d.subject.tolist(), strict=True)
        documents += [
            (*who, ids.tolist(), text.tolist()) for who, ids, text in zip(of_whom, in_ids, encoded, strict=True)
        ]
    return sentences, sorted(documents, key=lambda document: document[:2])


def test_workers_import_nothing_slow():
    """Each of them is a new process."""
    slow = "{'torch', 'transformers', 'pandas', 'scipy'}"
    modules = "worldgen.evaluate.stages.shard_files, worldgen.storage.stores"
    code = f"import sys, {modules}; sys.exit(str({slow} & {{*sys.modules}} or ''))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert "{" not in done.stderr


class Halfway:
    """A store in memory that breaks off in the middle of its n-th upload, and shows the half."""

    reach = Reach.PROCESS

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}
        self.uploaded: list[str] = []
        self.most = 10**9

    def read(self, name: str) -> bytes | None:
        return self.files.get(name)

    def write(self, name: str, content: bytes) -> None:
        if len(self.uploaded) == self.most:
            self.files[name] = content[: len(content) // 2]
            raise KeyboardInterrupt
        self.files[name] = content
        self.uploaded.append(name)


@pytest.fixture(scope="module")
def run(built_run) -> Run:
    return built_run


def test_the_files_are_those_of_a_build(run):
    store = Halfway()
    rows = generate(run, store)
    for stage in ("corpus", "tokens"):
        here = {f"{stage}/{path.relative_to(run.folder / stage)}": path for path in stage_files(run.folder / stage)}
        assert {name: path.read_bytes() for name, path in here.items()}.items() <= store.files.items()
        manifest = json.loads(store.files[f"{stage}/{MANIFEST}"])
        assert (run.folder / stage / INPUTS).read_bytes() == store.files[f"{stage}/{INPUTS}"]
        built = json.loads((run.folder / stage / MANIFEST).read_text())
        for name in ("stage", "inputs", "inputs_hash", "rows", "files", "versions"):
            assert manifest[name] == built[name]
        assert rows.items() >= manifest["rows"].items()
    others = {name for name in store.files if not name.startswith(("corpus/", "tokens/"))}
    assert others == {f"shards/{number:05d}.json" for number in range(rows["shards"])}
    assert store.uploaded[-2:] == [f"corpus/{MANIFEST}", f"tokens/{MANIFEST}"]


def test_broken_off_in_every_upload_it_goes_on(run):
    whole = Halfway()
    shards = generate(run, whole)["shards"]
    assert shards > 1
    for moment in range(len(whole.uploaded)):
        store = Halfway()
        store.most = moment
        with pytest.raises(KeyboardInterrupt):
            generate(run, store)
        complete = [name.removesuffix(".json")[-5:] for name in store.uploaded if name.startswith("shards/")]
        store.most, store.uploaded = 10**9, []
        generate(run, store)
        assert not [name for name in store.uploaded if any(number in name for number in complete)], moment
        assert store.files.keys() == whole.files.keys()
        for name in whole.files.keys() - {f"corpus/{MANIFEST}", f"tokens/{MANIFEST}"}:  # these tell seconds
            assert store.files[name] == whole.files[name], (moment, name)
        store.uploaded = []
        assert generate(run, store) == generate(run, whole)
        assert not store.uploaded


def test_another_corpus_is_refused(run, tmp_path):
    store = Halfway()
    generate(run, store)
    before = dict(store.files)
    other = miniature.run_in(tmp_path / "run", "corpus.shuffles=3")
    with pytest.raises(UserError, match=r"corpus\.shuffles: 2 there, 3 now"):
        generate(other, store)
    assert store.files == before


def test_the_same_config_over_other_facts_is_refused(run):
    """A path in the config says nothing about what lies there."""
    store = Halfway()
    generate(run, store)
    record = json.loads(store.files["shards/00000.json"]) | {"mark": "another"}
    store.files["shards/00000.json"] = json.dumps(record).encode()
    with pytest.raises(UserError, match="another world"):
        generate(run, store)


def test_the_command(worldgen, run, server, tmp_path):
    url, folder = server
    fresh = tmp_path / "fresh"
    code, out, err = worldgen("generate", fresh, "--to", f"{url}/corpora/one", "--json", *miniature.OPTIONS)
    assert (code, err) == (0, "")
    assert json.loads(out)["documents"] > 0
    assert {path.name for path in fresh.iterdir() if path.is_dir()} == {"graph", "world"}
    for stage in ("corpus", "tokens"):
        assert verify(folder / "corpora" / "one" / stage) == []
        built = contents(run.folder / stage)
        del built[MANIFEST]
        assert built.items() <= contents(folder / "corpora" / "one" / stage).items()
    _, _, err = worldgen("generate", fresh, "--to", f"{url}/corpora/one")
    assert "done already" in err


@pytest.mark.parametrize("url", ["nosuch://bucket", "ftp://ada:secret@127.0.0.1:1/corpus"])
def test_a_store_that_is_not_there_is_told_in_a_line(worldgen, run, url):
    code, out, err = worldgen("generate", run.folder, "--to", url, "--quiet")
    assert (code, out) == (2, "")
    assert err.startswith("worldgen: ")
    assert len(err.splitlines()) == 1
    assert "secret" not in err
    assert not (run.folder / "logs").exists()
