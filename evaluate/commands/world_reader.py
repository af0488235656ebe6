"""Reads a built world from a run folder."""

from __future__ import annotations

import json
from pathlib import Path

from worldgen.corpus.sentences import Shard
from worldgen.evaluate.inquiry.describe import BuiltWorld
from worldgen.evaluate.runs.load import finished, load_world
from worldgen.graphs.labels import LabelReport
from worldgen.graphs.selection import SelectionReport
from worldgen.storage.manifests import read_manifest
from worldgen.worlds.aliases import AliasReport


def read_built_world(run_folder: Path) -> BuiltWorld:
    """Returns a run's world and the first shard of its corpus. Raises UserError where the corpus is not finished."""
    world = load_world(run_folder)
    corpus, tokens = read_manifest(finished(run_folder / "corpus")), read_manifest(run_folder / "tokens")
    assert corpus is not None
    return BuiltWorld(
        world=world,
        first_shard=Shard.load(run_folder / "corpus", 0),
        corpus_counts=corpus.rows,
        tokens=tokens.rows["tokens"] if tokens else None,
        selection=_read_selection(finished(run_folder / "graph") / "selection.json"),
        aliases=_read_aliases(run_folder / "world" / "aliases.json"),
    )


def _read_selection(path: Path) -> SelectionReport:
    fields = json.loads(path.read_text(encoding="utf-8"))
    return SelectionReport(**fields | {"labels": LabelReport(**fields["labels"])})


def _read_aliases(path: Path) -> AliasReport | None:
    """Returns the report of a world's aliases, None for a world without aliases."""
    return AliasReport(**json.loads(path.read_text(encoding="utf-8"))) if path.exists() else None
