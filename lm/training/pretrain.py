"""The training loop: next-token loss, AdamW, a linear decay; resumable to the bit on a CPU.

Paper, appendix A.3. Everything is a function of (config, seed, tokens, what `evaluate` returns); the clock
only says when a checkpoint is written. One path for one and several processes (`worldgen.lm.training.processes`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import torch
from tqdm import tqdm
from transformers import MistralForCausalLM, PreTrainedTokenizerFast

from worldgen.errors import UserError
from worldgen.lm.allocator import keep_freed_memory
from worldgen.lm.data import Batch, TokenShards, batches
from worldgen.lm.model import new_model
from worldgen.lm.settings import PretrainConfig
from worldgen.lm.tokenizer import save_tokenizer
from worldgen.lm.training.checkpoint import Position, latest_checkpoint, load_checkpoint, whole_folder, whole_tensors
from worldgen.lm.training.ledger import Bar, Ledger, Report
from worldgen.lm.training.optimizer import learning_rate
from worldgen.lm.training.prefetch import prefetched
from worldgen.lm.training.processes import Processes, processes
from worldgen.lm.training.saving import HISTORY, Keeper, write_history
from worldgen.lm.training.trainer import Execution, Trainer

Evaluate = Callable[[MistralForCausalLM], dict[str, float]]


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
    execution: Execution = Execution(),  # noqa: B008  # frozen
    quiet: bool = False,
) -> None:
    """Train on `config.tokens` tokens; write out/final (model and tokenizer) and out/training.parquet.

    Goes on from the latest checkpoint in `out` where there is one. `evaluate` is called, with the model in
    eval mode, at `config.evaluations` evenly spaced points, the last at the end; `report` with each row of the
    history, and the speed, once it is known. Raises UserError for unusable tokens or sizes, for training that
    goes wrong and where memory is too small; Paused, behind a checkpoint, after `execution.max_minutes`.
    """
    if torch.device(device).type == "cpu":
        keep_freed_memory()
    with processes(device) as these, torch.random.fork_rng(devices=[]):
        quiet = quiet or not these.is_first
        shards = TokenShards(tokens_folder, tokenizer.bos_token_id)
        model = new_model(config, tokenizer, seed)
        trainer = Trainer(config, model, these, execution, lambda text: None if quiet else tqdm.write(text))
        torch.manual_seed(seed)
        checkpoint = latest_checkpoint(out)
        position = load_checkpoint(checkpoint, model, trainer.optimizer) if checkpoint else Position()
        stream = prefetched(_batches(config, seed, shards, position, these), these.device)
        with closing(Bar(config.tokens, position.tokens, model, these.device, quiet)) as bar, stream as ready:
            ledger = Ledger(position, these, bar, report)
            keeper = Keeper(config, execution, trainer, ledger, these, out)
            for _ in _steps(config, ready, trainer, ledger, evaluate):
                keeper.after_step()
        _finish(out, trainer.model, tokenizer, position, these)


def _batches(
    config: PretrainConfig, seed: int, shards: TokenShards, position: Position, these: Processes
) -> Iterator[Batch]:
    """This process's batches from the position on; of one shape on a GPU, for the sake of compiled steps."""
    rows = config.rows_per_step
    if rows % these.share.of:
        raise UserError(
            f"pretrain.rows_per_step is {rows}, which {these.share.of} processes cannot share evenly: "
            "make it a multiple of their number"
        )
    padded = these.device.type == "cuda"
    return batches(shards, seed, config.row_tokens, rows, position.step, these.share, padded)


def _steps(
    config: PretrainConfig,
    stream: Iterator[Batch],
    trainer: Trainer,
    ledger: Ledger,
    evaluate: Evaluate | None,
) -> Iterator[None]:
    """Take steps, and evaluate where it is due, until `config.tokens` tokens have been seen."""
    trainer.model.train()
    while (before := ledger.position.tokens) < config.tokens:
        batch = next(stream)
        rate = learning_rate(config, before + batch.tokens)
        ledger.add(batch.tokens, rate, trainer.step(batch, rate))
        if evaluate is not None and _crosses(config, before, ledger.position.tokens):
            ledger.mark(_evaluated(trainer.model, evaluate))
        yield
    ledger.settle()


def _crosses(config: PretrainConfig, before: int, after: int) -> bool:
    """Whether one of the evenly spaced points of evaluation lies in (before, after], in tokens."""
    reached = [min(tokens, config.tokens) * config.evaluations // config.tokens for tokens in (before, after)]
    return reached[0] < reached[1]


def _evaluated(model: MistralForCausalLM, evaluate: Evaluate) -> dict[str, float]:
    """What `evaluate` says; by plain attention, which texts of any length and a cache go well with."""
    attention = model.config._attn_implementation
    model.set_attn_implementation("sdpa")
    model.eval()
    with torch.no_grad():
        scores = evaluate(model)
    model.train()
    model.set_attn_implementation(attention)
    return scores


def _finish(
    out: Path, model: MistralForCausalLM, tokenizer: PreTrainedTokenizerFast, position: Position, these: Processes
) -> None:
    weights = whole_tensors(model.state_dict())
    if these.is_first:
        write_history(position, out / HISTORY)
        with whole_folder(out / "final") as folder:
            model.save_pretrained(folder, state_dict=weights)
            save_tokenizer(tokenizer, folder)
