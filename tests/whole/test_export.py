"""An exported corpus has the corpus's sentences, loads with `datasets`, and is complete or visibly unfinished."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any, get_args

import numpy as np
import pyarrow.parquet as pq
import pytest

import worldgen.export.documents
from worldgen.corpus.sentences import Sentences, read_shards
from worldgen.corpus.wording import syntax_tree
from worldgen.errors import UserError
from worldgen.evaluate.runs.config import override
from worldgen.evaluate.runs.presets import tiny
from worldgen.evaluate.runs.run import Run
from worldgen.evaluate.runs.stage import carry_out
from worldgen.evaluate.stages.world import CORPUS
from worldgen.export.documents import Format, export_corpus
from worldgen.grammar import Atom, Both, Lexicon, Not, Sentence, render
from worldgen.storage.files import read_columns
from worldgen.storage.manifests import MANIFEST, Manifest, read_manifest, verify
from worldgen.worlds.world import World

FORMATS = get_args(Format)


@pytest.fixture(scope="module")
def run(built_run: Run) -> Path:
    """A run folder with a corpus of several shards."""
    return built_run.folder


@pytest.fixture(scope="module")
def exported(run: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folders = {format_: tmp_path_factory.mktemp("out") / format_ for format_ in FORMATS}
    for format_, folder in folders.items():
        export(run, format_, folder)
    return folders


def export(run: Path, format_: Any, out: Path) -> Manifest:
    return export_corpus(run, format_, out, lambda text: None)


def documents(folder: Path) -> list[dict[str, Any]]:
    """All documents of an export that has sentences, in order."""
    rows: list[dict[str, Any]] = []
    for path in sorted((folder / "data").iterdir()):
        if path.suffix == ".parquet":
            rows += pq.read_table(path).to_pylist()
        else:
            rows += [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    return rows


def contents(folder: Path) -> dict[str, bytes]:
    """The bytes of every file but the manifest, which holds seconds."""
    files = (path for path in folder.rglob("*") if path.is_file() and path.name != MANIFEST)
    return {str(path.relative_to(folder)): path.read_bytes() for path in files}


def as_tree(part: dict[str, Any]) -> Sentence:
    """The syntax tree that a row's parts describe."""
    first = Atom(part["subject"], part["relation"], part["object"])
    if part["kind"] == "atom":
        return Sentence(first)
    if part["kind"] == "stated":
        return Sentence(first, part["truth"])
    if part["kind"] == "not":
        return Sentence(Not(first), part["truth"])
    second = Atom(part["second_subject"], part["second_relation"], part["second_object"])
    return Sentence(Both(part["kind"], first, second), part["truth"])


@pytest.mark.parametrize("format_", ["parquet", "jsonl"])
def test_every_sentence_is_in_the_corpus_and_parses_to_its_parts(
    run: Path, exported: dict[str, Path], format_: str
) -> None:
    world = World.load(run / "world")
    lexicon = Lexicon(*(frozenset(names.labels) for names in (world.subjects, world.relations, world.objects)))
    exported_rows = iter(documents(exported[format_]))
    for shard in read_shards(run / "corpus"):
        d = shard.documents
        for i in range(len(d)):
            row = next(exported_rows)
            assert row["subject"] == world.subjects[d.subject[i]]
            assert row["shuffle"] == d.shuffle[i]
            ids = d.sentence[d.start[i] : d.start[i + 1]] - shard.first_sentence
            trees = [syntax_tree(world, shard.sentences, j) for j in ids]
            texts = [render(tree) for tree in trees]
            assert [part["text"] for part in row["sentences"]] == texts
            assert [as_tree(part) for part in row["sentences"]] == trees
            assert [lexicon.parse(part["text"]) for part in row["sentences"]] == trees
            assert row["text"] == " ".join(texts)
    assert next(exported_rows, None) is None


def test_all_formats_have_the_same_documents_and_ids_count_them(exported: dict[str, Path]) -> None:
    rows = documents(exported["parquet"])
    assert rows == documents(exported["jsonl"])
    assert [row["id"] for row in rows] == list(range(len(rows)))
    lines = [line for path in sorted((exported["txt"] / "data").iterdir()) for line in path.read_text().splitlines()]
    assert lines == [row["text"] for row in rows]


