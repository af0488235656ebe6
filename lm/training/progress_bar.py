"""The progress bar of a training, which shows its speed too."""

from __future__ import annotations

import time

import torch
from tqdm import tqdm
from transformers import MistralForCausalLM

from worldgen.lm.training.speed import flops_per_token, matmul_flops


class ProgressBar:
    """A bar with tokens a second, the share of the device's speed (MFU), the loss and the time left.

    MFU = 6 N r / f: N is the number of parameters that multiply (all but the embedding), r tokens a second, f
    operations a second of a plain matrix product. f is measured on this device at the start rather than looked up in
    a table of products.
    """

    def __init__(self, total: int, done: int, model: MistralForCausalLM, device: torch.device, quiet: bool) -> None:
        self._tqdm = tqdm(total=total, initial=done, unit="token", unit_scale=True, disable=quiet)
        self._flops_per_token, self._device_flops = flops_per_token(model), matmul_flops(device)
        self._tokens, self._since = 0, time.monotonic()

    def advance(self, tokens: int) -> None:
        """Moves the bar on by so many tokens."""
        self._tokens += tokens
        self._tqdm.update(tokens)

    def speed(self) -> dict[str, float]:
        """Returns tokens a second since the last call of this method, and their MFU."""
        now = time.monotonic()
        rate = self._tokens / max(now - self._since, 1e-9)
        self._tokens, self._since = 0, now
        return {"tokens_per_second": rate, "mfu": rate * self._flops_per_token / self._device_flops}

    def show(self, loss: float, speed: dict[str, float]) -> None:
        """Shows the latest loss and the MFU beside the bar."""
        self._tqdm.set_postfix(loss=f"{loss:.3f}", mfu=f"{speed['mfu']:.0%}", refresh=False)

    def close(self) -> None:
        """Closes the bar and leaves the terminal in order."""
        self._tqdm.close()
