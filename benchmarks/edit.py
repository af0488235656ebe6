"""How fast models are edited and asked: LoRA many editions at once against peft one at a time, in one process.

    python benchmarks/edit.py                     # makes a tiny run in a temporary folder first (minutes)
    python benchmarks/edit.py runs/demo           # the model and the cases of a run
    python benchmarks/edit.py runs/paper --reference 10 --json   # a run that was only built: random weights of its size

Both edit the same model for the same cases on the same machine; peft only for the first `--reference` of them, after
one that does not count. The check: the same losses at every step and the same probabilities after the last one.
Seconds are wall clock; those of the batched edits hold everything, counting the operations too.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
import numpy as np
import torch
from transformers import MistralForCausalLM

from worldgen.evaluate.asking.answers import AnswerReader
from worldgen.evaluate.asking.replies import ask
from worldgen.evaluate.asking.trials import Trial
from worldgen.evaluate.runs.config import load
from worldgen.evaluate.runs.load import load_world
from worldgen.evaluate.settings import EditConfig
from worldgen.evaluate.testbed.case_trials import make_trials
from worldgen.evaluate.testbed.cases import load_cases
from worldgen.evaluate.testbed.probes import load_questions
from worldgen.lm.allocator import keep_freed_memory
from worldgen.lm.editions import Cost
from worldgen.lm.editors.lowrank.lora import Lora
from worldgen.lm.editors.lowrank.lora_reference import LoraReference
from worldgen.lm.model import load_model, new_model
from worldgen.lm.tokenizer import load_tokenizer
from worldgen.storage.machine import peak_memory

# Float32 in another order, through forty steps of AdamW: of a loss, and of a probability.
AGREEMENT = 1e-3


@dataclass(frozen=True)
class Bench:
    """What both contenders get."""

    model: MistralForCausalLM
    reader: AnswerReader
    config: EditConfig
    trials: list[Trial]


@dataclass(frozen=True)
class Outcome:
    """What came of some trials: an edition's cost, the probability of each scored probe, seconds of both."""

    costs: list[Cost]
    probabilities: np.ndarray
    edit_seconds: float
    ask_seconds: float


@click.command()
@click.argument("run", required=False, type=click.Path(path_type=Path, exists=True, file_okay=False))
@click.option("--cases", default=5000, show_default=True, type=click.IntRange(1), help="At most so many cases.")
@click.option("--reference", default=20, show_default=True, type=click.IntRange(1), help="Of them, through peft too.")
@click.option("--device", default="cuda" if torch.cuda.is_available() else "cpu", show_default=True)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def main(run: Path | None, cases: int, reference: int, device: str, as_json: bool) -> None:
    """Measure, and fail where the two disagree."""
    keep_freed_memory()  # as `worldgen.evaluate.asking.measure` does
    with tempfile.TemporaryDirectory() as scratch:
        result = compare(bench(run or tiny_run(Path(scratch) / "tiny"), cases, device), reference)
    click.echo(json.dumps(result, indent=1) if as_json else "\n".join(f"{k:32} {v}" for k, v in result.items()))
    if max(result["max_loss_difference"], result["max_probability_difference"]) > AGREEMENT:
        sys.exit("the two contenders disagree")


def tiny_run(folder: Path) -> Path:
    """A finished run of the tiny preset."""
    command = [sys.executable, "-m", "worldgen", "run", str(folder), "--preset", "tiny", "--method", "none", "--quiet"]
    subprocess.run(command, check=True, stdout=sys.stderr)
    return folder


def bench(run: Path, cases: int, device: str) -> Bench:
    """The model and the first cases of a run."""
    config, tokenizer = load(run / "config.toml"), load_tokenizer(run / "tokens" / "tokenizer")
    final = run / "lm" / "final"
    if final.exists():
        model = load_model(final, device)
    else:
        model = new_model(config.pretrain, tokenizer, config.seed).to(torch.device(device)).eval()  # type: ignore[arg-type]
    world, chosen = load_world(run), load_cases(run / "cases" / "cases.parquet")
    trials = make_trials(world, chosen, load_questions(run / "cases" / "probes.parquet"), 1, config.seed)
    return Bench(model, AnswerReader(tokenizer, world.objects), config.edit, trials[:cases])


def compare(bench: Bench, reference: int) -> dict[str, Any]:
    """Every figure."""
    peft, ours = (method(bench.config, "single", bench.reader.tokenizer) for method in (LoraReference, Lora))
    for editor in (peft, ours):
        work(bench, editor, bench.trials[:1])
    slow = work(bench, peft, bench.trials[:reference])
    fast = work(bench, ours, bench.trials)
    begun = time.perf_counter()
    ask(bench.model, bench.reader, [question for trial in bench.trials for question in trial.questions])
    before_seconds = time.perf_counter() - begun
    both = len(slow.costs)
    losses = [np.array([cost.losses for cost in outcome.costs[:both]]) for outcome in (slow, fast)]
    probes = sum(len(trial.questions) for trial in bench.trials)
    per_edit = slow.edit_seconds / both, fast.edit_seconds / len(bench.trials)
    return {
        "device": torch.cuda.get_device_name()
        if bench.model.device.type == "cuda"
        else f"{torch.get_num_threads()} CPU",
        "torch": torch.__version__,
        "parameters": sum(parameter.numel() for parameter in bench.model.parameters()),
        "cases": len(bench.trials),
        "reference_cases": both,
        "steps": bench.config.steps,
        "peft_edits_per_second": round(1 / per_edit[0], 3),
        "batched_edits_per_second": round(1 / per_edit[1], 3),
        "factor": round(per_edit[0] / per_edit[1], 2),
        "max_loss_difference": float(np.abs(losses[0] - losses[1]).max(initial=0)),
        "max_probability_difference": float(
            np.abs(slow.probabilities - fast.probabilities[: len(slow.probabilities)]).max()
        ),
        "peft_gflop_per_edit": round(sum(cost.flops for cost in slow.costs) / both / 1e9, 4),
        "batched_gflop_per_edit": round(sum(cost.flops for cost in fast.costs) / len(bench.trials) / 1e9, 4),
        "probes_per_second_before": round(probes / before_seconds, 1),
        "probes_per_second_after": round(probes / fast.ask_seconds, 1),
        "all_seconds": round(fast.edit_seconds + fast.ask_seconds + before_seconds, 2),
        "peak_bytes": torch.cuda.max_memory_allocated() if bench.model.device.type == "cuda" else peak_memory(),
    }


def work(bench: Bench, editor: Lora | LoraReference, trials: Sequence[Trial]) -> Outcome:
    """Edit and ask, in the chunks and batches that a run would have."""
    costs: list[Cost] = []
    probabilities: list[np.ndarray] = []
    edit_seconds = ask_seconds = 0.0
    size = min(bench.config.chunk_cases, editor.at_once([trial.edition for trial in trials]))
    for start in range(0, len(trials), size):
        batch, begun = trials[start : start + size], time.perf_counter()
        with editor.edit(bench.model, [trial.edition for trial in batch]) as edited:
            edited_at = time.perf_counter()
            of = [number for number, trial in enumerate(batch) for _ in trial.questions]
            replies = ask(edited, bench.reader, [question for trial in batch for question in trial.questions], of)
            ask_seconds += time.perf_counter() - edited_at
        edit_seconds += edited_at - begun
        costs += edited.costs
        probabilities.append(replies.probability[~np.isnan(replies.probability)])
    return Outcome(costs, np.concatenate(probabilities), edit_seconds, ask_seconds)


if __name__ == "__main__":
    main()
