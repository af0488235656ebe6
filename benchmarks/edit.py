"""How fast models are edited and asked: many editions at once against one at a time, in one process.

    python benchmarks/edit.py                     # makes a tiny run in a temporary folder first (minutes)
    python benchmarks/edit.py runs/demo           # the model and the cases of a run
    python benchmarks/edit.py runs/demo --method ft --set ft.optimizer=sgd --pairs 5
    python benchmarks/edit.py runs/paper --reference 10 --json   # a run that was only built: random weights of its size

`lora` stands against peft, `ft` and `ft-l` against the model's own weights (`ft-reference`). Both contenders edit the
same model for the same cases on the same machine, in turn, `--pairs` times; the one at a time only the first
`--reference` cases, after one that does not count. Figures are medians over the pairs. The check: the same losses at
every step and the same probabilities after the last one. Seconds are wall clock, and beside them the processor's, which
other work on the machine disturbs less; those of the batched edits hold everything, counting the operations too.
For fine-tuning the memory's floor is told: the bytes that a step must move, at the speed of a copy on this machine.
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
from worldgen.evaluate.runs.config import RunConfig, load, override
from worldgen.evaluate.runs.load import load_world
from worldgen.evaluate.testbed.case_trials import make_trials
from worldgen.evaluate.testbed.cases import load_cases
from worldgen.evaluate.testbed.probes import load_questions
from worldgen.lm.allocator import keep_freed_memory
from worldgen.lm.editions import Cost, Editor
from worldgen.lm.editors.lowrank.lora import Lora
from worldgen.lm.editors.lowrank.lora_reference import LoraReference
from worldgen.lm.editors.tuning.fine_tuning import FineTuning
from worldgen.lm.editors.tuning.fine_tuning_reference import FineTuningReference
from worldgen.lm.editors.tuning.matrices import tuned_blocks, weight_count
from worldgen.lm.model import load_model, new_model
from worldgen.lm.tokenizer import load_tokenizer
from worldgen.storage.machine import peak_memory

# Float32 in another order, through many steps of an optimizer: of a loss, and of a probability.
AGREEMENT = 1e-3
METHODS = ("lora", "ft", "ft-l")
# Weights read forward and backward; by the step read and written, with what the optimizer keeps of earlier gradients.
PASSES = {"adamw": 8, "rmsprop": 8, "sgd": 4}


@dataclass(frozen=True)
class Bench:
    """What both contenders get."""

    model: MistralForCausalLM
    reader: AnswerReader
    config: RunConfig
    trials: list[Trial]


@dataclass(frozen=True)
class Outcome:
    """What came of some trials: an edition's cost, the probability of each scored probe, seconds of both."""

    costs: list[Cost]
    probabilities: np.ndarray
    edit_seconds: float
    edit_cpu_seconds: float
    ask_seconds: float

    def seconds(self) -> np.ndarray:
        """Returns the seconds of all edits, by the wall clock and of the processor."""
        return np.array([self.edit_seconds, self.edit_cpu_seconds])

    def per_edit(self) -> np.ndarray:
        """Returns the seconds of an edit."""
        return self.seconds() / len(self.costs)

    def per_step(self) -> np.ndarray:
        """Returns the seconds of an edit's step, all that belongs to an edit counted. Cases may differ in steps."""
        return self.seconds() / sum(len(cost.losses) for cost in self.costs)


