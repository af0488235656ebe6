"""How fast the rational agent is: evidence, fit, labels of 5,000 cases, one question. Prints JSON.

    python benchmarks/agent.py --facts 100000          # builds the world in a temporary folder, then measures
    python benchmarks/agent.py --facts 10000 --facts 100000 --facts 1000000 --no-labels

Seconds are wall clock on this process alone; memory is the most this process has held, in bytes, so far.
"""

from __future__ import annotations

import json
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
import numpy as np

from worldgen.bayes.agent import Agent, Edit
from worldgen.bayes.evidence import Evidence, evidence_of, merge
from worldgen.bayes.fitting import fit
from worldgen.corpus.recipe import make_shard, shard_bounds
from worldgen.evaluate.runs.config import RunConfig, override
from worldgen.evaluate.runs.presets import paper
from worldgen.evaluate.settings import CasesConfig
from worldgen.evaluate.testbed.cases import make_cases
from worldgen.evaluate.testbed.credences import label
from worldgen.graphs.builtin.builtin_graph import BuiltinGraph
from worldgen.graphs.selection import select
from worldgen.graphs.spelling import Spelling
from worldgen.lm.tokenizer import cut_labels, pieces, spelt
from worldgen.storage.machine import peak_memory
from worldgen.worlds.making import make_world
from worldgen.worlds.world import World

QUESTIONS = 1000


@click.command()
@click.option("--facts", multiple=True, default=(100_000,), show_default=True, type=int, help="Facts of the world.")
@click.option("--cases", default=5000, show_default=True, type=int, help="Cases to label.")
@click.option("--labels/--no-labels", default=True, help="Whether to make and label cases.")
def main(facts: tuple[int, ...], cases: int, labels: bool) -> None:
    """Measure, from the smallest world to the largest."""
    results = [measure(world_facts, cases if labels else 0) for world_facts in sorted(facts)]
    click.echo(json.dumps(results, indent=1))


def measure(facts: int, cases: int) -> dict[str, Any]:
    """Every figure of one world."""
    settings = {
        "world.facts": facts,
        "graph.builtin_facts": int(1.6 * facts),
        "graph.max_triples": 100_000_000,
        "graph.min_cooccurrence": max(10, facts // 100),
    }
    config = override(paper(), [f"{name}={value}" for name, value in settings.items()])
    world = build(config)
    evidence, seconds = timed(lambda: gather(world, config))
    K, R = len(world.objects), len(world.relations)
    figures: dict[str, Any] = {"facts": len(world), "objects": K, "evidence_lines": len(evidence)}
    figures |= {"sentences_and_evidence_seconds": seconds, "built_peak_bytes": peak_memory()}
    agent, figures["fit_seconds"] = timed(lambda: fit(evidence, K, R, world.pairs(), 1 / K))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "evidence.parquet"
        _, figures["save_seconds"] = timed(lambda: evidence.save(path))
        _, figures["load_and_fit_seconds"] = timed(lambda: fit(Evidence.load(path), K, R, world.pairs(), 1 / K))
    figures |= single_questions(world, agent)
    if cases:
        made, figures["make_cases_seconds"] = timed(lambda: make_cases(world, agent, CasesConfig(cases=cases), 0))
        _, figures["label_seconds"] = timed(lambda: label(world, agent, made, 1000))
        figures["labelled_cases"] = cases
    return figures | {"peak_bytes": peak_memory()}


def build(config: RunConfig) -> World:
    """The world, from the built-in graph."""
    kind = config.tokens.tokenizer
    spelling = Spelling(
        lambda labels, most: cut_labels(kind, labels, most),
        lambda labels: pieces(kind, labels),
        lambda labels: spelt(kind, labels),
    )
    graph, _ = select(BuiltinGraph(config.graph.builtin_facts, config.seed), config.graph, spelling)
    return make_world(graph, config.world, config.seed)


def gather(world: World, config: RunConfig) -> Evidence:
    """All sentences drawn, and what they say."""
    shards = (make_shard(world, config.corpus, config.seed, *bounds) for bounds in shard_bounds(world, config.corpus))
    return merge(evidence_of(world, shard.sentences, config.corpus.shuffles) for shard in shards)


def single_questions(world: World, agent: Agent) -> dict[str, float]:
    """One question: the best five objects before and after an edit, of a root and of a downstream fact."""
    rng = np.random.default_rng(0)
    milliseconds: dict[str, list[float]] = {"root": [], "downstream": []}
    downstream = np.flatnonzero(world.upstream >= 0)
    for fact in [*rng.choice(len(world), QUESTIONS), *rng.choice(downstream, QUESTIONS)]:
        above = int(world.upstream[fact])
        edited = above if above >= 0 else int(fact)
        s, r, o = int(world.subject[edited]), int(world.relation[edited]), int(rng.integers(agent.K))
        begun = time.perf_counter()
        revised = agent.revise(Edit(s, r, o, agent.weight_for(s, r, o, 0.95)))
        for mind in (agent, revised):
            mind.belief(int(world.subject[fact]), int(world.relation[fact])).top(5)
        milliseconds["downstream" if above >= 0 else "root"].append(1000 * (time.perf_counter() - begun))
    return {
        f"ask_{kind}_milliseconds_{name}": statistic(values)
        for kind, values in milliseconds.items()
        for name, statistic in (("median", statistics.median), ("p99", lambda v: float(np.quantile(v, 0.99))))
    }


def timed(work: Callable[[], Any]) -> tuple[Any, float]:
    """The result, and the seconds it took."""
    begun = time.perf_counter()
    result = work()
    return result, round(time.perf_counter() - begun, 3)


if __name__ == "__main__":
    main()
