"""One pass of a model over a row of sequences: the loss of training, and how well each sequence is predicted.

Shapes: N sequences, P predicted tokens, V vocabulary.
"""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn.functional import log_softmax
from transformers import PreTrainedModel

from worldgen.lm.loss import head_loss
from worldgen.lm.staged.attention import BY_LENGTH
from worldgen.lm.staged.sequences import Row, Sequences

AT_ONCE: Final = 1024
"""Sequences that are asked at a time."""


def mean_loss(model: PreTrainedModel, row: Row) -> torch.Tensor:
    """Returns the mean over the row's targets of -log p(token | its sequence before it)."""
    head = model.get_output_embeddings()
    assert isinstance(head, torch.nn.Linear)
    with _narrow_on_a_gpu(row):
        return head_loss(head, _states(model, row), row.targets) / len(row.targets)


class Predicted(NamedTuple):
    """How well a model predicts each sequence's targets."""

    log_p: NDArray[np.float64]
    """[N]: log p of all its targets together, natural log."""
    exact: NDArray[np.bool_]
    """[N]: whether each target is the most probable token. Then greedy decoding writes the same tokens."""


@torch.inference_mode()
def predict(model: PreTrainedModel, sequences: Sequences) -> Predicted:
    """Returns how well a model predicts the targets of each sequence, in passes of AT_ONCE sequences."""
    head, device = model.get_output_embeddings(), str(model.device)
    parts = []
    for first in range(0, len(sequences), AT_ONCE):
        some = np.arange(first, min(first + AT_ONCE, len(sequences)))
        row = Row.of(sequences.where(some), device)
        with _narrow_on_a_gpu(row):
            log_p = log_softmax(head(_states(model, row)).float(), dim=-1)
        right = log_p.argmax(dim=-1) == row.targets
        of_target = log_p.gather(1, row.targets[:, None])[:, 0].double()
        total = torch.zeros(len(some), dtype=torch.float64, device=device).index_add_(0, row.sequence, of_target)
        wrong = torch.zeros(len(some), device=device).index_add_(0, row.sequence, (~right).float())
        parts.append((total.cpu().numpy(), (wrong == 0).cpu().numpy()))
    return Predicted(*(np.concatenate(column) for column in zip(*parts, strict=True)))


def _states(model: PreTrainedModel, row: Row) -> torch.Tensor:
    """Returns the last hidden states [P, hidden] at the places that predict."""
    assert model.config._attn_implementation == BY_LENGTH
    states = model.base_model(
        input_ids=row.input_ids, position_ids=row.position_ids, use_cache=False, blocks=row.blocks
    ).last_hidden_state
    return states[0].index_select(0, row.predicts)


def _narrow_on_a_gpu(row: Row) -> torch.autocast:
    """Returns bfloat16 autocast, which is on on a GPU only."""
    device = row.input_ids.device.type
    return torch.autocast(device, torch.bfloat16, enabled=device == "cuda")
