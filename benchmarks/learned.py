"""How fast a learned optimizer is trained, what its training keeps in memory, and what one of its edits costs.

    python benchmarks/learned.py                       # a model of the tiny preset's size, random weights
    python benchmarks/learned.py --preset small --sequences 32 --device cuda --json

Throughput: a step of the training on `--sequences` updates, side by side and one at a time, in turn, `--pairs` times.
The check: the same gradient in all of the network's parameters, to the rounding of float32. Figures are medians.
The limit: how many operations a second of the processor does in either way, and in one large matrix product.
Memory: the most entries of tensors that are kept for a backward pass at any time, by the number r of updates one after
another and the number K of steps of each (on a GPU the peak of allocated bytes too). They should be flat in both.
Beside it: one backward pass for all steps of an update, as the paper's code has it, and a step of training the model
itself on as many texts (the paper's Figure 4).
Cost: the operations of one edit of `ke` and of `slag`, beside LoRA's, for a request of our world's length.
Updates are random texts; that is enough for the work that they make. Seconds are wall clock and the processor's.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import click
import numpy as np
import torch
from transformers import MistralForCausalLM, PreTrainedTokenizerFast

from worldgen.evaluate.runs.config import RunConfig
from worldgen.evaluate.runs.presets import PRESETS
from worldgen.lm.allocator import keep_freed_memory
from worldgen.lm.editions import Edition, Editor, Request
from worldgen.lm.editors.learned.learned_editor import LearnedEditor
from worldgen.lm.editors.learned.learning import Tally
from worldgen.lm.editors.learned.network import LearnedOptimizer, new_network
from worldgen.lm.editors.learned.one_at_a_time import OneAtATime
from worldgen.lm.editors.learned.settings import LearnedConfig
from worldgen.lm.editors.learned.side_by_side import side_by_side
from worldgen.lm.editors.learned.updates import Update
from worldgen.lm.editors.lowrank.lora import Lora
from worldgen.lm.editors.operations import operations_counter
from worldgen.lm.editors.saved_tensors import SavedTensors
from worldgen.lm.model import new_model
from worldgen.lm.texts import Text
from worldgen.lm.tokenizer import train_word_tokenizer

# Float32 in another order, through K steps that build on one another: of the gradient's norm.
AGREEMENT = 1e-3
WORDS = 800  # as many as the tiny world has, about
KINDS = {"side by side": side_by_side, "one at a time": OneAtATime}


@dataclass(frozen=True)
class Bench:
    """Everything that both ways of training get."""

    model: MistralForCausalLM
    tokenizer: PreTrainedTokenizerFast
    network: LearnedOptimizer
    settings: LearnedConfig
    run: RunConfig
    draw: np.random.Generator

    def updates(self, count: int) -> list[Update]:
        """Returns updates of random words: the request, and as many random texts as the config asks for."""
        return [
            Update(self._ids(12), self._text(), random=tuple(self._text() for _ in range(self.settings.random_points)))
            for _ in range(count)
        ]

    def config(self, **settings: int) -> LearnedConfig:
        """Returns the settings with some others."""
        return self.settings.model_copy(update=settings)

    def _text(self) -> Text:
        return Text(self._ids(9), 2)

    def _ids(self, count: int) -> list[int]:
        return self.draw.integers(len(self.tokenizer), size=count).tolist()


@click.command()
@click.option("--preset", default="tiny", show_default=True, type=click.Choice(["tiny", "small"]))
@click.option("--sequences", default=8, show_default=True, type=click.IntRange(1), help="Updates of a step.")
@click.option("--random", default=15, show_default=True, type=click.IntRange(1), help="Random texts of an update.")
@click.option("--pairs", default=3, show_default=True, type=click.IntRange(1), help="So often, in turn.")
@click.option("--most", default=4, show_default=True, type=click.IntRange(1), help="The greatest r, and K, of memory.")
@click.option("--device", default="cuda" if torch.cuda.is_available() else "cpu", show_default=True)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def main(preset: str, sequences: int, random: int, pairs: int, most: int, device: str, as_json: bool) -> None:
    """Measure, and fail where the two ways disagree."""
    keep_freed_memory()
    subject = bench(preset, random, device)
    found = {
        "device": torch.cuda.get_device_name() if device == "cuda" else f"{torch.get_num_threads()} CPU",
        "torch": torch.__version__,
        "model_parameters": sum(parameter.numel() for parameter in subject.model.parameters()),
        "network_parameters": sum(parameter.numel() for parameter in subject.network.parameters()),
        **throughput(subject, sequences, pairs),
        "kept_for_backward": memory(subject, most),
        "kept_by_one_pass_for_all_steps": {f"K={K}": kept_by_one_pass(subject, K) for K in _powers(most)},
        "kept_by_training_the_model": kept_by_the_model(subject),
        "mflop_of_an_edit": costs(subject),
    }
    click.echo(json.dumps(found, indent=1) if as_json else "\n".join(f"{k:28} {v}" for k, v in found.items()))
    if found["gradient_difference"] > AGREEMENT:
        sys.exit("the two ways disagree")


def bench(preset: str, random: int, device: str) -> Bench:
    """Returns a model of the preset's size with random weights, and a network for it whose changes matter."""
    run = PRESETS[preset]()
    settings = run.slag_editor.model_copy(update={"random_points": random})
    tokenizer = train_word_tokenizer([f"w{number}" for number in range(WORDS)])
    model = new_model(run.pretrain, tokenizer, seed=0).to(torch.device(device))  # type: ignore[arg-type]
    model.eval().requires_grad_(False)
    return Bench(model, tokenizer, new_network(model, settings, seed=0), settings, run, np.random.default_rng(0))


