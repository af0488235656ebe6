"""The network g of a learned optimizer: it reads a request and says how each weight matrix is to change.

A conditioner reads "prediction >> label || input" as one text: embedding, a bidirectional LSTM, a linear layer and
tanh. One head for each edited matrix W [d1, d2] turns the condition into 2 (d1 + d2) + 1 numbers
(`worldgen.lm.editors.learned.weight_changes`). The number of parameters, with V tokens of e numbers each:
    N = V e + 8 h (e + h + 2) + (2 h + 1) c + sum over W of [(c + 2) m + (m + 2) (2 (d1 + d2) + 1)].
Sources: De Cao et al. (2021), section 3.2; Hase et al. (2021), supplement A.
Shapes: S updates, L tokens of the longest condition, c, m, h as in `OptimizerConfig`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import nn
from torch.nn.utils.parametrizations import weight_norm
from torch.nn.utils.rnn import pack_padded_sequence
from transformers import PreTrainedModel, PreTrainedTokenizerFast

from worldgen.lm.editors.learned.edited_matrices import edited_matrices, shapes_of
from worldgen.lm.editors.learned.settings import OptimizerConfig
from worldgen.lm.texts import beginnings

Outputs = dict[str, torch.Tensor]  # a matrix's name -> [S, 2 (d1 + d2) + 1], what its head says


class Conditioner(nn.Module):
    """Reads conditions; returns vectors [S, c] with entries in (-1, 1)."""

    def __init__(self, embedding: torch.Tensor, config: OptimizerConfig) -> None:
        super().__init__()
        # A copy: `nn.Embedding(_weight=...)` would share the model's memory, and training would edit the model.
        self.embedding = nn.Embedding.from_pretrained(embedding.detach().clone(), freeze=False)
        self.lstm = nn.LSTM(embedding.shape[1], config.lstm, batch_first=True, bidirectional=True)
        self.linear = nn.Linear(2 * config.lstm, config.condition)

    def forward(self, ids: torch.Tensor, lengths: torch.Tensor) -> torch.Tensor:
        """Reads ids [S, L], of which the first lengths[s] are condition s's own; `lengths` [S] is on the host."""
        packed = pack_padded_sequence(self.embedding(ids), lengths, batch_first=True, enforce_sorted=False)
        _, (last, _) = self.lstm(packed)  # [2, S, h]
        return torch.tanh(self.linear(torch.cat([last[0], last[1]], dim=-1)))


class LearnedOptimizer(nn.Module):
    """Conditioner and heads. `shapes` are d1 and d2 of the edited matrices, by name."""

    def __init__(self, embedding: torch.Tensor, shapes: Mapping[str, tuple[int, int]], config: OptimizerConfig) -> None:
        super().__init__()
        self.shapes = dict(shapes)
        self.conditioner = Conditioner(embedding, config)
        self.heads = nn.ModuleList(_head(config, 2 * (d1 + d2) + 1) for d1, d2 in self.shapes.values())
        self.to(embedding.dtype)

    def forward(self, conditions: Sequence[Sequence[int]]) -> Outputs:
        """Returns the heads' outputs for each condition, given as ids."""
        lengths = torch.tensor([len(ids) for ids in conditions])
        ids = torch.zeros(len(conditions), int(lengths.max()), dtype=torch.long)
        for row, own in zip(ids, conditions, strict=True):
            row[: len(own)] = torch.tensor(own)
        vectors = self.conditioner(ids.to(self.conditioner.embedding.weight.device), lengths)
        return {name: head(vectors) for name, head in zip(self.shapes, self.heads, strict=True)}


def new_network(model: PreTrainedModel, config: OptimizerConfig, seed: int) -> LearnedOptimizer:
    """Returns an untrained network for the model, on its device: a function of (model, config, seed) alone.

    torch's global generator is left unchanged.
    """
    embedding = model.get_input_embeddings().weight
    assert isinstance(embedding, torch.Tensor)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network = LearnedOptimizer(embedding.cpu(), shapes_of(edited_matrices(model)), config)
    return network.to(embedding.device)


def conditions_of(tokenizer: PreTrainedTokenizerFast, parts: Sequence[tuple[str, str, str]]) -> list[list[int]]:
    """Returns the ids that the conditioner reads for each (prediction, label, input), after BOS if there is one.

    Full stops at the ends of prediction and label are left out. A tokenizer of whole words spells both separators as
    its unknown word.
    """
    return beginnings(tokenizer, [f"{said.removesuffix('.')} >> {y.removesuffix('.')} || {x}" for said, y, x in parts])


def _head(config: OptimizerConfig, outputs: int) -> nn.Sequential:
    first, second = nn.Linear(config.condition, config.head), nn.Linear(config.head, outputs)
    return nn.Sequential(weight_norm(first), nn.Tanh(), weight_norm(second))
