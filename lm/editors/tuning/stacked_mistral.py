"""A Mistral with weights of its own for each of several editions: one batched product for all of them.

The arithmetic is that of transformers; a test compares them.
Shapes: S editions, R texts of an edition, T tokens of a text, M = R T, N asked tokens, H hidden size, V vocabulary.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch.autograd.function import once_differentiable
from torch.nn import functional
from transformers import MistralForCausalLM
from transformers.models.mistral.modeling_mistral import MistralRMSNorm

from worldgen.lm.editors.tuning.matrices import all_blocks, weights_of
from worldgen.lm.editors.tuning.stacked_texts import StackedTexts

Weights = Mapping[str, torch.Tensor]  # a block's name -> [S, out, in], an edition's own


class StackedMistral:
    """A model of which each edition has some blocks of its own, and shares the others.

    `own` are the names of the blocks that the editions have for themselves.
    """

    def __init__(self, model: MistralForCausalLM, own: frozenset[str]) -> None:
        assert model.config.sliding_window is None, "attention is over the whole document"
        self.model = model
        self.shared = weights_of({name: block for name, block in all_blocks(model).items() if name not in own})

    def logits(self, weights: Weights, texts: StackedTexts) -> torch.Tensor:
        """Returns the logits [S, N, V] that predict each edition's asked tokens."""
        S, R, T = texts.ids.shape
        weights = {**self.shared, **weights}
        states = _embedded(weights["embedding"], texts.ids.flatten(1))
        cos, sin = self.model.model.rotary_emb(states, torch.arange(T, device=states.device)[None])
        for number, layer in enumerate(self.model.model.layers):
            normed = _rms(layer.input_layernorm, states)
            heads = _product(normed, weights[f"{number}.attention"]).unflatten(1, (R, T))
            attended = self._attended(number, heads.flatten(0, 1), cos, sin)
            states = states + _product(attended.view(S, R * T, -1), weights[f"{number}.mixing"])
            normed = _rms(layer.post_attention_layernorm, states)
            gate, up = _product(normed, weights[f"{number}.inner"]).chunk(2, dim=-1)
            states = states + _product(layer.mlp.act_fn(gate) * up, weights[f"{number}.down"])
        asked = states.gather(1, texts.asked[:, :, None].expand(-1, -1, states.shape[2]))
        return _product(_rms(self.model.model.norm, asked), weights["head"])

    def _attended(self, number: int, heads: torch.Tensor, cos: torch.Tensor, sin: torch.Tensor) -> torch.Tensor:
        """Returns the causal attention of each text within itself, [S R, T, ...]; `heads`: queries, keys, values."""
        attention, config = self.model.model.layers[number].self_attn, self.model.config
        counts = [config.num_attention_heads, config.num_key_value_heads, config.num_key_value_heads]
        heads = heads.unflatten(2, (sum(counts), attention.head_dim)).transpose(1, 2)  # [S R, heads, T, head size]
        queries, keys, values = heads.split(counts, dim=1)
        attended = functional.scaled_dot_product_attention(
            _rotated(queries, cos, sin), _rotated(keys, cos, sin), values,
            is_causal=True, scale=attention.scaling, enable_gqa=counts[0] != counts[1],
        )  # fmt: skip
        return attended.transpose(1, 2).flatten(2)


def _embedded(table: torch.Tensor, ids: torch.Tensor) -> torch.Tensor:
    """Returns the embeddings [S, M, H] of ids [S, M]; `table` is [S, V, H], or [V, H] for all."""
    if table.ndim == 2:
        return functional.embedding(ids, table)
    S, V, _ = table.shape
    return functional.embedding(ids + torch.arange(0, S * V, V, device=ids.device)[:, None], table.flatten(0, 1))


def _product(states: torch.Tensor, weight: torch.Tensor) -> torch.Tensor:
    """Returns W x for each x of states [S, M, in]; `weight` is [S, out, in], or [out, in] for all."""
    return _Product.apply(states, weight) if weight.ndim == 3 else functional.linear(states, weight)


class _Product(torch.autograd.Function):
    """states [S, M, in], weight [S, out, in] -> [S, M, out]; the gradient of the weight is laid out as the weight is.

    torch's own gradient of `torch.bmm(states, weight.mT)` is transposed in memory, which its fused optimizers misread.
    """

    @staticmethod
    def forward(ctx: Any, states: torch.Tensor, weight: torch.Tensor) -> torch.Tensor:
        ctx.save_for_backward(states, weight)
        return torch.bmm(states, weight.mT)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        states, weight = ctx.saved_tensors
        return torch.bmm(gradient, weight), torch.bmm(gradient.mT, states)


def _rms(norm: MistralRMSNorm, states: torch.Tensor) -> torch.Tensor:
    return functional.rms_norm(states, states.shape[-1:], norm.weight, norm.variance_epsilon)


def _rotated(heads: torch.Tensor, cos: torch.Tensor, sin: torch.Tensor) -> torch.Tensor:
    """Returns heads [..., T, head size] with rotary positions (Su et al., 2021); a head's two halves are the pairs."""
    left, right = heads.chunk(2, dim=-1)
    return heads * cos + torch.cat([-right, left], dim=-1) * sin