def throughput(bench: Bench, sequences: int, pairs: int) -> dict[str, Any]:
    """Returns seconds of an update both ways, how many times as fast they are side by side, and how far they differ."""
    batch = [[update] for update in bench.updates(sequences)]
    config, gradients = bench.config(sequences=sequences), {}
    seconds: dict[str, list[tuple[float, float]]] = {name: [] for name in KINDS}
    for pair in range(pairs + 1):  # the first does not count
        for name, kind in KINDS.items():
            learner = kind(bench.model, bench.network, config)
            bench.network.zero_grad(set_to_none=True)
            wall, processor = time.perf_counter(), time.process_time()
            learner.learn(batch, 1.0)
            gradients[name] = torch.cat([parameter.grad.flatten() for parameter in _learned(bench.network)])
            gradients[name].sum().item()  # waits for a GPU
            if pair:
                seconds[name].append((time.perf_counter() - wall, time.process_time() - processor))
    fast, slow = (np.median(seconds[name], axis=0) / sequences for name in KINDS)
    one, other = gradients.values()
    operations = {name: _operations(partial(kind(bench.model, bench.network, config).learn, batch, 1.0)) / sequences
                  for name, kind in KINDS.items()}  # fmt: skip
    return {
        "sequences": sequences,
        "steps_of_an_update": config.training_steps,
        "side_by_side_updates_per_second": round(1 / fast[0], 2),
        "one_at_a_time_updates_per_second": round(1 / slow[0], 2),
        "factor": round(slow[0] / fast[0], 2),
        "cpu_factor": round(slow[1] / fast[1], 2),
        "cpu_seconds_of_an_update": {name: round(its[1], 4) for name, its in zip(KINDS, (fast, slow), strict=True)},
        "gflop_of_an_update": {name: round(its / 1e9, 3) for name, its in operations.items()},
        "gflop_a_cpu_second": {
            name: round(operations[name] / 1e9 / its[1], 1) for name, its in zip(KINDS, (fast, slow), strict=True)
        }
        | {"a product of 1024 * 1024": round(_fastest(bench.model.device), 1)},
        "gradient_difference": float((one - other).norm() / other.norm()),
    }


