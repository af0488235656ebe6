"""The training as TensorBoard scalars, where the package is installed."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from worldgen.errors import UserError

_NOT_DRAWN = ("step", "tokens", "truth_probabilities")


class Scalars:
    """A TensorBoard writer: every number of the history, and the speed, against the tokens seen.

    A resumed training overwrites the steps that it repeats.
    """

    def __init__(self, folder: Path) -> None:
        """Raises UserError where the package is not installed."""
        try:
            from torch.utils.tensorboard import SummaryWriter
        except ImportError:
            raise UserError("--tensorboard needs a package: pip install 'worldgen[tensorboard]'") from None
        self._folder, self._new_writer = folder, SummaryWriter
        self._writer: Any = None

    def add(self, row: Mapping[str, Any]) -> None:
        """Adds the numbers of one row, but for the counts and for the list of probabilities."""
        tokens = int(row["tokens"])
        if self._writer is None:
            self._writer = self._new_writer(str(self._folder), purge_step=tokens)
        for name, value in row.items():
            if name not in _NOT_DRAWN:
                self._writer.add_scalar(name, value, tokens)

    def close(self) -> None:
        """Writes the numbers that are still buffered."""
        if self._writer is not None:
            self._writer.close()
