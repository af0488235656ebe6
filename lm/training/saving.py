"""Saving while a training goes on: checkpoints and the history, by steps and by the clock."""

from __future__ import annotations

import time
from enum import IntEnum
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


class _Due(IntEnum):
    """The action that is due after a step; a whole number, because it travels between processes."""

    NOTHING = 0
    SAVE = 1
    STOP = 2


class Saver:
    """Writes a checkpoint and the history when they are due, and stops the training when its time is over."""

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
        """Does what is due after a step. Raises Paused when `max_minutes` are over."""
        due = self._processes.value_of_first(self._due())
        if due == _Due.NOTHING:
            return
        self._ledger.settle()
        position = self._ledger.position
        if self._ledger.is_sound():
            self._save(position)
        if due == _Due.STOP:
            share = position.tokens / self._config.tokens
            raise Paused(
                f"stopped after {self._minutes:g} minutes at {share:.1%} of the tokens: the same command goes on"
            )

    def _due(self) -> _Due:
        now, every = time.monotonic(), self._config.checkpoint_steps
        if self._minutes is not None and now - self._started > 60 * self._minutes:
            return _Due.STOP
        by_step = every > 0 and self._ledger.position.step % every == 0
        return _Due.SAVE if by_step or now - self._saved > 60 * self._config.checkpoint_minutes else _Due.NOTHING

    def _save(self, position: Position) -> None:
        writes = self._processes.is_first
        if writes:
            write_history(position, self._out / HISTORY)
        keep = self._config.checkpoints_kept
        save_checkpoint(self._out, self._trainer.model, self._trainer.optimizer, position, keep, writes)
        self._saved = time.monotonic()


def write_history(position: Position, path: Path) -> None:
    """Writes one row a step. A column that only the evaluated steps have is null in the other rows."""
    columns = list(dict.fromkeys(name for row in position.history for name in row))
    table = pa.table({name: [row.get(name) for row in position.history] for name in columns})
    write_table(path, table)
