"""How fast a model is pretrained: our loop, a plain one, and Hugging Face's Trainer, on the same model, data and batch.

    python benchmarks/pretrain.py                # on a GPU the 83M model, on a CPU the same checks with the tiny one
    python benchmarks/pretrain.py --steps 100 --json

Every contender has a process of its own, takes the same steps from the same weights at a constant learning rate, and
is timed after WARM_UP steps (compilation, caches). The check: all end with the same loss on the same rows, to the
rounding of bfloat16. MFU is against a plain matrix product measured in the same process (see `ProgressBar`).
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from itertools import islice
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import click
import torch
from torch.utils.data import IterableDataset
from transformers import MistralForCausalLM, PrinterCallback, TrainerCallback, TrainingArguments
from transformers import Trainer as TheirTrainer

from worldgen.evaluate.runs.presets import PRESETS
from worldgen.lm.data import Batch, BatchPlan, Share, TokenShards, batches
from worldgen.lm.model import new_model, packed_loss
from worldgen.lm.settings import PretrainConfig
from worldgen.lm.tokenizer import load_tokenizer
from worldgen.lm.training.optimizer import new_optimizer
from worldgen.lm.training.prefetch import prefetched
from worldgen.lm.training.processes import Processes
from worldgen.lm.training.speed import flops_per_token, matmul_flops
from worldgen.lm.training.trainer import Execution, Trainer
from worldgen.storage.machine import peak_memory

WARM_UP = 10
AGREEMENT = {"cuda": 0.02, "cpu": 1e-3}  # relative, of the final loss


@dataclass(frozen=True)
class Task:
    """What every contender gets."""

    run: Path
    config: PretrainConfig
    device: str
    steps: int

    def model(self) -> MistralForCausalLM:
        return new_model(self.config, load_tokenizer(self.run / "tokens" / "tokenizer"), seed=0)

    def stream(self) -> Iterable[Batch]:
        shards = TokenShards(self.run / "tokens", load_tokenizer(self.run / "tokens" / "tokenizer").bos_token_id)
        return batches(shards, BatchPlan(0, self.config.row_tokens, self.config.rows_per_step), padded=True)

    def batches(self) -> list[Batch]:
        """Those to train on, and one more to be asked at the end."""
        return list(islice(self.stream(), self.steps + 1))


class Clock:
    """Seconds of the steps behind the warm-up; the device is waited for at both ends only."""

    def __init__(self, device: str) -> None:
        self._device, self._begun = device, 0.0

    def step(self, number: int) -> None:
        """Before step `number`, counted from zero."""
        if number == WARM_UP:
            self._begun = self._now()

    def seconds(self) -> float:
        return self._now() - self._begun

    def _now(self) -> float:
        if self._device == "cuda":
            torch.cuda.synchronize()
        return time.perf_counter()


def ours(task: Task, execution: Execution, clock: Clock) -> MistralForCausalLM:
    """The package's own step, with batches made ahead."""
    alone = Processes(Share(), torch.device(task.device, 0) if task.device == "cuda" else torch.device(task.device))
    trainer = Trainer(task.config, task.model().train(), alone, execution, lambda text: click.echo(text, err=True))
    with prefetched(iter(task.stream()), alone.device) as stream:
        for number in range(task.steps):
            clock.step(number)
            trainer.step(next(stream), task.config.learning_rate)
    return trainer.model


def plain_loop(task: Task, clock: Clock) -> MistralForCausalLM:
    """What one writes first: transformers' own loss, no compilation; bfloat16 autocast on a GPU as in the others."""
    model = task.model().train().to(torch.device(task.device))  # type: ignore[arg-type]
    optimizer = new_optimizer(model, task.config)
    for number, batch in enumerate(islice(task.stream(), task.steps)):
        clock.step(number)
        names = ("input_ids", "position_ids", "labels")
        inputs = {name: tensor.to(task.device) for name, tensor in zip(names, batch.tensors(), strict=True)}
        with torch.autocast(task.device, dtype=torch.bfloat16, enabled=task.device == "cuda"):
            loss = model(**inputs, use_cache=False).loss
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), task.config.gradient_clip)
        optimizer.step()
        optimizer.zero_grad()
    return model


class _Rows(IterableDataset):
    """The same rows, one by one, as Trainer's collator wants them."""

    def __init__(self, task: Task) -> None:
        self._task = task

    def __iter__(self) -> Any:
        for batch in self._task.stream():
            for ids, places, labels in zip(*batch.tensors(), strict=True):
                yield {"input_ids": ids, "position_ids": places, "labels": labels}


class _Ticks(TrainerCallback):
    def __init__(self, clock: Clock) -> None:
        self._clock = clock

    def on_step_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        self._clock.step(state.global_step)


def hugging_face(task: Task, clock: Clock, compiled: bool) -> MistralForCausalLM:
    """transformers' Trainer with its fused AdamW, and nothing saved, logged or evaluated on the way."""
    config, model = task.config, task.model()
    model.config.use_cache = False
    with tempfile.TemporaryDirectory() as folder:
        arguments = TrainingArguments(
            folder, per_device_train_batch_size=config.rows_per_step, max_steps=task.steps, optim="adamw_torch_fused",
            learning_rate=config.learning_rate, lr_scheduler_type="constant", weight_decay=config.weight_decay,
            adam_beta2=config.adam_beta2, max_grad_norm=config.gradient_clip, bf16=task.device == "cuda",
            use_cpu=task.device == "cpu", torch_compile=compiled, logging_strategy="no", save_strategy="no",
            report_to=[], disable_tqdm=True,
        )  # fmt: skip
        trainer = TheirTrainer(model=model, args=arguments, train_dataset=_Rows(task), callbacks=[_Ticks(clock)])
        trainer.remove_callback(PrinterCallback)  # stdout is for the results
        trainer.train()
    return model


