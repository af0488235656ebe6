"""A frozen Mistral with trainable low-rank adapters in it, which computes only what the adapters' gradient needs.

The arithmetic is that of transformers; a test compares them. What is the same in every step is computed once: the
first layer, up to its adapter. The last layer computes the kept tokens only, from its queries on.
Shapes: as in `worldgen.lm.editors.lowrank.packing`; H hidden size, I intermediate size, r rank, V vocabulary.
"""

from __future__ import annotations

import torch
from torch.nn import functional
from transformers import MistralForCausalLM
from transformers.models.mistral.modeling_mistral import MistralAttention, MistralRMSNorm

from worldgen.lm.editors.lowrank.layers import LowRankLayers
from worldgen.lm.editors.lowrank.packing import Packing


class FrozenMistral:
    """A model whose weights get no gradients, and the texts that it reads at every step."""

    def __init__(self, model: MistralForCausalLM, packing: Packing, scale: float) -> None:
        assert model.config.sliding_window is None, "attention is over the whole document"
        self.model, self.packing, self.scale = model, packing, scale
        with torch.no_grad():
            states = model.model.embed_tokens(packing.ids)
            cos, sin = model.model.rotary_emb(states[None], packing.positions[None])
            self.cos, self.sin = cos[0, :, None], sin[0, :, None]  # [M, 1, head size]
            self.masks = [
                torch.ones(kept, width, dtype=torch.bool, device=states.device).tril(width - kept)
                for _, width, kept in packing.groups
            ]
            self.first = self._before_adapter(0, states)

    def logits(self, layers: LowRankLayers) -> torch.Tensor:
        """Returns the logits [N, V] that predict the asked tokens; layers[l] are A [B, r, I] and B [B, H, r] by row."""
        inner, output = self.first
        states = self._adapted(0, inner, output, layers)
        for number in range(1, len(layers)):
            inner, output = self._before_adapter(number, states)
            states = self._adapted(number, inner, output, layers)
        normed = _rms(self.model.model.norm, states.index_select(0, self.packing.asked))
        return self.model.lm_head(normed)

    def _is_last(self, number: int) -> bool:
        return number == len(self.model.model.layers) - 1

    def _before_adapter(self, number: int, states: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Returns the keys that the down-projection reads, and the layer's output without the adapter's part.

        Both are those of all tokens read, [M, I] and [M, H]; in the last layer those of the kept tokens, [K, ...].
        """
        layer = self.model.model.layers[number]
        attended = self._attend(layer.self_attn, _rms(layer.input_layernorm, states), self._is_last(number))
        if self._is_last(number):
            states = states.index_select(0, self.packing.kept)
        states = states + attended
        normed = _rms(layer.post_attention_layernorm, states)
        inner = layer.mlp.act_fn(layer.mlp.gate_proj(normed)) * layer.mlp.up_proj(normed)
        return inner, states + layer.mlp.down_proj(inner)

    def _attend(self, attention: MistralAttention, states: torch.Tensor, last: bool) -> torch.Tensor:
        """Returns the attention's output: causal, within each row of every group."""
        asking, cos, sin = states, self.cos, self.sin
        if last:
            asking, cos, sin = (tensor.index_select(0, self.packing.kept) for tensor in (states, cos, sin))
        size = attention.head_dim
        queries = _rotated(attention.q_proj(asking).unflatten(-1, (-1, size)), cos, sin)
        keys = _rotated(attention.k_proj(states).unflatten(-1, (-1, size)), self.cos, self.sin)
        values = attention.v_proj(states).unflatten(-1, (-1, size))
        repeats = attention.num_key_value_groups
        if repeats > 1:
            keys, values = (tensor.repeat_interleave(repeats, dim=1) for tensor in (keys, values))
        parts = zip(self._split(queries, last), self._split(keys), self._split(values), self.masks, strict=True)
        attended = [
            functional.scaled_dot_product_attention(
                q.transpose(1, 2), k.transpose(1, 2), v.transpose(1, 2), mask if last else None,
                is_causal=not last, scale=attention.scaling,
            ).transpose(1, 2).flatten(0, 1).flatten(1)
            for q, k, v, mask in parts
        ]  # fmt: skip
        return attention.o_proj(torch.cat(attended))

    def _adapted(self, number: int, inner: torch.Tensor, output: torch.Tensor, layers: LowRankLayers) -> torch.Tensor:
        """Returns output + scale B A inner, with each row's own A and B."""
        last, rows = self._is_last(number), [group.rows for group in self.packing.groups]
        A, B = layers[number]
        parts = zip(self._split(inner, last), self._split(output, last), A.split(rows), B.split(rows), strict=True)
        return torch.cat([torch.baddbmm(y, x @ a.mT, b.mT, alpha=self.scale).flatten(0, 1) for x, y, a, b in parts])

    def _split(self, tokens: torch.Tensor, kept: bool = False) -> list[torch.Tensor]:
        """Returns the tokens [M, ...], or only the kept ones [K, ...], as one tensor [rows, width, ...] a group."""
        sizes = [(group.rows, group.kept if kept else group.width) for group in self.packing.groups]
        parts = tokens.split([rows * width for rows, width in sizes])
        return [part.unflatten(0, size) for part, size in zip(parts, sizes, strict=True)]


def _rms(norm: MistralRMSNorm, states: torch.Tensor) -> torch.Tensor:
    return functional.rms_norm(states, states.shape[-1:], norm.weight, norm.variance_epsilon)


def _rotated(heads: torch.Tensor, cos: torch.Tensor, sin: torch.Tensor) -> torch.Tensor:
    """Returns [tokens, heads, head size] with rotary positions (Su et al., 2021); a head's two halves are the pairs."""
    left, right = heads.chunk(2, dim=-1)
    return heads * cos + torch.cat([-right, left], dim=-1) * sin
