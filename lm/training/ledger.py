"""What training has come to so far, step by step, and whether it is going well."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from typing import Any

import torch
from tqdm import tqdm
from transformers import MistralForCausalLM

from worldgen.errors import UserError
from worldgen.lm.training.checkpoint import Position
from worldgen.lm.training.processes import Processes
from worldgen.lm.training.speed import flops_per_token, matmul_flops

Report = Callable[[dict[str, float]], None]

LOSSES_HELD = 16  # fetching each loss at once would make an accelerator wait for the host
PATIENCE = 100  # steps in a row that are worse than the first one: what no healthy training has
ADVICE = "lower pretrain.learning_rate or raise pretrain.warmup_share (the last good checkpoint is kept)"


class Ledger:
    """Where training is, brought along step by step; the latest losses are still on the device."""

    def __init__(self, position: Position, processes: Processes, bar: Bar, report: Report | None) -> None:
        self.position, self._processes, self._bar, self._report = position, processes, bar, report
        self._rows: list[dict[str, float]] = []
        self._measured: list[torch.Tensor] = []

    def add(self, tokens: int, rate: float, measured: torch.Tensor) -> None:
        """Note the step that has just been taken, on so many tokens; `measured` is what `Trainer.step` returned."""
        position = self.position
        position.step, position.tokens = position.step + 1, position.tokens + tokens
        self._rows.append({"step": position.step, "tokens": position.tokens, "learning_rate": rate})
        self._measured.append(measured)
        self._bar.advance(tokens)
        if len(self._rows) == LOSSES_HELD:
            self.settle()

    def settle(self) -> None:
        """Fetch the losses and move their rows into the history.

        Raises UserError where one is not finite, or where training diverges: each of the last PATIENCE losses is
        above the first one, that of a model that had learned nothing.
        """
        if not self._rows:
            return
        measured = torch.stack(self._measured)
        measured[:, 0] = self._processes.summed(measured[:, 0].clone())
        history = self.position.history
        speed = self._bar.speed()
        for row, (loss, norm) in zip(self._rows, measured.tolist(), strict=True):
            if not (math.isfinite(loss) and math.isfinite(norm)):
                what = f"loss is {loss}" if not math.isfinite(loss) else f"gradient's norm is {norm}"
                raise UserError(f"the training {what} at step {row['step']}: {ADVICE}")
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

    def mark(self, marks: dict[str, float]) -> None:
        """Note what the evaluation said of the model after the last step."""
        self.settle()
        self.position.history[-1].update(marks)
        if self._report is not None:
            last = self.position.history[-1]
            self._report({"step": last["step"], "tokens": last["tokens"], **marks})

    def is_sound(self) -> bool:
        """Whether the settled state is worth a checkpoint: not one that the next `settle` may call diverging."""
        return not self._worse_than_first(LOSSES_HELD)

    def _worse_than_first(self, steps: int) -> bool:
        history: Sequence[dict[str, float]] = self.position.history
        return len(history) > steps and all(row["loss"] > history[0]["loss"] for row in history[-steps:])


class Bar:
    """The progress bar: tokens a second, share of the device's speed (MFU), loss, time left.

    MFU = 6 N r / f: N the parameters that multiply (all but the embedding), r tokens a second, f operations a second
    of a plain matrix product, measured on this device at the start rather than looked up in a table of products.
    """

    def __init__(self, total: int, done: int, model: MistralForCausalLM, device: torch.device, quiet: bool) -> None:
        self._tqdm: Any = tqdm(total=total, initial=done, unit="token", unit_scale=True, disable=quiet)
        self._flops_per_token, self._device_flops = flops_per_token(model), matmul_flops(device)
        self._tokens, self._since = 0, time.monotonic()

    def advance(self, tokens: int) -> None:
        """So many tokens more."""
        self._tokens += tokens
        self._tqdm.update(tokens)

    def speed(self) -> dict[str, float]:
        """Tokens a second since this was last asked, and their MFU."""
        now = time.monotonic()
        rate = self._tokens / max(now - self._since, 1e-9)
        self._tokens, self._since = 0, now
        return {"tokens_per_second": rate, "mfu": rate * self._flops_per_token / self._device_flops}

    def show(self, loss: float, speed: dict[str, float]) -> None:
        """Beside the bar: the latest loss and the MFU."""
        self._tqdm.set_postfix(loss=f"{loss:.3f}", mfu=f"{speed['mfu']:.0%}", refresh=False)

    def close(self) -> None:
        """Leave the terminal as it is."""
        self._tqdm.close()
