"""Pretraining that goes on over the corpus and n' sentences of the request: what the data themselves would teach.

n' is the request's weight here, whatever `cases.weight` makes of it.

Each of `steps` steps reads `rows_per_step` packed rows of the corpus, in an order that the edition's seed draws, and
n' / steps copies of the document that is the request's sentence and nothing else. The copies are read once and
counted n' / steps times, so that in all exactly n' sentences are learned from, and n' need not be divisible. The
corpus is read in part only: the request weighs more against it than it would in a whole epoch.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass

import torch
from transformers import MistralForCausalLM, PreTrainedTokenizerFast

from worldgen.lm.data import BatchPlan, TokenShards, batches
from worldgen.lm.editions import Cost, Edited, Edition, Mode, Request, rounds
from worldgen.lm.editors.counting import operations_counter
from worldgen.lm.editors.restoring import put_back, restored
from worldgen.lm.editors.settings import RetrainConfig
from worldgen.lm.editors.target_loss import token_losses
from worldgen.lm.model import summed_loss
from worldgen.lm.settings import PretrainConfig
from worldgen.lm.texts import PaddedTexts, Text, pad
from worldgen.lm.tokenizer import encode
from worldgen.lm.training.optimizer import new_optimizer


@dataclass(frozen=True)
class Retrain:
    """The editor; `pretrain` has what `config` has not: moments, decay, clipping and the length of a row."""

    config: RetrainConfig
    pretrain: PretrainConfig
    mode: Mode
    tokenizer: PreTrainedTokenizerFast
    corpus: TokenShards
    name: str = "retrain"

    def at_once(self, editions: Sequence[Edition]) -> int:
        """One: it changes the model's own weights."""
        return 1

    @contextmanager
    def edit(self, model: MistralForCausalLM, editions: Sequence[Edition]) -> Iterator[Edited]:
        """The model trained on with all its weights; as it was afterwards."""
        (edition,) = editions
        with restored(model), put_back(model.parameters()):
            model.eval()
            parts = enumerate(rounds(self.mode, edition))
            costs = [self._fit(model, requests, edition.seed, turn) for turn, requests in parts]
            yield Edited(model, (sum(costs, Cost()),))

    def _fit(self, model: MistralForCausalLM, requests: Sequence[Request], seed: int, turn: int) -> Cost:
        """The steps of a fresh AdamW. Loss: the mean of -log p over all predicted tokens, the copies' among them."""
        steps = self.config.steps
        documents = self._documents(requests, model.device)
        copies = torch.tensor([request.weight / steps for request in requests], device=model.device)
        parameters, optimizer = list(model.parameters()), new_optimizer(model, self._as_pretraining())
        losses: list[float] = []
        flops = 0
        plan = BatchPlan(seed, self.pretrain.row_tokens, self.config.rows_per_step)
        stream = batches(self.corpus, plan, turn * steps)
        with torch.enable_grad():
            for _, batch in zip(range(steps), stream, strict=False):
                # Rows are packed full, so the first step's operations, by torch's own counter, stand for every step's.
                with nullcontext() if losses else operations_counter() as counter:
                    corpus = summed_loss(model, *(tensor.to(model.device) for tensor in batch.tensors()))
                    counted = copies[documents.rows]  # [N]
                    told = (token_losses(model, documents) * counted).sum()
                    loss = (corpus + told) / (batch.predicted + counted.sum())
                    optimizer.zero_grad(set_to_none=True)
                    loss.backward()
                torch.nn.utils.clip_grad_norm_(parameters, self.pretrain.gradient_clip)
                optimizer.step()
                losses.append(loss.item())
                flops = counter.get_total_flops() if counter else flops
        return Cost(tuple(losses), flops * len(losses))

    def _as_pretraining(self) -> PretrainConfig:
        return self.pretrain.model_copy(update={"learning_rate": self.config.learning_rate})

    def _documents(self, requests: Sequence[Request], device: torch.device) -> PaddedTexts:
        """BOS sentence EOS of each request; every token but the first is asked for, as in pretraining."""
        bos, eos = self.tokenizer.bos_token_id, self.tokenizer.eos_token_id
        spelled = encode(self.tokenizer, [request.sentence for request in requests])
        return pad([Text([bos, *ids, eos], len(ids) + 1) for ids in spelled], device)
