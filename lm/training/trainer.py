"""One step of training: gradients from the step's rows, a few rows at a time; clipping; the optimizer's step.

The rows are shared among processes and cut into micro-batches. The gradient is always that of the mean loss over ALL
predicted tokens of the step, not a mean of means.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import nn
from torch.distributed.tensor import DTensor
from transformers import MistralForCausalLM

from worldgen.errors import UserError
from worldgen.lm.data import Batch
from worldgen.lm.model import summed_loss
from worldgen.lm.out_of_memory import work_that_fits
from worldgen.lm.settings import PretrainConfig
from worldgen.lm.training.optimizer import new_optimizer
from worldgen.lm.training.processes import Processes, replicated, shard_weights, without_averaging


@dataclass(frozen=True)
class Execution:
    """How training is carried out on this machine.

    None of it is part of a run's config, because it changes the result by rounding only.
    """

    device: str = "cpu"
    compiled: bool | None = None
    """Whether torch.compile is used; by default on a GPU only."""
    attention: str = "sdpa"
    """transformers' `attn_implementation`."""
    sharded: bool = False
    """Whether FSDP2 spreads the weights over the processes, instead of DDP, which copies them."""
    micro_rows: int | None = None
    """Most rows that a process works on at a time; by default all. Halved when memory runs out."""
    max_minutes: float | None = None
    """After so many minutes training stops with a checkpoint."""


class _Loss(nn.Module):
    """`summed_loss` as a module, which DDP and torch.compile need; under bfloat16 autocast on a GPU."""

    def __init__(self, model: MistralForCausalLM) -> None:
        super().__init__()
        self.model = model

    def forward(self, input_ids: torch.Tensor, position_ids: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        device = input_ids.device.type
        with torch.autocast(device, dtype=torch.bfloat16, enabled=device == "cuda"):
            return summed_loss(self.model, input_ids, position_ids, labels)


class Trainer:
    """A model and its optimizer on this process's device.

    `model` is the model itself, neither compiled nor wrapped, to be saved and asked.
    """

    def __init__(
        self,
        config: PretrainConfig,
        model: MistralForCausalLM,
        processes: Processes,
        execution: Execution,
        say: Callable[[str], None],
    ) -> None:
        self.model = model
        self._clip, self._processes, self._say = config.gradient_clip, processes, say
        self._rows = execution.micro_rows or config.rows_per_step
        if execution.attention == "flex_attention" and processes.device.type == "cpu":
            raise UserError("flex_attention cannot be trained on a CPU: leave --attention out")
        if execution.sharded and processes.share.of == 1:
            raise UserError(
                "--sharded needs several processes: torchrun --nproc-per-node N -m worldgen pretrain RUN --sharded"
            )
        model.set_attn_implementation(execution.attention)
        model.to(processes.device)  # type: ignore[arg-type]  # transformers wraps the method
        if execution.sharded:
            shard_weights(model, processes)
        self.optimizer = new_optimizer(model, config)
        # `_module` may be DDP's, whose `no_sync` is needed; `_loss`, which is called, may be its compiled form.
        self._module = _Loss(model) if execution.sharded else replicated(_Loss(model), processes)
        compiled = processes.device.type == "cuda" if execution.compiled is None else execution.compiled
        self._loss = torch.compile(self._module, dynamic=False) if compiled else self._module

    def step(self, batch: Batch, rate: float) -> torch.Tensor:
        """Takes a step at the learning rate `rate`. Returns [2], on the device.

        The first number is this process's part of the mean loss before the step, the second the norm of the gradients
        before clipping. Raises UserError if memory does not hold a single row, or if it runs out in one of several
        processes.
        """
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        loss = self._accumulated(batch)
        norm = torch.nn.utils.clip_grad_norm_(self.model.parameters(), self._clip)
        self.optimizer.step()
        self.optimizer.zero_grad(set_to_none=True)
        return torch.stack([loss, norm.full_tensor() if isinstance(norm, DTensor) else norm])

    def _accumulated(self, batch: Batch) -> torch.Tensor:
        """Goes backward over all rows; if memory runs out, again from the start with half as many rows at a time."""
        before = self._rows
        try:
            loss, self._rows = work_that_fits(lambda rows: self._backward(batch, rows), before, self._halved)
        except torch.OutOfMemoryError:
            told = "out of memory with a single row: lower pretrain.row_tokens, or take a smaller model"
            raise UserError(told) from None
        if self._rows < before:
            self._say(f"{self._rows} rows at a time fit in memory (--micro-rows {self._rows})")
        return loss

    def _backward(self, batch: Batch, rows: int) -> torch.Tensor:
        """Adds the batch's gradients, `rows` rows at a time. Returns this process's part of the mean loss."""
        pieces = list(zip(*(tensor.split(rows) for tensor in batch.tensors()), strict=True))
        total = torch.zeros((), device=self._processes.device)
        for number, piece in enumerate(pieces, start=1):
            with without_averaging(self._module, number < len(pieces)):
                here = (tensor.to(self._processes.device, non_blocking=True) for tensor in piece)
                loss = self._loss(*here) / batch.predicted
                # DDP and FSDP2 take the mean of the processes' gradients; their sum is wanted.
                (loss * self._processes.share.of).backward()
            total += loss.detach()
        return total

    def _halved(self, rows: int) -> int:
        """Clears the gradients; returns half of `rows`, rounded up. Raises UserError if there are other processes."""
        if self._processes.share.of > 1:
            # The others have finished this step's exchange or wait in it: only a new start brings them together.
            raise UserError(
                f"out of memory with {rows} rows at a time: start again with --micro-rows {rows // 2}, "
                "training goes on from the last checkpoint"
            )
        half = -(-rows // 2)
        self.optimizer.zero_grad(set_to_none=True)
        self._say(f"out of memory with {rows} rows at a time: trying {half}")
        return half
