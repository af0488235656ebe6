"""The experiment on grids of digits: one stage of training on all groups, measured as it goes, and resumable.

An experiment that was killed goes on at its last checkpoint and ends with the same bytes on a CPU.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

import numpy as np
import pandas as pd
import torch
from transformers import ConvNextV2ForImageClassification

from worldgen.errors import UserError
from worldgen.evaluate.digit_grids.material import Material, QuestionSet
from worldgen.evaluate.digit_grids.network import Marks, answers_loss, marks, new_network
from worldgen.evaluate.digit_grids.settings import DigitGridsConfig
from worldgen.lm.training.checkpoint import (
    Position,
    latest_checkpoint,
    load_checkpoint,
    remove_partial,
    save_checkpoint,
)
from worldgen.storage.files import write_table, write_text

ACCURACY: Final = "accuracy.parquet"
SETTINGS: Final = "settings.json"


def run_digit_grids(
    config: DigitGridsConfig, seed: int, folder: Path, device: str = "cpu", say: Callable[[str], None] = print
) -> pd.DataFrame:
    """Trains a network, or goes on with it. Returns how it answered questions at each evaluation, group by group.

    The table is also written, as `accuracy.parquet`. Its columns: `step`; `group`; `asked`, whether the questions are
    about cells that training asks for; `accuracy` and `log_p` (see `Marks`); `rational_p`, the mean probability that a
    rational mind gives to the right answers; `loss`, the mean training loss since the evaluation before.

    Raises UserError if the folder holds an experiment with other settings, and as `Material.of` does.
    """
    material = Material.of(config, seed)
    _claim(folder, config, seed)
    network = new_network(config, seed).to(torch.device(device))  # type: ignore[arg-type]  # transformers wraps it
    optimizer = torch.optim.AdamW(network.parameters(), config.learning_rate, weight_decay=config.weight_decay)
    checkpoint, questions = latest_checkpoint(folder), material.questions()
    position = load_checkpoint(checkpoint, network, optimizer) if checkpoint else Position()
    while position.step < config.steps:
        row = {"step": position.step + 1, "loss": _take_step(network, optimizer, material, position.step)}
        position.step += 1
        last = position.step == config.steps
        if last or position.step % config.evaluate_every == 0:
            found = [_measure(network, its) for its in questions]
            row |= {f"{mark}/{i}": value for i, its in enumerate(found) for mark, value in its._asdict().items()}
            say(_line(position.step, questions, found))
        position.history.append(row)
        if last or position.step % config.checkpoint_steps == 0:
            save_checkpoint(folder, network, optimizer, position, keep=1)
    table = _tidy(position, questions)
    write_table(folder / ACCURACY, {name: table[name].to_numpy() for name in table})
    return table


def learning_rate(config: DigitGridsConfig, step: int) -> float:
    """Returns the learning rate of a step, counted from 0: linear warm-up, then half a cosine down to 0."""
    if step < config.warmup_steps:
        return config.learning_rate * (step + 1) / config.warmup_steps
    done = (step - config.warmup_steps) / max(1, config.steps - config.warmup_steps)
    return config.learning_rate * (1 + math.cos(math.pi * done)) / 2


def _claim(folder: Path, config: DigitGridsConfig, seed: int) -> None:
    """Notes what the folder is for, and removes what a killed process left half-written there."""
    said = json.dumps({"seed": seed, **config.model_dump(mode="json", exclude=set(config.work_fields))}, indent=1)
    noted = folder / SETTINGS
    if noted.exists() and noted.read_text(encoding="utf-8") != said:
        raise UserError(f"{folder} holds an experiment with other settings: choose another folder, or remove it")
    write_text(noted, said)
    remove_partial(folder)


def _take_step(
    network: ConvNextV2ForImageClassification, optimizer: torch.optim.Optimizer, material: Material, step: int
) -> float:
    """Takes one step of training; returns the loss before it."""
    network.train()
    for group in optimizer.param_groups:
        group["lr"] = learning_rate(material.config, step)
    images, answers = (tensor.to(network.device) for tensor in material.batch(step))
    loss = answers_loss(network, images, answers)
    optimizer.zero_grad(set_to_none=True)
    loss.backward()
    optimizer.step()
    return loss.item()


def _measure(network: ConvNextV2ForImageClassification, questions: QuestionSet) -> Marks:
    network.eval()
    return marks(network, questions.images.to(network.device), questions.cells, questions.answers)


def _line(step: int, questions: Sequence[QuestionSet], found: Sequence[Marks]) -> str:
    its = (f"{q.group}{' asked' if q.asked else ''} {m.accuracy:.2f}" for q, m in zip(questions, found, strict=True))
    return f"step {step}: {', '.join(its)}"


def _tidy(position: Position, questions: Sequence[QuestionSet]) -> pd.DataFrame:
    """Returns one row for each evaluation and each set of questions."""
    rows, losses = [], []
    for noted in position.history:
        losses.append(noted["loss"])
        if "accuracy/0" not in noted:
            continue
        for i, its in enumerate(questions):
            known = {"group": its.group, "asked": its.asked, "rational_p": its.rational_p, "loss": np.mean(losses)}
            rows.append({"step": int(noted["step"]), **known, **{m: noted[f"{m}/{i}"] for m in Marks._fields}})
        losses = []
    return pd.DataFrame(rows)
