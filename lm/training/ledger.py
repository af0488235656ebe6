"""The record of a training, step by step, and the test whether the training is going well."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import torch

from worldgen.errors import UserError
from worldgen.lm.training.checkpoint import Position
from worldgen.lm.training.processes import Processes
from worldgen.lm.training.progress_bar import ProgressBar

Report = Callable[[dict[str, float]], None]

LOSSES_HELD = 16  # steps whose losses stay on the device: fetching each would make an accelerator wait for the host
PATIENCE = 100  # so many steps in a row with a loss above the first one occur in no healthy training
ADVICE = "lower pretrain.learning_rate or raise pretrain.warmup_share (the last good checkpoint is kept)"


class Ledger:
    """The position of a training, advanced step by step. The latest losses are on the device until `settle`."""

    def __init__(self, position: Position, processes: Processes, bar: ProgressBar, report: Report | None) -> None:
        self.position, self._processes, self._bar, self._report = position, processes, bar, report
        self._rows: list[dict[str, float]] = []
        self._measured: list[torch.Tensor] = []

    def add(self, tokens: int, rate: float, measured: torch.Tensor) -> None:
        """Adds a step on `tokens` tokens at the learning rate `rate`; `measured` is what `Trainer.step` returned."""
        position = self.position
        position.step, position.tokens = position.step + 1, position.tokens + tokens
        self._rows.append({"step": position.step, "tokens": position.tokens, "learning_rate": rate})
        self._measured.append(measured)
        self._bar.advance(tokens)
        if len(self._rows) == LOSSES_HELD:
            self.settle()

    def settle(self) -> None:
        """Fetches the losses and moves their rows into the history.

        Raises UserError if a loss or a gradient's norm is not finite, or if training diverges: each of the last
        PATIENCE losses is above the first one, which is the loss of a model that has learned nothing.
        """
        if not self._rows:
            return
        measured = torch.stack(self._measured)
        measured[:, 0] = self._processes.summed(measured[:, 0].clone())
        history = self.position.history
        speed = self._bar.speed()
        for row, (loss, norm) in zip(self._rows, measured.tolist(), strict=True):
            if not (math.isfinite(loss) and math.isfinite(norm)):
                wrong = f"loss is {loss}" if not math.isfinite(loss) else f"gradient's norm is {norm}"
                raise UserError(f"the training {wrong} at step {row['step']}: {ADVICE}")
            history.append({**row, "loss": loss, "gradient_norm": norm})
            if self._report is not None:
                self._report(history[-1] | speed)
        self._bar.show(history[-1]["loss"], speed)
        self._rows, self._measured = [], []
        if self._worse_than_first(PATIENCE):
            raise UserError(
                f"the training diverges: for {PATIENCE} steps up to step {self.position.step} the loss was above "
                f"the first one, {history[0]['loss']:.3f}: {ADVICE}"
            )

    def add_marks(self, marks: dict[str, float]) -> None:
        """Adds the marks that the evaluation gave the model after the last step."""
        self.settle()
        self.position.history[-1].update(marks)
        if self._report is not None:
            last = self.position.history[-1]
            self._report({"step": last["step"], "tokens": last["tokens"], **marks})

    def is_sound(self) -> bool:
        """Returns whether the settled state is worth a checkpoint.

        It is not if each of the last LOSSES_HELD losses is above the first one: training may be diverging.
        """
        return not self._worse_than_first(LOSSES_HELD)

    def _worse_than_first(self, steps: int) -> bool:
        history: Sequence[dict[str, float]] = self.position.history
        return len(history) > steps and all(row["loss"] > history[0]["loss"] for row in history[-steps:])