@click.command()
@click.argument("run", required=False, type=click.Path(path_type=Path, exists=True, file_okay=False))
@click.option("--method", default="lora", show_default=True, type=click.Choice(METHODS))
@click.option("--set", "settings", multiple=True, help="A setting of the method, as key=value.")
@click.option("--cases", default=5000, show_default=True, type=click.IntRange(1), help="At most so many cases.")
@click.option("--reference", default=20, show_default=True, type=click.IntRange(1), help="Of them, one at a time too.")
@click.option("--pairs", default=1, show_default=True, type=click.IntRange(1), help="So often, in turn.")
@click.option("--device", default="cuda" if torch.cuda.is_available() else "cpu", show_default=True)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def main(
    run: Path | None, method: str, settings: tuple[str, ...], cases: int, reference: int, pairs: int, device: str,
    as_json: bool,
) -> None:  # fmt: skip
    """Measure, and fail where the two disagree."""
    keep_freed_memory()  # as `worldgen.evaluate.asking.measure` does
    with tempfile.TemporaryDirectory() as scratch:
        result = compare(
            bench(run or tiny_run(Path(scratch) / "tiny"), settings, cases, device), method, reference, pairs
        )
    click.echo(json.dumps(result, indent=1) if as_json else "\n".join(f"{k:32} {v}" for k, v in result.items()))
    if max(result["max_loss_difference"], result["max_probability_difference"]) > AGREEMENT:
        sys.exit("the two contenders disagree")


def tiny_run(folder: Path) -> Path:
    """A finished run of the tiny preset."""
    command = [sys.executable, "-m", "worldgen", "run", str(folder), "--preset", "tiny", "--method", "none", "--quiet"]
    subprocess.run(command, check=True, stdout=sys.stderr)
    return folder


def bench(run: Path, settings: Sequence[str], cases: int, device: str) -> Bench:
    """The model and the first cases of a run."""
    config, tokenizer = override(load(run / "config.toml"), settings), load_tokenizer(run / "tokens" / "tokenizer")
    final = run / "lm" / "final"
    if final.exists():
        model = load_model(final, device)
    else:
        model = new_model(config.pretrain, tokenizer, config.seed).to(torch.device(device)).eval()  # type: ignore[arg-type]
    world, chosen = load_world(run), load_cases(run / "cases" / "cases.parquet")
    trials = make_trials(world, chosen, load_questions(run / "cases" / "probes.parquet"), 1, config.seed)
    return Bench(model, AnswerReader(tokenizer, world.objects), config, trials[:cases])


def contenders(bench: Bench, method: str) -> tuple[Editor, Editor]:
    """One edition at a time, and many at once."""
    tokenizer = bench.reader.tokenizer
    if method == "lora":
        config = bench.config.edit
        return LoraReference(config, "single", tokenizer), Lora(config, "single", tokenizer)
    tuning = bench.config.ft_l if method == "ft-l" else bench.config.ft
    weights = weight_count(tuned_blocks(bench.model, tuning))
    return FineTuningReference(tuning, "single", tokenizer), FineTuning(tuning, "single", tokenizer, weights)


def compare(bench: Bench, method: str, reference: int, pairs: int) -> dict[str, Any]:
    """Every figure."""
    alone, batched = contenders(bench, method)
    for editor in (alone, batched):
        work(bench, editor, bench.trials[:1])
    both = [(work(bench, alone, bench.trials[:reference]), work(bench, batched, bench.trials)) for _ in range(pairs)]
    slow, fast = both[-1]
    per_edit = np.median([[outcome.per_edit() for outcome in pair] for pair in both], axis=0)[:, 0]
    factors = np.median([pair[0].per_step() / pair[1].per_step() for pair in both], axis=0)
    begun = time.perf_counter()
    ask(bench.model, bench.reader, [question for trial in bench.trials for question in trial.questions])
    before_seconds = time.perf_counter() - begun
    probes = sum(len(trial.questions) for trial in bench.trials)
    steps = sum(len(cost.losses) for cost in fast.costs)
    return {
        "device": torch.cuda.get_device_name() if on_gpu(bench) else f"{torch.get_num_threads()} CPU",
        "torch": torch.__version__,
        "parameters": sum(parameter.numel() for parameter in bench.model.parameters()),
        "method": method,
        "cases": len(bench.trials),
        "reference_cases": len(slow.costs),
        "pairs": pairs,
        "steps_per_edit": round(steps / len(fast.costs), 2),
        "reference_cpu_ms_per_step": round(float(np.median([pair[0].per_step()[1] for pair in both])) * 1e3, 3),
        "batched_cpu_ms_per_step": round(float(np.median([pair[1].per_step()[1] for pair in both])) * 1e3, 3),
        "reference_edits_per_second": round(1 / per_edit[0], 3),
        "batched_edits_per_second": round(1 / per_edit[1], 3),
        "factor": round(factors[0], 2),
        "cpu_factor": round(factors[1], 2),
        **agreement(slow, fast),
        "reference_gflop_per_edit": round(sum(cost.flops for cost in slow.costs) / len(slow.costs) / 1e9, 4),
        "batched_gflop_per_edit": round(sum(cost.flops for cost in fast.costs) / len(fast.costs) / 1e9, 4),
        **({} if method == "lora" else floor(bench, batched)),
        "probes_per_second_before": round(probes / before_seconds, 1),
        "probes_per_second_after": round(probes / fast.ask_seconds, 1),
        "all_seconds": round(fast.edit_seconds + fast.ask_seconds + before_seconds, 2),
        "peak_bytes": torch.cuda.max_memory_allocated() if on_gpu(bench) else peak_memory(),
    }