def memory(bench: Bench, most: int) -> dict[str, dict[str, int]]:
    """Returns what is kept for backward passes at most, for r and K of 1 and `most`, of one sequence."""
    updates, found = bench.updates(most), {}
    for r, steps in dict.fromkeys([*((r, 1) for r in _powers(most)), *((1, K) for K in _powers(most)), (most, most)]):
        saved, learner = SavedTensors(), side_by_side(bench.model, bench.network, bench.config(training_steps=steps))
        if bench.model.device.type == "cuda":
            torch.cuda.reset_peak_memory_stats()
        with saved.counted():
            learner.learn([updates[:r]], 1.0)
        found[f"r={r} K={steps}"] = {"entries": saved.most}
        if bench.model.device.type == "cuda":
            found[f"r={r} K={steps}"]["peak_bytes"] = torch.cuda.max_memory_allocated()
    return found


def kept_by_one_pass(bench: Bench, steps: int) -> int:
    """Returns what is kept at most where the losses of all steps of an update go backward in one pass, at its end."""
    saved, (update,) = SavedTensors(), bench.updates(1)
    learner = OneAtATime(bench.model, bench.network, bench.config(training_steps=steps))
    with saved.counted():
        losses = [loss.taught + loss.kept for loss in learner.losses([update], Tally(1))]
        torch.stack(losses).sum().backward()
    return saved.most


def kept_by_the_model(bench: Bench) -> int:
    """Returns what is kept at most in a step of training the model itself on as many texts as an update has."""
    saved, (update,) = SavedTensors(), bench.updates(1)
    ids = torch.tensor([text.ids for text in (update.main, *update.random)], device=bench.model.device)
    bench.model.requires_grad_(True)
    with saved.counted():
        bench.model(input_ids=ids, labels=ids, use_cache=False).loss.backward()
    bench.model.requires_grad_(False).zero_grad(set_to_none=True)
    return saved.most


def costs(bench: Bench) -> dict[str, float]:
    """Returns the operations, in millions, of one edit by `steps` steps and by one, and of LoRA's."""
    request = Request("w1 w2 w3 w4 w5", "w6 w7.", subject="w1 w2", weight=1.0)

    def learned(steps: int) -> Editor[MistralForCausalLM]:
        return LearnedEditor(bench.config(steps=steps), "single", bench.tokenizer, bench.network)

    made: dict[str, Callable[[], Editor[MistralForCausalLM]]] = {
        f"learned, {bench.settings.steps} steps": lambda: learned(bench.settings.steps),
        "learned, 1 step": lambda: learned(1),
        "lora": lambda: Lora(bench.run.edit, "single", bench.tokenizer),
    }
    found = {}
    for name, make in made.items():
        with make().edit(bench.model, [Edition((request,), seed=0)]) as edited:
            found[f"{name} ({len(edited.costs[0].losses)} taken)"] = round(edited.costs[0].flops / 1e6, 1)
    return found


def _learned(network: LearnedOptimizer) -> list[Any]:
    """Returns the network's parameters that have a gradient."""
    return [parameter for parameter in network.parameters() if parameter.grad is not None]


def _powers(most: int) -> list[int]:
    """Returns 1, 2, 4, ... below the number, and the number."""
    return [*(2**i for i in range((most - 1).bit_length())), most]


def _operations(work: Callable[[], object]) -> int:
    with operations_counter() as counter:
        work()
    return counter.get_total_flops()


def _fastest(device: torch.device) -> float:
    """Returns how many GFLOP a second of the processor does in a large product of matrices, the best of ten."""
    side = 1024
    matrix, best = torch.randn(side, side, device=device), float("inf")
    for _ in range(10):
        begun = time.process_time()
        (matrix @ matrix)[0, 0].item()
        best = min(best, time.process_time() - begun)
    return 2 * side**3 / best / 1e9


if __name__ == "__main__":
    main()
