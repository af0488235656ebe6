"""The stages in order: graph, world, corpus, tokens, agent, cases, lm, edits, scores, report.

Every stage reads what earlier ones wrote and writes into its own folder; `Run.carry_out` decides whether it
is done, goes on, or is refused.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pandas as pd

from bayes.evidence import evidence_of, merge
from evaluate.answers import AnswerReader
from evaluate.cases import load_cases, make_cases, save_cases
from evaluate.load import finished, load_agent, load_world, measured_methods
from evaluate.measure import measure, read_costs, read_measurements
from evaluate.probes import load_probes, make_probes, save_probes
from evaluate.recall import recall
from evaluate.run import Run, Stage
from evaluate.scores import as_table, score
from lm.tokenizer import (
    cut_labels,
    load_mistral_tokenizer,
    load_tokenizer,
    pieces,
    save_tokenizer,
    train_word_tokenizer,
)
from worldgen.config import RunConfig
from worldgen.errors import UserError
from worldgen.files import write_text
from worldgen.generation import write_corpus
from worldgen.graph import KnowledgeGraph
from worldgen.labels import Spelling
from worldgen.manifest import sha256
from worldgen.randomness import generator
from worldgen.selection import select
from worldgen.sentences import read_shards
from worldgen.sources import Source
from worldgen.synthetic import BuiltinGraph
from worldgen.wikidata import open_graph
from worldgen.wording import Wording
from worldgen.world import World, make_world

GRAPH = Stage("graph", ("graph", "tokens"))
WORLD = Stage("world", (*GRAPH.sections, "world"))
CORPUS = Stage("corpus", (*WORLD.sections, "corpus"))
TOKENS = Stage("tokens", CORPUS.sections)
AGENT = Stage("agent", (*CORPUS.sections, "agent"))
CASES = Stage("cases", (*AGENT.sections, "cases"))
LM = Stage("lm", (*TOKENS.sections, "pretrain"), resumes=True)
EDITS = Stage("edits", (*CASES.sections, "pretrain", "edit"), resumes=True)
SCORES = Stage("scores", (*EDITS.sections, "score"), cheap=True)
REPORT = Stage("report", SCORES.sections, cheap=True)


def build(run: Run) -> None:
    """Everything up to the cases: what needs no language model."""
    make_graph(run)
    make_the_world(run)
    make_corpus(run)
    make_tokens(run)
    make_agent(run)
    make_the_cases(run)


def run_all(run: Run, method: str) -> None:
    """Every stage, from the graph to the report."""
    build(run)
    pretrain_model(run)
    edit(run, method)
    score_methods(run)
    report(run)


def make_graph(run: Run) -> None:
    """Select the facts of the source."""
    config = run.config.graph
    source = source_of(run.config)
    inputs = run.inputs(GRAPH.sections) | {"graph.files": _fingerprints(source)}

    def make(folder: Path) -> dict[str, Any]:
        graph, selection = select(source, config, spelling_of(run.config))
        graph.save(folder)
        write_text(folder / "selection.json", json.dumps(selection.as_dict(), indent=2, ensure_ascii=False) + "\n")
        if selection.malformed_rows:
            run.say(
                f"graph: {selection.malformed_rows} malformed lines left out, the first: {selection.first_malformed}"
            )
        if selection.labels.unlabelled_facts + selection.labels.unspeakable_facts:
            left_out = selection.labels.unlabelled_facts + selection.labels.unspeakable_facts
            run.say(f"graph: {left_out} facts left out for their labels: {selection.labels.first_reasons()}")
        return {"facts": len(graph), "subjects": len(graph.subjects), "objects": len(graph.objects)}

    run.carry_out(GRAPH, run.folder / "graph", inputs, make)


def make_the_world(run: Run) -> None:
    """Choose the world's subjects and give every fact its distribution."""

    def make(folder: Path) -> dict[str, Any]:
        world = make_world(KnowledgeGraph.load(run.folder / "graph"), run.config.world, run.config.seed)
        world.save(folder)
        return {"facts": len(world), "subjects": len(world.subjects), "objects": len(world.objects)}

    run.carry_out(WORLD, run.folder / "world", run.inputs(WORLD.sections), make)


def make_corpus(run: Run) -> None:
    """Write the sentences and documents of every shard."""

    def make(folder: Path) -> dict[str, Any]:
        return write_corpus(run.folder / "world", run.config.corpus, run.config.seed, folder, run.workers)

    run.carry_out(CORPUS, run.folder / "corpus", run.inputs(CORPUS.sections), make)


def make_tokens(run: Run) -> None:
    """Encode the documents."""
    from lm.encode import write_tokens

    def make(folder: Path) -> dict[str, Any]:
        wording = Wording(load_world(run.folder))
        tokenizer = _tokenizer_for(run.config, wording.world)
        save_tokenizer(tokenizer, folder / "tokenizer")
        return write_tokens(wording, tokenizer, read_shards(run.folder / "corpus"), folder)

    run.carry_out(TOKENS, run.folder / "tokens", run.inputs(TOKENS.sections), make)


def make_agent(run: Run) -> None:
    """Gather the evidence that the corpus gives; the agent is fitted to it whenever it is asked."""

    def make(folder: Path) -> dict[str, Any]:
        world, shuffles = load_world(run.folder), run.config.corpus.shuffles
        shards = read_shards(run.folder / "corpus")
        evidence = merge(evidence_of(world, shard.sentences, shuffles) for shard in shards)
        evidence.save(folder / "evidence.parquet")
        return {"lines": len(evidence)}

    run.carry_out(AGENT, run.folder / "agent", run.inputs(AGENT.sections), make)