def on_gpu(bench: Bench) -> bool:
    """Whether the model is on a GPU."""
    return bench.model.device.type == "cuda"


def agreement(slow: Outcome, fast: Outcome) -> dict[str, float]:
    """The greatest differences between the two, over the cases of both. Fails where their numbers of steps differ."""
    pairs = list(zip(slow.costs, fast.costs, strict=False))
    if any(len(theirs.losses) != len(ours.losses) for theirs, ours in pairs):
        sys.exit("the two contenders disagree: they take different numbers of steps")
    losses = [abs(a - b) for theirs, ours in pairs for a, b in zip(theirs.losses, ours.losses, strict=True)]
    probabilities = np.abs(slow.probabilities - fast.probabilities[: len(slow.probabilities)])
    return {
        "max_loss_difference": max(losses, default=0.0),
        "max_probability_difference": float(probabilities.max()),
    }


def floor(bench: Bench, editor: Editor) -> dict[str, float]:
    """How long the memory takes for a step of one edit, if a weight is moved no more often than the method must."""
    assert isinstance(editor, FineTuning)
    step_bytes = PASSES[editor.config.optimizer] * editor.weights * 4
    source = torch.ones(2**26, device=bench.model.device)
    target, seconds = torch.empty_like(source), []
    for _ in range(7):
        begun = time.perf_counter()
        target.copy_(source)
        target[-1].item()  # waits for a GPU
        seconds.append(time.perf_counter() - begun)
    speed = 2 * source.nbytes / float(np.median(seconds))
    return {
        "copy_gigabytes_per_second": round(speed / 1e9, 2),
        "megabytes_per_step": round(step_bytes / 1e6, 2),
        "memory_floor_ms_per_step": round(step_bytes / speed * 1e3, 3),
    }


def work(bench: Bench, editor: Editor, trials: Sequence[Trial]) -> Outcome:
    """Edit and ask, in the chunks and batches that a run would have."""
    costs: list[Cost] = []
    probabilities: list[np.ndarray] = []
    edit_seconds = edit_cpu_seconds = ask_seconds = 0.0
    size = min(bench.config.edit.chunk_cases, editor.at_once([trial.edition for trial in trials]))
    for start in range(0, len(trials), size):
        batch, begun, begun_cpu = trials[start : start + size], time.perf_counter(), time.process_time()
        with editor.edit(bench.model, [trial.edition for trial in batch]) as edited:
            edited_at, edited_cpu = time.perf_counter(), time.process_time()
            of = [number for number, trial in enumerate(batch) for _ in trial.questions]
            replies = ask(edited, bench.reader, [question for trial in batch for question in trial.questions], of)
            ask_seconds += time.perf_counter() - edited_at
        edit_seconds += edited_at - begun
        edit_cpu_seconds += edited_cpu - begun_cpu
        costs += edited.costs
        probabilities.append(replies.probability[~np.isnan(replies.probability)])
    return Outcome(costs, np.concatenate(probabilities), edit_seconds, edit_cpu_seconds, ask_seconds)


if __name__ == "__main__":
    main()
