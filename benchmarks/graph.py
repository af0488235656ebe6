"""How fast belief graphs are drawn: the model's, the rational one, and the statistics of a large graph.

    python benchmarks/graph.py flips              # 300 beliefs of a tiny model by fine-tuning; makes a run first
    python benchmarks/graph.py flips --run RUN    # of a run that has detected beliefs; a copy is worked on
    python benchmarks/graph.py rational           # the rational graph of 2,000 statements, and of 2,000 answers
    python benchmarks/graph.py statistics         # 10,000 nodes, 2 million edges, random and without cycles; its files

Seconds are the processor's, in user and system mode, on one thread: other work on the machine disturbs them less than
the wall clock. Every part is measured in a process of its own, so that its peak of memory is its own.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import click
import numpy as np
import pandas as pd

from worldgen.bayes.evidence import evidence_of
from worldgen.bayes.fitting import fit
from worldgen.corpus.recipe import make_shard
from worldgen.evaluate.methods.methods import METHODS
from worldgen.evaluate.runs.config import override
from worldgen.evaluate.runs.load import config_of
from worldgen.evaluate.runs.presets import slag_tiny
from worldgen.evaluate.runs.resources import spelling_of
from worldgen.evaluate.runs.run import Run
from worldgen.evaluate.slag.graphs.belief_graph import BeliefGraph, Edges, texts_of
from worldgen.evaluate.slag.graphs.comparison import edge_table
from worldgen.evaluate.slag.graphs.files import write_graph
from worldgen.evaluate.slag.graphs.measures import edges_of
from worldgen.evaluate.slag.graphs.nodes import nodes_of
from worldgen.evaluate.slag.graphs.rational import rational_graph
from worldgen.evaluate.slag.graphs.summary import summary_of
from worldgen.evaluate.slag.making.world_points import world_points
from worldgen.evaluate.slag.points import Task
from worldgen.evaluate.slag.predictions import PointQuestions, predictions_of
from worldgen.evaluate.slag.settings import SlagConfig
from worldgen.evaluate.stages.slag.graph import Wanted, draw_graph
from worldgen.evaluate.statistics.block_bootstrap import Resampling
from worldgen.graphs.builtin.builtin_graph import BuiltinGraph
from worldgen.graphs.selection import select
from worldgen.settings import CorpusConfig, WorldConfig
from worldgen.storage.machine import peak_memory
from worldgen.worlds.making import make_world

TUNED = ("ft.optimizer=sgd", "ft.learning_rate=1e-2", "ft.steps=10")  # chosen on dev points (docs/beliefs.md)
T = TypeVar("T")


@click.group()
def main() -> None:
    """Measure one part, as JSON."""


@main.command()
@click.option("--run", type=click.Path(path_type=Path, exists=True), help="A run that has detected beliefs.")
@click.option("--nodes", default=300, show_default=True)
@click.option("--training-tokens", default=100_000, show_default=True, help="Of the model that is made without --run.")
def flips(run: Path | None, nodes: int, training_tokens: int) -> None:
    """The flips of so many statements by fine-tuning, all asked after each, with both graphs and all statistics."""
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch) / "slag"
        if run:
            shutil.copytree(run, folder)
            for name in ("flips", "graph"):
                shutil.rmtree(folder / "slag" / name, ignore_errors=True)
        else:
            make_run(folder, nodes, training_tokens)
        config = config_of(folder)
        assert config is not None
        its = Run(folder, override(config, TUNED), "cpu", quiet=True)
        seconds, drawn = measured(lambda: draw_graph(its, METHODS["ft"], Wanted(nodes)))
        found = json.loads((drawn / "statistics.json").read_text())
        report(nodes=nodes, edges=found["model"]["edges"], flipped=found["flipped"], cpu_seconds=seconds)


def make_run(folder: Path, nodes: int, training_tokens: int) -> None:
    """Makes a run of `slag-tiny` that has detected beliefs; all its points are test points, enough of them TF."""
    settings = {"pretrain.tokens": training_tokens, "slag.split_percents": "[0, 0, 100]", "slag.points": 2 * nodes}
    options = [part for key, value in settings.items() for part in ("--set", f"{key}={value}")]
    for name in ("build", "pretrain", "detect"):
        command = [sys.executable, "-m", "worldgen", name, str(folder), "--preset", "slag-tiny", "--quiet", *options]
        subprocess.run(command, check=True, stdout=sys.stderr)


@main.command()
@click.option("--nodes", default=2000, show_default=True)
def rational(nodes: int) -> None:
    """The rational graphs of so many points of each task, in a world of twice as many facts."""
    graph, _ = select(BuiltinGraph(10 * nodes, seed=0), slag_tiny().graph, spelling_of(slag_tiny()))
    config = WorldConfig(facts=2 * nodes, deterministic_percent=40)
    world = make_world(graph, config, 0)
    sentences = make_shard(world, CorpusConfig(rare_percent=20), 0, 0, len(world.subjects)).sentences
    K = len(world.objects)
    agent = fit(evidence_of(world, sentences, 5), K, len(world.relations), world.pairs(), 1 / K)
    for task in Task:
        points = world_points(world, agent, SlagConfig(points=nodes, paraphrases=0), 0, (task,))[0]
        questions, draw = PointQuestions(tuple(points)), np.random.default_rng(0)
        coins = draw.choice(["true", "false"], len(questions.asked)).tolist()
        said = coins if task is Task.TF else [asked.eligible[0] for asked in questions.asked]
        its = nodes_of(points, questions, predictions_of(questions.asked, said), draw)
        seconds, found = measured(lambda its=its: rational_graph(world, agent, its))
        report(task=task.value, nodes=len(its), observed=int(found.flips.sum()), edges=found.A.nnz, cpu_seconds=seconds)


@main.command()
@click.option("--nodes", default=10_000, show_default=True)
@click.option("--edges", default=2_000_000, show_default=True)
@click.option("--kind", type=click.Choice(["random", "acyclic"]), default="random", show_default=True)
def statistics(nodes: int, edges: int, kind: str) -> None:
    """All statistics of a large graph with 10,000 resamples, and then its files."""
    graph = large_graph(nodes, edges, kind)
    right = np.random.default_rng(1).random(nodes) < 0.7
    ends_right, every = ~right[edges_of(graph.A)[1]], np.ones(nodes, dtype=bool)
    resampling, draw = Resampling(10_000, 0.95, "sample"), np.random.default_rng(2)
    seconds, found = measured(lambda: summary_of(graph.A, right, ends_right, every, resampling, draw))
    peak = peak_memory()
    with tempfile.TemporaryDirectory() as folder:
        table = pd.DataFrame({"id": np.arange(nodes).astype(str), "right": right})
        writing, _ = measured(lambda: write_graph(Path(folder), table, edge_table(graph, None)))
        size = (Path(folder) / "beliefs.graphml").stat().st_size
    report(
        kind=kind, nodes=nodes, edges=found.edges, strong_components=found.strong.count,
        transitivity=round(found.transitivity.mean, 4),
        descendant_transitivity=round(found.descendant_transitivity.mean, 4), cpu_seconds=seconds,
        statistics_peak_bytes=peak, files_cpu_seconds=writing, graphml_bytes=size, peak_bytes=peak_memory(),
    )  # fmt: skip


def large_graph(n: int, E: int, kind: str) -> BeliefGraph:
    """Returns a graph of about E random edges; an acyclic one leads from lower numbers to higher ones only."""
    draw = np.random.default_rng(0)
    keys = np.unique(draw.integers(0, n * n, int(E * (2.07 if kind == "acyclic" else 1.01))))
    source, target = keys // n, keys % n
    kept = source < target if kind == "acyclic" else source != target
    source, target = source[kept], target[kept]
    becomes = np.full(len(source), "true", dtype=object)
    edges = Edges(source, target, becomes, draw.random(len(source)))
    return BeliefGraph.of(edges, texts_of(["false"] * n), np.ones(n, dtype=bool))


def measured(work: Callable[[], T]) -> tuple[float, T]:
    """Returns the processor's seconds of some work, and what it returns."""
    begun = time.process_time()
    found = work()
    return round(time.process_time() - begun, 1), found


def report(**numbers: object) -> None:
    """Prints a line of JSON."""
    click.echo(json.dumps(numbers | {"peak_bytes": numbers.get("peak_bytes", peak_memory())}))


if __name__ == "__main__":
    main()
