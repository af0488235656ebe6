"""The training loop: next-token loss, AdamW, a linear decay; resumable to the bit on a CPU.

Paper, appendix A.3. Everything is a function of (config, seed, tokens, what `evaluate` returns); the clock
only says when a checkpoint is written.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pyarrow as pa
import torch
from tqdm import tqdm
from transformers import MistralForCausalLM, PreTrainedTokenizerFast

from lm.allocator import keep_freed_memory
from lm.checkpoint import Position, latest_checkpoint, load_checkpoint, save_checkpoint, whole_folder
from lm.data import Batch, TokenShards, batches
from lm.model import new_model, packed_loss
from lm.tokenizer import save_tokenizer
from worldgen.errors import UserError
from worldgen.files import write_table
from worldgen.sections import PretrainConfig

Evaluate = Callable[[MistralForCausalLM], dict[str, float]]
Report = Callable[[dict[str, float]], None]

LOSSES_HELD = 16  # fetching each loss at once would make an accelerator wait for the host


def pretrain(
    config: PretrainConfig,
    seed: int,
    tokens_folder: Path,
    tokenizer: PreTrainedTokenizerFast,
    out: Path,
    device: str,
    *,
    evaluate: Evaluate | None = None,
    report: Report | None = None,
    quiet: bool = False,
) -> None:
    """Train on `config.tokens` tokens; write out/final (model and tokenizer) and out/training.parquet.

    Goes on from the latest checkpoint in `out` where there is one. `evaluate` is called, with the model in
    eval mode, at `config.evaluations` evenly spaced points, the last at the end; `report` with each row of the
    history once it is known. Raises UserError for unusable tokens or sizes and for a loss that is not finite.
    """
    if torch.device(device).type == "cpu":
        keep_freed_memory()
    shards = TokenShards(tokens_folder, tokenizer.bos_token_id)
    model = new_model(config, tokenizer, seed)
    model.to(torch.device(device))  # type: ignore[arg-type]  # transformers wraps the method
    optimizer = new_optimizer(model, config)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        checkpoint = latest_checkpoint(out)
        position = load_checkpoint(checkpoint, model, optimizer) if checkpoint else Position()
        stream = batches(shards, seed, config.row_tokens, config.rows_per_step, start=position.step)
        saved = time.monotonic()
        with _bar(config, position, quiet) as bar:
            ledger = Ledger(position, report, bar)
            for _ in _steps(config, model, optimizer, stream, ledger, evaluate):
                if time.monotonic() - saved > 60 * config.checkpoint_minutes:
                    ledger.settle()
                    save_checkpoint(out, model, optimizer, position, config.checkpoints_kept)
                    saved = time.monotonic()
    _write_history(position, out / "training.parquet")
    with whole_folder(out / "final") as folder:
        model.save_pretrained(folder)
        save_tokenizer(tokenizer, folder)


def new_optimizer(model: MistralForCausalLM, config: PretrainConfig) -> torch.optim.AdamW:
    """AdamW, fused; the weight decay is for the matrices, not for the gains of the norms."""
    matrices = [parameter for parameter in model.parameters() if parameter.ndim > 1]
    gains = [parameter for parameter in model.parameters() if parameter.ndim == 1]
    groups = [
        {"params": matrices, "weight_decay": config.weight_decay},
        {"params": gains, "weight_decay": 0.0},
    ]
    return torch.optim.AdamW(groups, lr=config.learning_rate, betas=(0.9, config.adam_beta2), fused=True)


def learning_rate(config: PretrainConfig, tokens: int) -> float:
    """The rate of the step that ends at `tokens`: up over the warm-up, then down to the final share."""
    done = min(tokens / config.tokens, 1.0)
    if done < config.warmup_share:
        return config.learning_rate * done / config.warmup_share
    left = (1.0 - done) / (1.0 - config.warmup_share)
    return config.learning_rate * (config.final_learning_rate_share + (1.0 - config.final_learning_rate_share) * left)


def training_step(
    model: MistralForCausalLM, optimizer: torch.optim.Optimizer, batch: Batch, rate: float, clip: float
) -> torch.Tensor:
    """One step of the optimizer, on CUDA in bfloat16 autocast; returns the loss before it, on the device."""
    for group in optimizer.param_groups:
        group["lr"] = rate
    device = model.lm_head.weight.device.type
    with torch.autocast(device, dtype=torch.bfloat16, enabled=device == "cuda"):
        loss = packed_loss(model, batch)
    loss.backward()
    torch.nn.utils.clip_grad_norm_(model.parameters(), clip)
    optimizer.step()
    optimizer.zero_grad(set_to_none=True)
    return loss.detach()


class Ledger:
    """Where training is, brought along step by step; the latest losses are still on the device."""

    def __init__(self, position: Position, report: Report | None, bar: tqdm) -> None:
        self.position, self._report, self._bar = position, report, bar
        self._rows: list[dict[str, float]] = []
        self._losses: list[torch.Tensor] = []

    def add(self, tokens: int, rate: float, loss: torch.Tensor) -> None:
        """Note the step that has just been taken, on so many tokens."""
        position = self.position
        position.step, position.tokens = position.step + 1, position.tokens + tokens
        self._rows.append({"step": position.step, "tokens": position.tokens, "learning_rate": rate})
        self._losses.append(loss)
        self._bar.update(tokens)
        if len(self._rows) == LOSSES_HELD:
            self.settle()

    def settle(self) -> None:
        """Fetch the losses and move their rows into the history. Raises UserError where one is not finite."""
        losses = torch.stack(self._losses).tolist() if self._losses else []
        for row, loss in zip(self._rows, losses, strict=True):
            if not math.isfinite(loss):
                raise UserError(
                    f"the training loss is {loss} at step {row['step']}: lower pretrain.learning_rate "
                    "or raise pretrain.warmup_share (the last checkpoint before it is kept)"
                )
            self.position.history.append({**row, "loss": loss})
            self._bar.set_postfix(loss=f"{loss:.3f}", refresh=False)
            if self._report is not None:
                self._report(self.position.history[-1])
        self._rows, self._losses = [], []


def _steps(
    config: PretrainConfig,
    model: MistralForCausalLM,
    optimizer: torch.optim.Optimizer,
    stream: Iterator[Batch],
    ledger: Ledger,
    evaluate: Evaluate | None,
) -> Iterator[None]:
    """Take steps, and evaluate where it is due, until `config.tokens` tokens have been seen."""
    model.train()
    while (before := ledger.position.tokens) < config.tokens:
        batch = next(stream)
        rate = learning_rate(config, before + batch.tokens)
        loss = training_step(model, optimizer, batch, rate, config.gradient_clip)
        ledger.add(batch.tokens, rate, loss)
        if evaluate is not None and _crosses(config, before, ledger.position.tokens):
            ledger.settle()
            ledger.position.history[-1].update(_evaluated(model, evaluate))
        yield
    ledger.settle()


def _crosses(config: PretrainConfig, before: int, after: int) -> bool:
    """Whether one of the evenly spaced points of evaluation lies in (before, after], in tokens."""
    reached = [min(tokens, config.tokens) * config.evaluations // config.tokens for tokens in (before, after)]
    return reached[0] < reached[1]


def _evaluated(model: MistralForCausalLM, evaluate: Evaluate) -> dict[str, float]:
    model.eval()
    with torch.no_grad():
        scores = evaluate(model)
    model.train()
    return scores


def _bar(config: PretrainConfig, position: Position, quiet: bool) -> tqdm:
    return tqdm(total=config.tokens, initial=position.tokens, unit="token", unit_scale=True, disable=quiet)


def _write_history(position: Position, path: Path) -> None:
    """One row a step; a column that only the evaluated steps have is null elsewhere."""
    columns = list(dict.fromkeys(name for row in position.history for name in row))
    table = pa.table({name: [row.get(name) for row in position.history] for name in columns})
    write_table(path, table)
