"""The stages in order: graph, world, corpus, tokens, agent, cases, lm, edits, scores, report.

Every stage reads what earlier ones wrote and writes into its own folder; `Run.carry_out` decides whether it
is done, goes on, or is refused.
"""

from __future__ import annotations

import json
from contextlib import closing
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from worldgen.bayes.evidence import evidence_of, merge
from worldgen.corpus.recipe import Recipe, write_corpus
from worldgen.corpus.sentences import read_shards
from worldgen.evaluate.asking.answers import AnswerReader
from worldgen.evaluate.asking.measure import make_trials, measure, read_costs, read_measurements
from worldgen.evaluate.methods.methods import METHODS, editor_of, is_traced, section_of
from worldgen.evaluate.methods.trajectory import allowed_steps, folder_of, shorter_edits, steps_of, with_steps
from worldgen.evaluate.runs.load import load_agent, load_world, measured_methods
from worldgen.evaluate.runs.resources import device_of, source_of, spelling_of, tokenizer_for
from worldgen.evaluate.runs.run import Run, Stage, made_with
from worldgen.evaluate.testbed.cases import load_cases, make_cases, save_cases
from worldgen.evaluate.testbed.editing_metrics import METRIC_NAMES
from worldgen.evaluate.testbed.questions import load_probes, make_probes, save_probes
from worldgen.evaluate.testbed.scores import MethodScores, as_table
from worldgen.evaluate.testbed.scoring import Benchmark, score
from worldgen.graphs.graph import KnowledgeGraph
from worldgen.graphs.selection import select
from worldgen.graphs.sources import Source
from worldgen.lm.tokenizer import load_tokenizer, save_tokenizer
from worldgen.storage.files import sha256, write_text
from worldgen.storage.manifests import read_manifest
from worldgen.storage.stores import LocalFolder
from worldgen.worlds.aliases import with_aliases
from worldgen.worlds.making import make_world

if TYPE_CHECKING:
    from worldgen.lm.training.trainer import Execution

GRAPH = Stage("graph", ("graph", "tokens"))
WORLD = Stage("world", (*GRAPH.sections, "world"), reads=(GRAPH,))
CORPUS = Stage("corpus", (*WORLD.sections, "corpus"), reads=(WORLD,))
TOKENS = Stage("tokens", CORPUS.sections, reads=(WORLD, CORPUS))
AGENT = Stage("agent", (*CORPUS.sections, "agent"), reads=(WORLD, CORPUS))
CASES = Stage("cases", (*AGENT.sections, "cases"), reads=(WORLD, AGENT))
LM = Stage("lm", (*AGENT.sections, "pretrain"), reads=(TOKENS, AGENT), resumes=True)
TRACE = Stage("trace", (*LM.sections, "trace"), reads=(TOKENS, LM))
EDITS = Stage("edits", (*CASES.sections, "pretrain", "edit"), reads=(TOKENS, CASES, LM), resumes=True)
SCORES = Stage("scores", (*EDITS.sections, "score"), reads=(CASES,), cheap=True)
REPORT = Stage("report", SCORES.sections, reads=(SCORES,), cheap=True)


def build(run: Run) -> None:
    """Everything up to the cases: what needs no language model."""
    make_graph(run)
    make_the_world(run)
    with closing(run.engine):
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
        config, seed = run.config.world, run.config.seed
        world = make_world(KnowledgeGraph.load(run.folder / "graph"), config, seed)
        if config.aliases:
            world, aliases = with_aliases(
                world, config, spelling_of(run.config), run.config.graph.max_object_tokens, seed
            )
            write_text(folder / "aliases.json", json.dumps(asdict(aliases), indent=2, ensure_ascii=False) + "\n")
        world.save(folder)
        return {"facts": len(world), "subjects": len(world.subjects), "objects": len(world.objects)}

    run.carry_out(WORLD, run.folder / "world", run.inputs(WORLD.sections), make)


