"""How fast beliefs are updated and measured: the six metrics at r = 1, beside the forward passes that must be made.

    python benchmarks/slag.py                     # 300 points, 30 random points each; makes a tiny run first (minutes)
    python benchmarks/slag.py --method lora --json
    python benchmarks/slag.py --points 60 --set ft.steps=40

The model is that of `slag-tiny`, trained for a moment only: so there are enough wrong beliefs to update. Half of the
points are of each task. Timed is what `worldgen update` does with settings that are chosen already: asking, updating,
asking again, the tables. The floor is asking alone: the same questions, before and after, put to one model in batches
as large as they may be. Its updates cost the operations that are told; the floor has none of them.
Seconds are wall clock, and beside them the processor's, which other work on the machine disturbs less.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import click
import pandas as pd
import torch

from worldgen.evaluate.asking.answers import AnswerReader
from worldgen.evaluate.asking.questions import Question
from worldgen.evaluate.asking.replies import ask
from worldgen.evaluate.methods.methods import METHODS
from worldgen.evaluate.runs.config import load, override
from worldgen.evaluate.runs.load import load_world
from worldgen.evaluate.runs.run import Run
from worldgen.evaluate.runs.stage import make_stage
from worldgen.evaluate.slag.points import Task
from worldgen.evaluate.slag.updating.measured_blocks import trials_of
from worldgen.evaluate.stages.slag.scores import SCORES
from worldgen.evaluate.stages.slag.updates import blocks_of_task, updates
from worldgen.lm.model import load_model
from worldgen.lm.tokenizer import load_tokenizer
from worldgen.storage.machine import peak_memory

# Chosen on dev points in the first run of `slag-tiny` (docs/beliefs.md).
TUNED = ("ft.optimizer=sgd", "ft.learning_rate=1e-2", "ft.steps=10")


@click.command()
@click.option("--method", default="ft", show_default=True, type=click.Choice([*METHODS]))
@click.option("--set", "settings", multiple=True, help="A setting, as key=value.")
@click.option("--points", default=300, show_default=True, type=click.IntRange(2), help="Updated points.")
@click.option("--random", default=30, show_default=True, type=click.IntRange(0), help="Random points of each.")
@click.option("--training-tokens", default=100_000, show_default=True, type=click.IntRange(1), help="Of the model.")
@click.option("--device", default="cuda" if torch.cuda.is_available() else "cpu", show_default=True)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def main(
    method: str, settings: tuple[str, ...], points: int, random: int, training_tokens: int, device: str, as_json: bool
) -> None:
    """Measure one method. It fails where there are fewer wrong beliefs than points."""
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch) / "slag"
        make_run(folder, points, random, training_tokens)
        config = override(load(folder / "config.toml"), (*TUNED, *settings))
        result = measured(Run(folder, config, device, quiet=True), method)
    if result["points"] != points // 2 * 2:
        sys.exit(f"only {result['points']} wrong beliefs for {points} points: take a smaller --training-tokens")
    click.echo(json.dumps(result, indent=1) if as_json else "\n".join(f"{k:24} {v}" for k, v in result.items()))


def make_run(folder: Path, points: int, random: int, training_tokens: int) -> None:
    """Makes a run of `slag-tiny` that has detected beliefs and updated none; all its points are test points."""
    settings = {
        "pretrain.tokens": training_tokens,
        "slag.split_percents": "[0, 0, 100]",
        "slag.most_updates": points // 2,
        "slag.random_gen": random,
        "slag.random_tf": random,
        "slag.r": "[1]",
    }
    options = [part for key, value in settings.items() for part in ("--set", f"{key}={value}")]
    for name in ("build", "pretrain", "detect"):
        command = [sys.executable, "-m", "worldgen", name, str(folder), "--preset", "slag-tiny", "--quiet", *options]
        subprocess.run(command, check=True, stdout=sys.stderr)


def measured(run: Run, method: str) -> dict[str, object]:
    """Returns every figure of one method."""
    chosen = updates(METHODS[method], run, 1)
    updating = _seconds(lambda: make_stage(run, chosen))
    scoring = _seconds(lambda: make_stage(run, SCORES))
    questions, number = _questions(run)
    model = load_model(run.folder / "lm" / "final", run.torch_device)
    reader = AnswerReader(load_tokenizer(run.folder / "tokens" / "tokenizer"), load_world(run.folder).objects)
    asking = _seconds(lambda: [ask(model, reader, questions) for _ in ("before", "after")])
    costs = pd.concat([pd.read_parquet(path) for path in sorted((run.folder / chosen.name).glob("costs-*.parquet"))])
    return {
        "device": torch.cuda.get_device_name() if run.torch_device == "cuda" else f"{torch.get_num_threads()} CPU",
        "torch": torch.__version__,
        "parameters": sum(parameter.numel() for parameter in model.parameters()),
        "method": method,
        "points": number,
        "random_points": run.config.slag.random_gen,
        "questions": 2 * len(questions),
        "steps_per_update": round(float(costs["steps"].mean()), 2),
        "gflop_per_update": round(float(costs["flops"].mean()) / 1e9, 4),
        "seconds": round(updating[0] + scoring[0], 2),
        "cpu_seconds": round(updating[1] + scoring[1], 2),
        "updates_made_seconds": round(float(costs["seconds"].sum()), 2),
        "tables_seconds": round(scoring[0], 2),
        "floor_seconds": round(asking[0], 2),
        "floor_cpu_seconds": round(asking[1], 2),
        "times_the_floor": round((updating[0] + scoring[0]) / asking[0], 2),
        "peak_bytes": torch.cuda.max_memory_allocated() if run.torch_device == "cuda" else peak_memory(),
    }


def _questions(run: Run) -> tuple[Sequence[Question], int]:
    """Returns all questions of all blocks, asked once, and the number of updated points."""
    blocks = [block for task in Task for block in blocks_of_task(run, task, 1, "test")]
    trials = trials_of(blocks, load_world(run.folder), run.config.training_seed)
    return [question for trial in trials for question in trial.questions], len(blocks)


def _seconds(work: Callable[[], object]) -> tuple[float, float]:
    begun, begun_cpu = time.perf_counter(), time.process_time()
    work()
    return time.perf_counter() - begun, time.process_time() - begun_cpu


if __name__ == "__main__":
    main()