@pytest.mark.parametrize("format_", FORMATS)
def test_files_and_counts_match_the_corpus(run: Path, exported: dict[str, Path], format_: str) -> None:
    corpus, done = read_manifest(run / "corpus"), read_manifest(exported[format_])
    assert corpus is not None
    assert done is not None
    shards = corpus.rows["shards"]
    assert shards > 2
    assert done.rows == {"shards": shards, "documents": corpus.rows["documents"]}
    names = {path.name for path in (exported[format_] / "data").iterdir()}
    assert names == {f"train-{i:05d}-of-{shards:05d}.{format_}" for i in range(shards)}
    assert verify(exported[format_]) == []
    text = (exported[format_] / "README.md").read_text()
    assert f"{corpus.rows['documents']:,} documents" in text
    assert corpus.inputs_hash in text
    assert "- seed: 0\n" in text
    assert f"| a negation (`not`) | {corpus.rows['not']:,} |" in text


def test_each_sentence_stands_once_in_each_shuffle(run: Path, exported: dict[str, Path]) -> None:
    corpus = read_manifest(run / "corpus")
    assert corpus is not None
    kinds = [part["kind"] for row in documents(exported["parquet"]) for part in row["sentences"]]
    shuffles = corpus.inputs["corpus.shuffles"]
    for kind in ("atom", "stated", "not", "and", "or"):
        assert kinds.count(kind) == shuffles * corpus.rows[kind]