def make_corpus(run: Run) -> None:
    """Write the sentences and documents of every shard."""

    def make(folder: Path) -> dict[str, Any]:
        recipe = Recipe(load_world(run.folder), run.config.corpus, run.config.seed)
        return write_corpus(recipe, LocalFolder(folder), run.engine)

    run.carry_out(CORPUS, run.folder / "corpus", run.inputs(CORPUS.sections), make)


def make_tokens(run: Run) -> None:
    """Encode the documents."""
    from worldgen.lm.encode import Encoder, write_tokens

    def make(folder: Path) -> dict[str, Any]:
        world = load_world(run.folder)
        tokenizer = tokenizer_for(run.config, world)
        save_tokenizer(tokenizer, folder / "tokenizer")
        shards = read_shards(run.folder / "corpus")
        return write_tokens(Encoder.of(world, tokenizer), shards, LocalFolder(folder), run.engine)

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


def pretrain_model(run: Run, execution: Execution | None = None, tensorboard: bool = False) -> None:
    """Train the model; a half-trained one goes on from its last checkpoint."""
    from worldgen.evaluate.stages.pretraining import help_training, is_helper, train

    def make(folder: Path) -> dict[str, Any]:
        return train(run.folder, run.config, device_of(run), run.quiet, execution, tensorboard)

    if is_helper():
        help_training(run.folder, run.config, device_of(run), execution)
    else:
        run.carry_out(LM, run.folder / "lm", run.inputs(LM.sections), make)


def trace(run: Run) -> None:
    """Find where the model's knowledge of facts is read out."""
    from worldgen.evaluate.methods.tracing import save_effects, strongest_mlp, trace_facts
    from worldgen.lm.model import load_model

    def make(folder: Path) -> dict[str, Any]:
        world = load_world(run.folder)
        reader = AnswerReader(load_tokenizer(run.folder / "tokens" / "tokenizer"), world.objects)
        model = load_model(run.folder / "lm" / "final", device_of(run))
        effects = trace_facts(model, reader, world, run.config.trace, run.config.seed, run.quiet)
        save_effects(folder, effects)
        strongest = strongest_mlp(effects)
        return {"facts": effects["fact"].nunique(), "token": strongest.token, "layer": strongest.layer}

    run.carry_out(TRACE, run.folder / "trace", run.inputs(TRACE.sections), make)


def edit(run: Run, method: str) -> None:
    """Edit the model for every case, and ask it before and after."""
    measure_edits(run, method, run.folder / "cases", run.folder / "edits" / method, edit_inputs(run, method))


def edit_inputs(run: Run, method: str) -> dict[str, Any]:
    """What a method's measurements depend on; one that goes where tracing sends it depends on the trace."""
    sections = (*EDITS.sections, *section_of(method), *(("trace",) if is_traced(method, run.config) else ()))
    return run.inputs(sections) | {"method": method}


