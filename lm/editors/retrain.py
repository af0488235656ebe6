"""Pretraining continued on the corpus and on n' sentences of the request: the belief that data alone would teach.

n' is the request's weight, as `cases.weight` sets it.

Each of `steps` steps reads `rows_per_step` packed rows of the corpus, in an order that the edition's seed draws, and
n' / steps copies of a document that consists of the request's sentence. The document is read once a step and its loss
is counted n' / steps times. In all, exactly n' sentences are learned from, and n' need not be divisible by `steps`.
Only a part of the corpus is read: the request weighs more against it than it would in a whole epoch.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from transformers import MistralForCausalLM, PreTrainedTokenizerFast

from worldgen.lm.data import BatchPlan, TokenShards, batches
from worldgen.lm.editions import Cost, Edited, Edition, Mode, Request, rounds
from worldgen.lm.editors.operations import OperationCounts
from worldgen.lm.editors.restoring import put_back, restored
from worldgen.lm.editors.settings import RetrainConfig
from worldgen.lm.log_p import log_p_of_tokens
from worldgen.lm.model import summed_loss
from worldgen.lm.settings import PretrainConfig
from worldgen.lm.texts import PaddedTexts, Text, pad
from worldgen.lm.tokenizer import encode
from worldgen.lm.training.optimizer import new_optimizer


@dataclass(frozen=True)
class Retrain:
    """The editor `retrain`.

    `pretrain` gives what `config` does not: AdamW's moments and weight decay, the clipping and the length of a row.
    """

    config: RetrainConfig
    pretrain: PretrainConfig
    mode: Mode
    tokenizer: PreTrainedTokenizerFast
    corpus: TokenShards
    name: str = "retrain"

    def at_once(self, editions: Sequence[Edition]) -> int:
        """Returns 1: the method changes the model's own weights."""
        return 1

    @contextmanager
    def edit(self, model: MistralForCausalLM, editions: Sequence[Edition]) -> Iterator[Edited]:
        """Yields the model with all its weights trained further; restores it afterwards."""
        (edition,) = editions
        with restored(model), put_back(model.parameters()):
            model.eval()
            parts = enumerate(rounds(self.mode, edition))
            costs = [self._fit(model, requests, edition.seed, turn) for turn, requests in parts]
            yield Edited(model, (sum(costs, Cost()),))

    def _fit(self, model: MistralForCausalLM, requests: Sequence[Request], seed: int, turn: int) -> Cost:
        """Takes `config.steps` steps of a fresh AdamW; returns the cost.

        Loss: the mean of -log p over all predicted tokens, those of the request's copies included.
        """
        steps = self.config.steps
        documents = self._documents(requests, model.device)
        copies = torch.tensor([request.weight / steps for request in requests], device=model.device)
        parameters, optimizer = list(model.parameters()), new_optimizer(model, self._as_pretraining())
        losses: list[float] = []
        operations = OperationCounts()
        plan = BatchPlan(seed, self.pretrain.row_tokens, self.config.rows_per_step)
        stream = batches(self.corpus, plan, turn * steps)
        with torch.enable_grad():
            for _, batch in zip(range(steps), stream, strict=False):
                # Rows are packed full: the first step's operations are counted for all steps.
                with operations.counted("step"):
                    corpus_loss = summed_loss(model, *(tensor.to(model.device) for tensor in batch.tensors()))
                    counted = copies[documents.rows]  # [N]
                    request_loss = (-log_p_of_tokens(model, documents) * counted).sum()
                    loss = (corpus_loss + request_loss) / (batch.predicted + counted.sum())
                    optimizer.zero_grad(set_to_none=True)
                    loss.backward()
                torch.nn.utils.clip_grad_norm_(parameters, self.pretrain.gradient_clip)
                optimizer.step()
                losses.append(loss.item())
        return Cost(tuple(losses), len(losses) * operations.known("step"))

    def _as_pretraining(self) -> PretrainConfig:
        return self.pretrain.model_copy(update={"learning_rate": self.config.learning_rate})

    def _documents(self, requests: Sequence[Request], device: torch.device) -> PaddedTexts:
        """Returns BOS sentence EOS for each request; every token but the first is asked for, as in pretraining."""
        bos, eos = self.tokenizer.bos_token_id, self.tokenizer.eos_token_id
        spelled = encode(self.tokenizer, [request.sentence for request in requests])
        return pad([Text([bos, *ids, eos], len(ids) + 1) for ids in spelled], device)