@pytest.mark.parametrize("format_", FORMATS)
def test_loads_with_datasets(
    exported: dict[str, Path], format_: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    datasets = pytest.importorskip("datasets")
    loaded = datasets.load_dataset(str(exported[format_]), split="train", cache_dir=str(tmp_path))
    rows = documents(exported["parquet"])
    assert len(loaded) == len(rows)
    if format_ == "txt":
        assert loaded[:]["text"] == [row["text"] for row in rows]
    else:
        assert loaded.to_list() == rows


def test_the_two_structured_formats_have_the_same_features(
    exported: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    datasets = pytest.importorskip("datasets")
    features = [
        datasets.load_dataset(str(exported[name]), split="train", cache_dir=str(tmp_path / name)).features
        for name in ("parquet", "jsonl")
    ]
    assert features[0] == features[1]
    assert features[0]["sentences"].feature["second_object"].dtype == "string"


@pytest.mark.parametrize("format_", FORMATS)
def test_the_bytes_do_not_depend_on_how_many_documents_are_in_memory(
    run: Path, exported: dict[str, Path], format_: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    export(run, format_, tmp_path / "again")
    assert contents(tmp_path / "again") == contents(exported[format_])
    if format_ != "parquet":  # the number of documents is the size of its row groups
        monkeypatch.setattr(worldgen.export.documents, "_DOCUMENTS_AT_A_TIME", 7)
        export(run, format_, tmp_path / "small")
        assert contents(tmp_path / "small") == contents(exported[format_])


def test_the_rows_do_not_depend_on_how_many_documents_are_in_memory(
    run: Path, exported: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(worldgen.export.documents, "_DOCUMENTS_AT_A_TIME", 7)
    export(run, "parquet", tmp_path / "small")
    assert documents(tmp_path / "small") == documents(exported["parquet"])


def test_a_failed_write_leaves_no_half_file_and_the_export_can_be_completed(
    run: Path, exported: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out, texts, calls = tmp_path / "out", worldgen.export.documents.ShardText.subject, []

    def fail_later(self: Any, rows: np.ndarray) -> list[str]:
        calls.append(len(rows))
        if len(calls) == 5:
            raise OSError("a fault")
        return texts(self, rows)

    with monkeypatch.context() as patch:
        patch.setattr(worldgen.export.documents, "_DOCUMENTS_AT_A_TIME", 50)
        patch.setattr(worldgen.export.documents.ShardText, "subject", fail_later)
        with pytest.raises(OSError, match="a fault"):
            export(run, "jsonl", out)
    whole = contents(exported["jsonl"])
    left = contents(out)
    assert "README.md" not in left
    assert not (out / MANIFEST).exists()
    assert all(whole[name] == data for name, data in left.items())
    export(run, "jsonl", out)
    assert contents(out) == whole


def test_an_export_killed_inside_a_file_can_be_completed(run: Path, exported: dict[str, Path], tmp_path: Path) -> None:
    out = tmp_path / "out"
    code = f"""
import os, signal, worldgen.export.documents as export
from pathlib import Path
export._DOCUMENTS_AT_A_TIME, slices, seen = 20, export.ShardText.slices, []
def slices_until_killed(self):
    for part in slices(self):
        seen.append(1)
        if len(seen) == 7:
            os.kill(os.getpid(), signal.SIGKILL)
        yield part
export.ShardText.slices = slices_until_killed
export.export_corpus(Path({str(run)!r}), "txt", Path({str(out)!r}), lambda text: None)
"""
    killed = subprocess.run([sys.executable, "-c", code], check=False, cwd=Path(__file__).parents[2], env=os.environ)
    assert killed.returncode == -signal.SIGKILL
    assert list((out / "data").glob(".*.partial"))
    named = [path for path in (out / "data").iterdir() if not path.name.startswith(".")]
    assert all(path.read_bytes() == (exported["txt"] / "data" / path.name).read_bytes() for path in named)
    assert not (out / MANIFEST).exists()
    export(run, "txt", out)
    assert contents(out) == contents(exported["txt"])


def test_a_finished_export_is_left_as_it_is_and_a_damaged_one_is_mended(run: Path, tmp_path: Path) -> None:
    out, said = tmp_path / "out", []
    export(run, "txt", out)
    before = {path: path.stat().st_mtime_ns for path in out.rglob("*")}
    export_corpus(run, "txt", out, said.append)
    assert said == [f"{out}: done already"]
    assert before == {path: path.stat().st_mtime_ns for path in out.rglob("*")}
    whole = contents(out)
    first = min((out / "data").iterdir())
    first.write_text("something else")
    export(run, "txt", out)
    assert contents(out) == whole


def test_other_files_in_a_folder_are_never_touched(run: Path, tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("mine")
    with pytest.raises(UserError, match=r"is not empty: name a new folder with --out"):
        export(run, "txt", tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]
    export(run, "txt", tmp_path / "out")
    with pytest.raises(UserError, match=r'holds another export \(format: "txt" there, "jsonl" now'):
        export(run, "jsonl", tmp_path / "out")


def test_a_run_without_a_corpus_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no finished corpus: run `worldgen build"):
        export(tmp_path / "run", "txt", tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_hostile_labels_are_exported_unchanged(tmp_path: Path) -> None:
    """The labels have quotes, backslashes, other scripts and braces, because the JSON is joined from parts."""
    names = ['the "{}" \\ co', "مدينة {}", "{{ {} }}\\n", "e\u0301 {} \U0001f600", "x" * 500 + "{}"]
    lines = []
    for s in range(60):
        a, b = (names[(s + k) % 5].replace("{}", str((s + k) % 5)) for k in (0, 1))
        lines += [f'a "\\{s}\u202e\tborn\\in {{}}\t{a}\n', f'a "\\{s}\u202e\tdoes "it\t{b}\n']
    text = "".join(lines).replace("\u202e", "ש").replace('"it', "it")
    (tmp_path / "kg.tsv").write_text(text)
    settings = ["world.facts=60", "graph.min_cooccurrence=5", "graph.relations=2", "graph.max_object_tokens=1000"]
    config = override(tiny(), [*settings, "corpus.shuffles=1", f"graph.source={tmp_path / 'kg.tsv'}"])
    run = Run(tmp_path / "run", config, quiet=True)
    carry_out(run, CORPUS)
    world = World.load(run.folder / "world")
    assert any("\\" in label for label in world.objects.labels)
    for format_ in ("parquet", "jsonl"):
        export(run.folder, format_, tmp_path / format_)
    rows = documents(tmp_path / "jsonl")
    assert rows == documents(tmp_path / "parquet")
    (corpus,) = (Sentences(**read_columns(path)) for path in (run.folder / "corpus").glob("sentences-*"))
    texts = {render(syntax_tree(world, corpus, i)) for i in range(len(corpus))}
    assert {part["text"] for row in rows for part in row["sentences"]} == texts
    source = (tmp_path / "jsonl" / "README.md").read_text().split("## Where")[1]
    assert re.search(r"The facts come from `.*kg.tsv`\. Whatever licence", source)