def contenders(device: str) -> dict[str, Callable[[Task, Clock], MistralForCausalLM]]:
    """By name; compiled ones on a GPU only, where compilation pays."""
    found: dict[str, Callable[[Task, Clock], MistralForCausalLM]] = {
        "plain loop": plain_loop,
        "Hugging Face Trainer": lambda task, clock: hugging_face(task, clock, compiled=False),
        "ours": lambda task, clock: ours(task, Execution(), clock),
    }
    if device == "cuda":
        found |= {
            "Hugging Face Trainer, compiled": lambda task, clock: hugging_face(task, clock, compiled=True),
            "ours, not compiled": lambda task, clock: ours(task, Execution(compiled=False), clock),
            "ours, flex attention": lambda task, clock: ours(task, Execution(attention="flex_attention"), clock),
        }
    return found


def measure(name: str, task: Task) -> dict[str, Any]:
    """One contender's figures, or what it failed with; called in a process of its own."""
    clock = Clock(task.device)
    peak_flops = matmul_flops(torch.device(task.device))
    begun = time.perf_counter()
    try:
        model = contenders(task.device)[name](task, clock)
    except Exception as error:
        return {"name": name, "error": f"{type(error).__name__}: {error}"[:300]}
    seconds, whole = clock.seconds(), time.perf_counter() - begun
    peak = torch.cuda.max_memory_allocated() if task.device == "cuda" else peak_memory()
    *trained, asked = task.batches()
    rate = sum(batch.tokens for batch in trained[WARM_UP:]) / seconds
    model.set_attn_implementation("sdpa")
    with torch.no_grad():
        loss = packed_loss(model.eval().to(torch.device(task.device)), asked).item()  # type: ignore[arg-type]
    return {
        "name": name,
        "tokens_per_second": round(rate),
        "mfu": round(rate * flops_per_token(model) / peak_flops, 3),
        "matmul_flops": peak_flops,
        "peak_bytes": peak,
        "start_seconds": round(whole - seconds, 1),
        "final_loss": round(loss, 4),
    }


def check(results: list[dict[str, Any]], device: str) -> list[str]:
    """What is wrong with the results, in words."""
    wrong = [f"{result['name']} failed: {result['error']}" for result in results if "error" in result]
    done = [result for result in results if "error" not in result]
    for result in done[1:]:
        if abs(result["final_loss"] / done[0]["final_loss"] - 1) > AGREEMENT[device]:
            wrong.append(
                f"{result['name']} ends at {result['final_loss']}, {done[0]['name']} at {done[0]['final_loss']}"
            )
    return wrong


def as_table(results: list[dict[str, Any]]) -> str:
    """For people."""
    lines = [f"{'':32}{'tokens/s':>12}{'MFU':>8}{'peak memory':>14}{'start':>9}{'final loss':>12}"]
    for r in results:
        if "error" in r:
            lines.append(f"{r['name']:32}{r['error']}")
            continue
        memory, start = f"{r['peak_bytes'] / 2**30:.2f} GiB", f"{r['start_seconds']:.1f} s"
        lines.append(
            f"{r['name']:32}{r['tokens_per_second']:>12,}{r['mfu']:>8.1%}{memory:>14}{start:>9}{r['final_loss']:>12.4f}"
        )
    return "\n".join(lines)


@click.command()
@click.option("--device", type=click.Choice(["auto", "cpu", "cuda"]), default="auto", show_default=True)
@click.option("--steps", type=click.IntRange(min=WARM_UP + 1), help="Default: 200 on a GPU, 40 on a CPU.")
@click.option("--run", type=click.Path(path_type=Path), help="A run whose tokens to take; else one is built.")
@click.option("--only", multiple=True, help="Contenders by name (repeatable); default: all.")
@click.option("--json", "as_json", is_flag=True, help="JSON on stdout; the table goes to stderr.")
def main(device: str, steps: int | None, run: Path | None, only: tuple[str, ...], as_json: bool) -> None:
    """Measure all contenders; exit code 1 where one fails or the losses do not agree."""
    if device == "auto":
        device = "cuda" if torch.cuda.is_available() else "cpu"
    preset = "paper" if device == "cuda" else "tiny"
    with tempfile.TemporaryDirectory() as folder:
        if run is None:
            run = Path(folder) / "run"
            command = [sys.executable, "-m", "worldgen", "build", str(run), "--preset", preset, "--quiet"]
            subprocess.run([*command, "--set", "cases.cases=10"], check=True, stdout=subprocess.DEVNULL)
        task = Task(run, PRESETS[preset]().pretrain, device, steps or (200 if device == "cuda" else 40))
        names = [name for name in contenders(device) if not only or name in only]
        with ProcessPoolExecutor(1, mp_context=get_context("spawn"), max_tasks_per_child=1) as each_its_own:
            results = [each_its_own.submit(measure, name, task).result() for name in names]
    wrong = check(results, device)
    where = torch.cuda.get_device_name() if device == "cuda" else f"CPU, {torch.get_num_threads()} threads"
    click.echo(f"{where}, torch {torch.__version__}\n{as_table(results)}", err=as_json)
    if as_json:
        click.echo(
            json.dumps({"device": where, "torch": torch.__version__, "results": results, "wrong": wrong}, indent=1)
        )
    for line in wrong:
        click.echo(line, err=True)
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main()
