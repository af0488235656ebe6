"""How fast set inclusion is trained: ours, and Hugging Face's Trainer on the same model, sequences and batches.

    python benchmarks/iml.py                # on a GPU the paper's size, on a CPU the sizes of `iml-tiny`
    python benchmarks/iml.py --steps 20 --json

Trainer gets each batch padded to its longest sequence, with a mask and without loss on padding; and, as the published
code, padded to blocks of 16. All start from the same weights and take the same batches in the same order. On a CPU the
clock is that of the processor, which other programs do not change; on a GPU it is the wall's. The check: all end with
the same loss on the same sequences. The floor is what the matrix products of these tokens alone would take, at the
speed of a plain matrix product by the same clock.
"""

from __future__ import annotations

import json
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import click
import numpy as np
import torch
from transformers import PreTrainedModel, PrinterCallback, TrainerCallback, TrainingArguments
from transformers import Trainer as TheirTrainer

from worldgen.evaluate.internalizing.inclusion_data import inclusion_data
from worldgen.evaluate.internalizing.settings import InternalizeConfig, SetInclusionConfig
from worldgen.evaluate.internalizing.subsets import TABLE_3
from worldgen.evaluate.runs.presets import PRESETS
from worldgen.lm.data import IGNORED, epoch_order
from worldgen.lm.staged.attention import BY_LENGTH
from worldgen.lm.staged.models import Shape, new_neox
from worldgen.lm.staged.optimizers import new_optimizer
from worldgen.lm.staged.passes import predict
from worldgen.lm.staged.sequences import Row, Sequences
from worldgen.lm.staged.training import take_step
from worldgen.lm.training.speed import matmul_flops

WARM_UP = 5
BLOCK = 16
PLAIN, REPEATS = 1024, 5
"""The size of the plain matrix product on a CPU, and how often it is timed; the fastest counts."""
AGREEMENT = {"cuda": 0.02, "cpu": 1e-3}  # relative, of the loss at the end


@dataclass(frozen=True)
class Task:
    """What every contender gets."""

    config: InternalizeConfig
    sizes: SetInclusionConfig
    device: str
    steps: int
    sequences: Sequences
    """Those of stage 1."""
    vocabulary: int

    def model(self) -> PreTrainedModel:
        sizes = self.sizes
        shape = Shape(sizes.hidden, sizes.intermediate, sizes.layers, sizes.heads)
        model = new_neox(shape, self.vocabulary, BLOCK, seed=0)
        return model.to(torch.device(self.device))  # type: ignore[arg-type]

    def batches(self) -> Iterator[Sequences]:
        """Those of as many steps, in the order of the first epochs."""
        size, left, epoch = self.config.batch, self.steps, 0
        while left:
            order = epoch_order(len(self.sequences), 0, epoch)
            for first in range(0, len(order) - size + 1, size)[:left]:
                yield self.sequences.where(order[first : first + size])
                left -= 1
            epoch += 1

    def tokens_timed(self) -> int:
        """How many tokens the steps behind the warm-up have, padding not counted."""
        return sum(len(batch.tokens) for number, batch in enumerate(self.batches()) if number >= WARM_UP)


class Clock:
    """Seconds of the steps behind the warm-up: the processor's on a CPU, the wall's on a GPU."""

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
        return time.process_time()


def ours(task: Task, clock: Clock) -> PreTrainedModel:
    """The package's own steps."""
    model = task.model().train()
    model.set_attn_implementation(BY_LENGTH)
    optimizer = new_optimizer(task.config.optimizer, model, task.config.weight_decay)
    for number, batch in enumerate(task.batches()):
        clock.step(number)
        row = Row.of(batch, task.device)
        take_step(model, optimizer, row, task.config.learning_rate, task.config.gradient_clip)
    return model


class _Ordered(torch.utils.data.IterableDataset):
    """The sequences one by one, in the order of the batches."""

    def __init__(self, task: Task) -> None:
        self._task = task

    def __iter__(self) -> Iterator[np.ndarray]:
        for batch in self._task.batches():
            yield from np.split(batch.tokens, batch.start[1:-1])


