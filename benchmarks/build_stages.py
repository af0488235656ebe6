"""The work of benchmarks/build.py that is done in processes of their own; what is slow to import is imported there."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Any, TypeVar

from worldgen.storage.machine import peak_memory

R = TypeVar("R")

STAGES = ("graph", "world", "corpus", "tokens", "agent", "cases")


def in_own_process(work: Callable[..., R], *arguments: Any) -> R:
    """What `work` returns in a new process, whose memory ends with it."""
    with ProcessPoolExecutor(1, get_context("spawn")) as pool:
        return pool.submit(work, *arguments).result()


def imports() -> int:
    """The memory of a process that has imported what building needs, in bytes."""
    import worldgen.evaluate.stages.testbed  # noqa: F401

    return peak_memory()


def make_stage(name: str, folder: Path, settings: list[str], workers: int) -> float:
    """Make one stage of a run; returns the seconds, imports included."""
    begun = time.perf_counter()
    from worldgen.evaluate.runs import stage as runs
    from worldgen.evaluate.runs.config import override
    from worldgen.evaluate.runs.presets import paper
    from worldgen.evaluate.runs.run import Run
    from worldgen.evaluate.stages.testbed import CASES
    from worldgen.evaluate.stages.world import AGENT, CORPUS, GRAPH, TOKENS, WORLD
    from worldgen.storage.engines import Local

    stages = {stage.name: stage for stage in (GRAPH, WORLD, CORPUS, TOKENS, AGENT, CASES)}
    run = Run(folder, override(paper(), settings), device="cpu", engine=Local(workers), quiet=True)
    runs.make_stage(run, stages[name])
    return time.perf_counter() - begun


def read_back(run: Path, workers: int) -> dict[str, Any]:
    """Write every sentence of a run's corpus and parse it: how many a second, and how many came back as others."""
    from worldgen.evaluate.runs.load import load_world
    from worldgen.storage.engines import Local

    begun = time.perf_counter()
    shards = range(len(list((run / "corpus").glob("sentences-*.parquet"))))
    counts = list(Local(workers).map(_errors, (load_world(run), run / "corpus"), shards))
    sentences, errors = (sum(column) for column in zip(*counts, strict=True))
    seconds = time.perf_counter() - begun
    return {
        "sentences": sentences,
        "errors": errors,
        "seconds": round(seconds, 3),
        "sentences_per_second": round(sentences / seconds, 1),
    }


def _errors(shared: tuple[Any, Path], number: int) -> tuple[int, int]:
    """How many sentences a shard has, and how many of them are not parsed into what they say.

    What is parsed is the text that the tokens are made of; names are distinct, so equal names are equal ids.
    """
    from worldgen.corpus.sentences import Shard
    from worldgen.corpus.wording import Wording, syntax_tree

    world, corpus = shared
    sentences = Shard.load(corpus, number).sentences
    errors = 0
    for i, text in enumerate(Wording(world).texts(sentences)):
        try:
            errors += world.lexicon.parse(text) != syntax_tree(world, sentences, i)
        except ValueError:
            errors += 1
    return len(sentences), errors
