"""The training loop: next-token loss, AdamW, a linearly falling learning rate (paper, appendix A.3).

The result is a function of (config, seed, corpus, what `evaluate` returns); the clock decides only when a checkpoint
is written. On a CPU an interrupted training goes on to the bit. One process and several run the same code
(`worldgen.lm.training.processes`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import torch
from tqdm import tqdm
from transformers import MistralForCausalLM, PreTrainedTokenizerFast

from worldgen.errors import UserError
from worldgen.lm.allocator import keep_freed_memory
from worldgen.lm.data import Batch, BatchPlan, TokenShards, batches
from worldgen.lm.model import new_model
from worldgen.lm.settings import PretrainConfig
from worldgen.lm.tokenizer import save_tokenizer
from worldgen.lm.training.checkpoint import Position, latest_checkpoint, load_checkpoint, whole_folder, whole_tensors
from worldgen.lm.training.ledger import Ledger, Report
from worldgen.lm.training.optimizer import learning_rate
from worldgen.lm.training.prefetch import prefetched
from worldgen.lm.training.processes import Processes, process_group
from worldgen.lm.training.progress_bar import ProgressBar
from worldgen.lm.training.saving import HISTORY, Saver, write_history
from worldgen.lm.training.trainer import Execution, Trainer

Evaluate = Callable[[MistralForCausalLM], dict[str, float]]


@dataclass(frozen=True)
class TokenizedCorpus:
    """The text that a model is trained on: a folder with train-*.npy, and the tokenizer that made their tokens."""

    folder: Path
    tokenizer: PreTrainedTokenizerFast


@dataclass(frozen=True)
class Observers:
    """Who follows a training. None of them changes the weights."""

    evaluate: Evaluate | None = None
    """Is called with the model in eval mode at `config.evaluations` evenly spaced points, the last one at the end. The
    marks that it returns are added to the history."""
    report: Report | None = None
    """Is called with each row of the history, and the speed, once the row is known."""
    quiet: bool = False
    """Whether the training shows neither a progress bar nor messages."""


def pretrain(
    config: PretrainConfig,
    seed: int,
    corpus: TokenizedCorpus,
    out: Path,
    execution: Execution = Execution(),  # noqa: B008  # frozen
    observers: Observers = Observers(),  # frozen
) -> None:
    """Trains a model on `config.tokens` tokens; writes out/final (model and tokenizer) and out/training.parquet.

    Goes on from the latest checkpoint in `out` if there is one. Raises UserError for tokens or sizes that cannot be
    used, for a training that goes wrong, and if memory is too small. Raises Paused, after writing a checkpoint, when
    `execution.max_minutes` are over.
    """
    if torch.device(execution.device).type == "cpu":
        keep_freed_memory()
    with process_group(execution.device) as processes, torch.random.fork_rng(devices=[]):
        quiet = observers.quiet or not processes.is_first
        shards = TokenShards(corpus.folder, corpus.tokenizer.bos_token_id)
        model = new_model(config, corpus.tokenizer, seed)
        trainer = Trainer(config, model, processes, execution, lambda text: None if quiet else tqdm.write(text))
        torch.manual_seed(seed)
        checkpoint = latest_checkpoint(out)
        position = load_checkpoint(checkpoint, model, trainer.optimizer) if checkpoint else Position()
        stream = prefetched(_batches(config, seed, shards, position, processes), processes.device)
        bar = ProgressBar(config.tokens, position.tokens, model, processes.device, quiet)
        with closing(bar), stream as ready:
            ledger = Ledger(position, processes, bar, observers.report)
            saver = Saver(config, execution, trainer, ledger, processes, out)
            for _ in _steps(config, ready, trainer, ledger, observers.evaluate):
                saver.after_step()
        _finish(out, trainer.model, corpus.tokenizer, position, processes)


def _batches(
    config: PretrainConfig, seed: int, shards: TokenShards, position: Position, processes: Processes
) -> Iterator[Batch]:
    """Returns this process's batches from the position on. On a GPU they have one shape, so that steps compile once."""
    rows = config.rows_per_step
    if rows % processes.share.of:
        raise UserError(
            f"pretrain.rows_per_step is {rows}, which {processes.share.of} processes cannot share evenly: "
            "make it a multiple of their number"
        )
    plan = BatchPlan(seed, config.row_tokens, rows)
    return batches(shards, plan, position.step, processes.share, padded=processes.device.type == "cuda")


def _steps(
    config: PretrainConfig,
    stream: Iterator[Batch],
    trainer: Trainer,
    ledger: Ledger,
    evaluate: Evaluate | None,
) -> Iterator[None]:
    """Takes steps until `config.tokens` tokens have been seen, and evaluates when it is due. Yields after each step."""
    trainer.model.train()
    while (before := ledger.position.tokens) < config.tokens:
        batch = next(stream)
        rate = learning_rate(config, before + batch.tokens)
        ledger.add(batch.tokens, rate, trainer.step(batch, rate))
        if evaluate is not None and _crosses(config, before, ledger.position.tokens):
            ledger.add_marks(_evaluated(trainer.model, evaluate))
        yield
    ledger.settle()


def _crosses(config: PretrainConfig, before: int, after: int) -> bool:
    """Returns whether one of the evenly spaced points of evaluation lies in (before, after], in tokens."""
    reached = [min(tokens, config.tokens) * config.evaluations // config.tokens for tokens in (before, after)]
    return reached[0] < reached[1]


def _evaluated(model: MistralForCausalLM, evaluate: Evaluate) -> dict[str, float]:
    """Returns the marks that `evaluate` gives the model.

    Meanwhile the model uses plain attention, which works with texts of any length and with a cache.
    """
    attention = model.config._attn_implementation
    model.set_attn_implementation("sdpa")
    model.eval()
    with torch.no_grad():
        marks = evaluate(model)
    model.train()
    model.set_attn_implementation(attention)
    return marks


def _finish(
    out: Path, model: MistralForCausalLM, tokenizer: PreTrainedTokenizerFast, position: Position, processes: Processes
) -> None:
    """Writes the history and the final model. Every process must call it, since all hold a part of the weights."""
    weights = whole_tensors(model.state_dict())
    if processes.is_first:
        write_history(position, out / HISTORY)
        with whole_folder(out / "final") as folder:
            model.save_pretrained(folder, state_dict=weights)
            save_tokenizer(tokenizer, folder)