def padded(rows: list[np.ndarray], block: int) -> dict[str, torch.Tensor]:
    """Returns the inputs of a padded batch: the longest sequence's length, rounded up to whole blocks."""
    width = -(-max(map(len, rows)) // block) * block
    ids, labels = np.zeros((len(rows), width), np.int64), np.full((len(rows), width), IGNORED)
    seen = np.zeros((len(rows), width), np.int64)
    for number, row in enumerate(rows):
        ids[number, : len(row)] = labels[number, : len(row)] = row
        seen[number, : len(row)] = 1
    return {
        name: torch.from_numpy(array)
        for name, array in (("input_ids", ids), ("attention_mask", seen), ("labels", labels))
    }


class _Ticks(TrainerCallback):
    def __init__(self, clock: Clock) -> None:
        self._clock = clock

    def on_step_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        self._clock.step(state.global_step)


def hugging_face(task: Task, clock: Clock, block: int) -> PreTrainedModel:
    """transformers' Trainer with the same optimizer, and nothing saved, logged or evaluated on the way."""
    config, model = task.config, task.model()
    model.config.use_cache = False
    with tempfile.TemporaryDirectory() as folder:
        arguments = TrainingArguments(
            folder, per_device_train_batch_size=config.batch, max_steps=task.steps, learning_rate=config.learning_rate,
            optim="adafactor" if config.optimizer == "adafactor" else "adamw_torch_fused",
            lr_scheduler_type="constant", weight_decay=config.weight_decay, max_grad_norm=config.gradient_clip,
            bf16=task.device == "cuda", use_cpu=task.device == "cpu", logging_strategy="no", save_strategy="no",
            report_to=[], disable_tqdm=True, dataloader_pin_memory=False,
        )  # fmt: skip
        trainer = TheirTrainer(
            model=model, args=arguments, train_dataset=_Ordered(task), callbacks=[_Ticks(clock)],
            data_collator=lambda rows: padded(rows, block),
        )  # fmt: skip
        trainer.remove_callback(PrinterCallback)  # stdout is for the results
        trainer.train()
    return model


CONTENDERS: dict[str, Callable[[Task, Clock], PreTrainedModel]] = {
    "ours": ours,
    "Trainer": lambda task, clock: hugging_face(task, clock, 1),
    f"Trainer, blocks of {BLOCK}": lambda task, clock: hugging_face(task, clock, BLOCK),
}


def measure(name: str, task: Task) -> dict[str, Any]:
    """One contender's figures."""
    clock = Clock(task.device)
    model = CONTENDERS[name](task, clock)
    seconds = clock.seconds()
    model.eval().set_attn_implementation(BY_LENGTH)
    asked = task.sequences.where(np.arange(min(1000, len(task.sequences))))
    targets = (np.diff(asked.start) - asked.first_target).sum()
    loss = -predict(model, asked).log_p.sum() / targets
    return {
        "name": name,
        "seconds": round(seconds, 3),
        "tokens_per_second": round(task.tokens_timed() / seconds),
        "final_loss": round(float(loss), 4),
    }


def floor(task: Task) -> float:
    """Returns the seconds that the matrix products of the timed tokens take, 6 operations a parameter and token."""
    model = task.model()
    multiplying = sum(parameter.numel() for parameter in model.parameters() if parameter.ndim > 1)
    multiplying -= model.get_input_embeddings().weight.numel()
    operations = 6 * multiplying * task.tokens_timed()
    if task.device == "cuda":
        return operations / matmul_flops(torch.device(task.device))
    a, b = torch.randn(2, PLAIN, PLAIN)
    seconds = []
    for _ in range(REPEATS):
        begun = time.process_time()
        a @ b
        seconds.append(time.process_time() - begun)
    return operations * min(seconds) / (2 * PLAIN**3)


def check(results: list[dict[str, Any]], device: str) -> list[str]:
    """Returns what is wrong with the results, in words."""
    first, *others = results
    return [
        f"{result['name']} ends at {result['final_loss']}, {first['name']} at {first['final_loss']}"
        for result in others
        if abs(result["final_loss"] / first["final_loss"] - 1) > AGREEMENT[device]
    ]


def task_of(preset: str, device: str, steps: int) -> Task:
    """Returns the task at a preset's sizes."""
    config = PRESETS[preset]()
    data = inclusion_data(config.internalize, config.set_inclusion, TABLE_3, seed=0)
    sequences = data.stages[0].sequences
    return Task(config.internalize, config.set_inclusion, device, steps, sequences, len(data.vocabulary))


@click.command()
@click.option("--device", type=click.Choice(["auto", "cpu", "cuda"]), default="auto", show_default=True)
@click.option("--preset", type=click.Choice(["iml", "iml-tiny"]), help="Default: iml on a GPU, iml-tiny on a CPU.")
@click.option("--steps", type=click.IntRange(min=WARM_UP + 1), help="Default: 200 on a GPU, 30 on a CPU.")
@click.option("--json", "as_json", is_flag=True, help="JSON on stdout; the table goes to stderr.")
def main(device: str, preset: str | None, steps: int | None, as_json: bool) -> None:
    """Measure all contenders; exit code 1 where the losses do not agree."""
    if device == "auto":
        device = "cuda" if torch.cuda.is_available() else "cpu"
    on_gpu = device == "cuda"
    task = task_of(preset or ("iml" if on_gpu else "iml-tiny"), device, steps or (200 if on_gpu else 30))
    results = [measure(name, task) for name in CONTENDERS]
    wrong, least = check(results, device), floor(task)
    where = torch.cuda.get_device_name() if on_gpu else f"CPU, {torch.get_num_threads()} threads, processor seconds"
    lines = [
        f"{where}, torch {torch.__version__}",
        f"{'':24}{'seconds':>9}{'tokens/s':>12}{'of ours':>9}{'final loss':>12}",
    ]
    for r in results:
        ratio = r["seconds"] / results[0]["seconds"]
        lines.append(
            f"{r['name']:24}{r['seconds']:>9.2f}{r['tokens_per_second']:>12,}{ratio:>9.2f}{r['final_loss']:>12.4f}"
        )
    lines.append(f"{'floor: matrix products':24}{least:>9.2f}")
    click.echo("\n".join(lines), err=as_json)
    if as_json:
        told = {
            "device": where,
            "torch": torch.__version__,
            "results": results,
            "floor": round(least, 3),
            "wrong": wrong,
        }
        click.echo(json.dumps(told, indent=1))
    for line in wrong:
        click.echo(line, err=True)
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main()
