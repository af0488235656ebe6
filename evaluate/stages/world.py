"""The stages that need no language model: graph, world, corpus, tokens, agent."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from worldgen.bayes.evidence import evidence_of, merge
from worldgen.corpus.recipe import Recipe, write_corpus
from worldgen.corpus.sentences import read_shards
from worldgen.evaluate.runs.load import load_world
from worldgen.evaluate.runs.resources import source_of, spelling_of, tokenizer_for
from worldgen.evaluate.runs.run import Run
from worldgen.evaluate.runs.stage import Stage
from worldgen.graphs.graph import KnowledgeGraph
from worldgen.graphs.selection import select
from worldgen.storage.files import sha256, write_text
from worldgen.storage.manifests import Inputs
from worldgen.storage.stores import LocalFolder
from worldgen.worlds.aliases import with_aliases
from worldgen.worlds.defining import with_definitions
from worldgen.worlds.making import make_world
from worldgen.worlds.reporting import with_sources


def _make_graph(run: Run, folder: Path) -> Mapping[str, Any]:
    """Selects the facts of the source."""
    graph, selection = select(source_of(run.config), run.config.graph, spelling_of(run.config))
    graph.save(folder)
    write_text(folder / "selection.json", json.dumps(selection.as_dict(), indent=2, ensure_ascii=False) + "\n")
    if selection.malformed_rows:
        run.say(f"graph: {selection.malformed_rows} malformed lines left out, the first: {selection.first_malformed}")
    if left_out := selection.labels.unlabelled_facts + selection.labels.unspeakable_facts:
        run.say(f"graph: {left_out} facts left out for their labels: {selection.labels.first_reasons()}")
    return {"facts": len(graph), "subjects": len(graph.subjects), "objects": len(graph.objects)}


def _files_of_the_source(run: Run) -> Inputs:
    """The sha256 of each file that the graph is read from."""
    return {"graph.files": {path.name: sha256(path) for path in source_of(run.config).paths()}}


GRAPH = Stage(
    "graph", _make_graph, ("*.parquet", "selection.json"), settings=("seed", "graph", "tokens"),
    also=_files_of_the_source,
)  # fmt: skip


def _make_world(run: Run, folder: Path) -> Mapping[str, Any]:
    """Chooses the world's subjects, gives every fact its distribution, has sources report and variables defined."""
    config, seed = run.config.world, run.config.seed
    world = make_world(KnowledgeGraph.load(run.folder / GRAPH.name), config, seed)
    if config.aliases:
        world, aliases = with_aliases(world, config, spelling_of(run.config), run.config.graph.max_object_tokens, seed)
        write_text(folder / "aliases.json", json.dumps(asdict(aliases), indent=2, ensure_ascii=False) + "\n")
    if run.config.sources.reliabilities:
        world = with_sources(world, run.config.sources, seed)
    if run.config.definitions.reliabilities:
        world = with_definitions(world, run.config.definitions, seed)
    world.save(folder)
    return {"facts": len(world), "subjects": len(world.subjects), "objects": len(world.objects)}


WORLD = Stage(
    "world", _make_world, ("*.parquet", "aliases.json"), settings=("world", "sources", "definitions"), reads=(GRAPH,)
)


def _make_corpus(run: Run, folder: Path) -> Mapping[str, Any]:
    """Writes the sentences and documents of every shard."""
    recipe = Recipe(load_world(run.folder), run.config.corpus, run.config.seed)
    return write_corpus(recipe, LocalFolder(folder), run.engine)


CORPUS = Stage(
    "corpus", _make_corpus, ("sentences-*.parquet", "documents-*.parquet"), settings=("corpus",), reads=(WORLD,)
)


def _make_tokens(run: Run, folder: Path) -> Mapping[str, Any]:
    """Encodes the documents."""
    from worldgen.lm.encode import Encoder, write_tokens
    from worldgen.lm.tokenizer import save_tokenizer

    world = load_world(run.folder)
    tokenizer = tokenizer_for(run.config, world)
    save_tokenizer(tokenizer, folder / "tokenizer")
    shards = read_shards(run.folder / CORPUS.name)
    return write_tokens(Encoder.of(world, tokenizer), shards, LocalFolder(folder), run.engine)


TOKENS = Stage("tokens", _make_tokens, ("tokenizer/*", "*.npy"), settings=("tokens",), reads=(WORLD, CORPUS))


def _make_evidence(run: Run, folder: Path) -> Mapping[str, Any]:
    """Gathers the evidence that the corpus gives; the agent is fitted to it whenever it is asked."""
    world, shuffles = load_world(run.folder), run.config.corpus.shuffles
    shards = read_shards(run.folder / CORPUS.name)
    evidence = merge(evidence_of(world, shard.sentences, shuffles) for shard in shards)
    evidence.save(folder / "evidence.parquet")
    return {"lines": len(evidence)}


AGENT = Stage("agent", _make_evidence, ("evidence.parquet",), reads=(WORLD, CORPUS))
