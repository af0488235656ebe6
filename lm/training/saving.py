"""What is kept of a training while it goes on: checkpoints and the log, by step and by the clock."""

from __future__ import annotations

import time
from pathlib import Path

import pyarrow as pa

from worldgen.errors import Paused
from worldgen.lm.settings import PretrainConfig
from worldgen.lm.training.checkpoint import Position, remove_partial, save_checkpoint
from worldgen.lm.training.ledger import Ledger
from worldgen.lm.training.processes import Processes
from worldgen.lm.training.trainer import Execution, Trainer
from worldgen.storage.files import write_table

HISTORY = "training.parquet"
_ON, _SAVE, _STOP = range(3)


class Keeper:
    """Writes a checkpoint, and the log with it, when one is due, and stops when the time is over."""

    def __init__(
        self,
        config: PretrainConfig,
        execution: Execution,
        trainer: Trainer,
        ledger: Ledger,
        processes: Processes,
        out: Path,
    ) -> None:
        self._config, self._trainer, self._ledger, self._processes = config, trainer, ledger, processes
        self._out, self._minutes = out, execution.max_minutes
        self._started = self._saved = time.monotonic()
        if processes.is_first:
            remove_partial(out)

    def after_step(self) -> None:
        """Do what is due behind a step. Raises Paused when `max_minutes` are over."""
        due = self._processes.first_says(self._due())
        if due == _ON:
            return
        self._ledger.settle()
        position = self._ledger.position
        if self._ledger.is_sound():
            self._save(position)
        if due == _STOP:
            share = position.tokens / self._config.tokens
            raise Paused(
                f"stopped after {self._minutes:g} minutes at {share:.1%} of the tokens: the same command goes on"
            )

    def _due(self) -> int:
        now, every = time.monotonic(), self._config.checkpoint_steps
        if self._minutes is not None and now - self._started > 60 * self._minutes:
            return _STOP
        by_step = every > 0 and self._ledger.position.step % every == 0
        return _SAVE if by_step or now - self._saved > 60 * self._config.checkpoint_minutes else _ON

    def _save(self, position: Position) -> None:
        writes = self._processes.is_first
        if writes:
            write_history(position, self._out / HISTORY)
        keep = self._config.checkpoints_kept
        save_checkpoint(self._out, self._trainer.model, self._trainer.optimizer, position, keep, writes)
        self._saved = time.monotonic()


def write_history(position: Position, path: Path) -> None:
    """One row a step; a column that only the evaluated steps have is null elsewhere."""
    columns = list(dict.fromkeys(name for row in position.history for name in row))
    table = pa.table({name: [row.get(name) for row in position.history] for name in columns})
    write_table(path, table)