def measure_edits(run: Run, method: str, cases_folder: Path, measurements: Path, inputs: dict[str, Any]) -> None:
    """Edit the model for every case that lies in a folder, and keep in another what it says before and after."""
    from worldgen.lm.model import load_model

    def make(folder: Path) -> dict[str, Any]:
        world, config = load_world(run.folder), run.config.edit
        probes = load_probes(cases_folder / "probes.parquet")
        cases = load_cases(cases_folder / "cases.parquet")
        weights = {case.case: float(case.weight) for case in cases}
        subjects = {case.case: world.subjects[case.subject] for case in cases}
        reader = AnswerReader(load_tokenizer(run.folder / "tokens" / "tokenizer"), world.objects)
        model = load_model(run.folder / "lm" / "final", device_of(run))
        trials = make_trials(probes, config.requests, run.config.seed, weights, subjects)
        chunk = max(1, config.chunk_cases // config.requests)
        editor = editor_of(method, run.config, reader.tokenizer, run.folder, model, folder, cases_folder)
        measure(model, editor, reader, trials, chunk, folder, run.quiet)
        return {"probes": len(probes)}

    if is_traced(method, run.config):
        trace(run)
    run.carry_out(EDITS, measurements, inputs, make)


def record_trajectory(run: Run, method: str) -> None:
    """Edit the model for every case, and again with fewer steps for each number of `trajectory.steps`."""
    most = steps_of(method, run.config)
    edit(run, method)
    for steps in sorted({steps for steps in run.config.trajectory.steps if steps < most}):
        editor, config = with_steps(method, run.config, steps)
        shorter, folder = replace(run, config=config), folder_of(run.folder, method, steps)
        run.say(f"after {steps} of {most} steps:")
        measure_edits(shorter, editor, run.folder / "cases", folder, edit_inputs(shorter, editor))


def score_methods(run: Run) -> None:
    """Score every method that has been measured. Raises UserError for one of other cases, of another model or mode."""
    methods = measured_methods(run.folder)
    for method in methods:
        made_with(run.folder / "edits" / method, _comparable(run, method))

    def make(folder: Path) -> dict[str, Any]:
        benchmark = Benchmark(
            load_world(run.folder),
            load_cases(run.folder / "cases" / "cases.parquet"),
            pd.read_parquet(run.folder / "cases" / "probes.parquet"),
        )

        def scored(method: str, measured: Path, steps: int | None) -> MethodScores:
            rows, costs = read_measurements(measured), read_costs(measured)
            return replace(score(method, benchmark, rows, costs, run.config.score, run.config.seed), steps=steps)

        for method in methods:
            shorter = shorter_edits(run.folder, method).items()
            scores = replace(
                scored(method, run.folder / "edits" / method, allowed_steps(run.folder, method)),
                trajectory=tuple(scored(method, measured, steps) for steps, measured in shorter),
                **_at_a_time(run, method),
            )
            write_text(folder / f"{method}.json", json.dumps(scores.as_json(), indent=1) + "\n")
            write_text(folder / f"{method}.csv", as_table(scores).to_csv(index=False))
        return {"methods": len(methods)}

    run.carry_out(SCORES, run.folder / "scores", run.inputs(SCORES.sections) | _scored(run, methods), make)


def _comparable(run: Run, method: str) -> dict[str, Any]:
    """What methods in one table have in common; of another program's replies it is not known how they were got."""
    if method not in METHODS:
        return run.inputs(CASES.sections)
    alike = run.inputs((*CASES.sections, "pretrain"))
    return alike | {f"edit.{name}": value for name, value in _at_a_time(run, method).items()}


def _at_a_time(run: Run, method: str) -> dict[str, Any]:
    """How many requests the edited model held, and how they were made; of another program's replies it is not known."""
    return {"mode": run.config.edit.mode, "requests": run.config.edit.requests} if method in METHODS else {}


def report(run: Run) -> None:
    """Write the page."""
    from worldgen.evaluate.stages.report_material import write_report

    methods = measured_methods(run.folder)

    def make(folder: Path) -> dict[str, Any]:
        write_report(run.folder, run.config, methods, folder)
        return {"methods": len(methods)}

    run.carry_out(REPORT, run.folder / "report", run.inputs(REPORT.sections) | _scored(run, methods), make)


def _scored(run: Run, methods: list[str]) -> dict[str, Any]:
    """The metrics, how the edits were made, and what each method's measurements were made from, as one hash; so for
    its trajectory's."""
    folders = [run.folder / "edits" / method for method in methods]
    folders += [folder for method in methods for folder in shorter_edits(run.folder, method).values()]
    manifests = {str(folder.relative_to(run.folder)): read_manifest(folder) for folder in folders}
    made_from = {name: manifest.inputs_hash for name, manifest in manifests.items() if manifest}
    return {"metrics": METRIC_NAMES, "mode": run.config.edit.mode, "requests": run.config.edit.requests} | made_from


def _fingerprints(source: Source) -> dict[str, str]:
    """The sha256 of each file of a source in files."""
    return {path.name: sha256(path) for path in source.paths()}
