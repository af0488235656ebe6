"""retrain: a step is pretraining on rows of the corpus and on copies of the request's sentence."""

from __future__ import annotations

import pytest
import torch
from small_edits import REQUESTS, ROUNDING, SIZE

from worldgen.lm.data import BatchPlan, batches
from worldgen.lm.editions import Edition
from worldgen.lm.editors.retrain import Retrain
from worldgen.lm.editors.settings import RetrainConfig
from worldgen.lm.tokenizer import encode

RETRAIN = RetrainConfig(learning_rate=3e-3, steps=15, rows_per_step=1)


def test_a_step_is_pretraining_on_the_corpus_and_on_copies_of_the_request(model, tokenizer, corpus):
    """Compares a step's loss with the mean over the corpus and the copies, written out as single documents."""
    config = RETRAIN.model_copy(update={"steps": 2})
    with Retrain(config, SIZE, "together", tokenizer, corpus).edit(model, [Edition(REQUESTS, seed=9)]) as edited:
        losses = edited.costs[0].losses
    stream = batches(corpus, BatchPlan(9, SIZE.row_tokens, 1))
    copies = ["ada born in san salvador."] * 20 + ["bob born in paris."] * 5
    documents = [torch.tensor([1, *ids, 2]) for ids in encode(tokenizer, copies)]
    row = next(stream)
    # The row's documents, cut at each BOS.
    starts = (row.input_ids[0] == 1).nonzero()[:, 0].tolist()
    documents += [row.input_ids[0][a:b] for a, b in zip(starts, [*starts[1:], row.tokens], strict=True)]
    with torch.no_grad():
        sums = [
            torch.nn.functional.cross_entropy(model(input_ids=ids[None]).logits[0, :-1], ids[1:], reduction="sum")
            for ids in documents
        ]
    expected = sum(sums).item() / sum(len(ids) - 1 for ids in documents)
    assert losses[0] == pytest.approx(expected, rel=ROUNDING)
    assert losses[1] < losses[0]


def test_each_request_of_a_sequence_is_trained_with_other_rows_of_the_corpus(model, tokenizer, corpus, monkeypatch):
    starts = []
    real = batches

    def noted(shards, plan, start):
        starts.append(start)
        return real(shards, plan, start)

    monkeypatch.setattr("worldgen.lm.editors.retrain.batches", noted)
    with Retrain(RETRAIN, SIZE, "sequential", tokenizer, corpus).edit(model, [Edition(REQUESTS, seed=9)]):
        pass
    assert starts == [0, 15]