def make_the_cases(run: Run) -> None:
    """Draw the cases and have the agent label every probe."""

    def make(folder: Path) -> dict[str, Any]:
        world, config = load_world(run.folder), run.config.cases
        agent = load_agent(run.folder, world, run.config.agent)
        cases = make_cases(world, agent, config, run.config.seed)
        probes = make_probes(world, agent, cases, config.certain_weight, config.closing_stop)
        save_cases(folder / "cases.parquet", cases)
        save_probes(folder / "probes.parquet", probes)
        return {
            "cases": len(cases),
            "probes": len(probes),
            "downstream_changes": sum(case.downstream_changes for case in cases),
        }

    run.carry_out(CASES, run.folder / "cases", run.inputs(CASES.sections), make)


def pretrain_model(run: Run) -> None:
    """Train the model; a half-trained one goes on from its last checkpoint."""
    from lm.model import count_parameters, load_model
    from lm.pretrain import pretrain

    def make(folder: Path) -> dict[str, Any]:
        config, seed = run.config.pretrain, run.config.seed
        world, tokenizer = load_world(run.folder), load_tokenizer(run.folder / "tokens" / "tokenizer")
        reader = AnswerReader(tokenizer, world.objects.labels)
        asked = generator(seed, "recall").permutation(len(world))[: config.evaluation_facts].tolist()
        tokens = run.folder / "tokens"
        pretrain(
            config, seed, tokens, tokenizer, folder, _device(run),
            evaluate=lambda model: recall(model, reader, world, asked), quiet=run.quiet,
        )  # fmt: skip
        model = load_model(folder / "final", _device(run))
        everything = range(len(world)) if len(world) <= 20_000 else asked
        return {"parameters": count_parameters(model)} | recall(model, reader, world, everything)

    run.carry_out(LM, run.folder / "lm", run.inputs(LM.sections), make)


def edit(run: Run, method: str) -> None:
    """Edit the model for every case in turn, and ask it before and after."""
    from lm.editors.lora import Lora
    from lm.model import load_model

    def make(folder: Path) -> dict[str, Any]:
        world, probes = load_world(run.folder), load_probes(run.folder / "cases" / "probes.parquet")
        reader = AnswerReader(load_tokenizer(run.folder / "tokens" / "tokenizer"), world.objects.labels)
        editor, config = Lora(run.config.edit, reader.tokenizer), run.config
        model = load_model(finished(run.folder / "lm") / "final", _device(run))
        measure(model, editor, reader, probes, config.edit.chunk_cases, config.seed, folder, run.quiet)
        return {"probes": len(probes)}

    inputs = run.inputs(EDITS.sections) | {"method": method}
    run.carry_out(EDITS, run.folder / "edits" / method, inputs, make)


def score_methods(run: Run) -> None:
    """Score every method that has been measured."""
    methods = measured_methods(run.folder)

    def make(folder: Path) -> dict[str, Any]:
        world, cases = load_world(run.folder), load_cases(run.folder / "cases" / "cases.parquet")
        probes = pd.read_parquet(run.folder / "cases" / "probes.parquet")
        for method in methods:
            measured = run.folder / "edits" / method
            scores = score(
                method, world, cases, probes, read_measurements(measured), read_costs(measured),
                run.config.score, run.config.seed,
            )  # fmt: skip
            write_text(folder / f"{method}.json", json.dumps(scores, indent=1) + "\n")
            write_text(folder / f"{method}.csv", as_table(scores).to_csv(index=False))
        return {"methods": len(methods)}

    run.carry_out(SCORES, run.folder / "scores", run.inputs(SCORES.sections) | {"methods": methods}, make)


def report(run: Run) -> None:
    """Write the page."""
    from evaluate.report import write_report

    methods = measured_methods(run.folder)

    def make(folder: Path) -> dict[str, Any]:
        write_report(run.folder, run.config, methods, folder)
        return {"methods": len(methods)}

    run.carry_out(REPORT, run.folder / "report", run.inputs(REPORT.sections) | {"methods": methods}, make)


def source_of(config: RunConfig) -> Source:
    """The knowledge graph that the config names."""
    if config.graph.source == "builtin":
        return BuiltinGraph(config.graph.builtin_facts, config.seed)
    return open_graph(Path(config.graph.source), config.graph.language, config.graph.properties)


def spelling_of(config: RunConfig) -> Spelling:
    """How the config's tokenizer sees labels."""
    kind = config.tokens.tokenizer
    return Spelling(lambda labels, most: cut_labels(kind, labels, most), lambda labels: pieces(kind, labels))


def _tokenizer_for(config: RunConfig, world: World) -> Any:
    if config.tokens.tokenizer == "mistral":
        return load_mistral_tokenizer()
    return train_word_tokenizer([*world.relations.labels, *world.objects.labels, *world.subjects.labels])


def _device(run: Run) -> str:
    """The device to work on: CUDA where there is one, unless the user chose."""
    import torch

    if run.device == "cuda" and not torch.cuda.is_available():
        raise UserError("--device cuda: no GPU is to be seen here, take --device cpu")
    return ("cuda" if torch.cuda.is_available() else "cpu") if run.device == "auto" else run.device


def _fingerprints(source: Source) -> dict[str, str]:
    """The sha256 of each file of a source in files."""
    return {path.name: sha256(path) for path in source.paths()}
