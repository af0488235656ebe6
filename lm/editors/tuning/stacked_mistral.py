"""A Mistral with weights of its own for each of several editions: one batched product for all of them.

The arithmetic is that of transformers; a test compares them.
Shapes: S editions, R texts of an edition, T tokens of a text, M = R T, N asked tokens, H hidden size, V vocabulary.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch.autograd.function import once_differentiable
from torch.nn import functional
from transformers import MistralForCausalLM
from transformers.models.mistral.modeling_mistral import MistralRMSNorm

from worldgen.lm.editors.tuning.matrices import Blocks, all_blocks, as_matrices, row_of
from worldgen.lm.editors.tuning.stacked_texts import StackedTexts

Matrices = Mapping[str, torch.Tensor]  # a block's name -> [S, out, in], the editions' own
Product = Callable[[str, torch.Tensor], torch.Tensor]  # (a block's name, [S, M, in]) -> [S, M, out]


class StackedMistral:
    """A model of which each edition has the blocks `own` for itself; all share the others."""

    def __init__(self, model: MistralForCausalLM, own: Blocks) -> None:
        assert model.config.sliding_window is None, "attention is over the whole document"
        self.model = model
        shared = {name: block for name, block in all_blocks(model).items() if name not in own}
        self.shared = (
            {name: one[0] for name, one in as_matrices(row_of(shared)[None], shared).items()} if shared else {}
        )

    def embedded(self, weights: Matrices, texts: StackedTexts) -> torch.Tensor:
        """Returns the embeddings [S, M, H] of the tokens read."""
        if "embedding" not in weights:
            return functional.embedding(texts.ids.flatten(1), self.shared["embedding"])
        return weights["embedding"][_places(texts), texts.ids.flatten(1)]

    def logits(self, states: torch.Tensor, weights: Matrices, gradients: Matrices, texts: StackedTexts) -> torch.Tensor:
        """Returns the logits [S, N, V] that predict each edition's asked tokens.

        `states` are the embeddings. A backward pass overwrites `gradients`, all but that of the embeddings' table, with
        the gradients of `weights`. No edition's logits depend on another's weights: the gradient of a sum over editions
        is each edition's own gradient.
        """

        def product(name: str, inputs: torch.Tensor) -> torch.Tensor:
            if name in weights:
                return _Product.apply(inputs, weights[name], gradients[name])
            return functional.linear(inputs, self.shared[name])

        return self.logits_by(product, states, texts)

    def logits_by(self, product: Product, states: torch.Tensor, texts: StackedTexts) -> torch.Tensor:
        """Returns the logits [S, N, V] of a model whose blocks multiply as `product` does; `states` as in `logits`."""
        _, R, T = texts.ids.shape
        cos, sin = self.model.model.rotary_emb(states, torch.arange(T, device=states.device)[None])
        for number, layer in enumerate(self.model.model.layers):
            heads = product(f"{number}.attention", _rms(layer.input_layernorm, states))
            attended = self._attended(number, heads.unflatten(1, (R, T)).flatten(0, 1), cos, sin)
            states = states + product(f"{number}.mixing", attended.unflatten(0, (-1, R)).flatten(1, 2))
            gate, up = product(f"{number}.inner", _rms(layer.post_attention_layernorm, states)).chunk(2, dim=-1)
            states = states + product(f"{number}.down", layer.mlp.act_fn(gate) * up)
        asked = states.gather(1, texts.asked[:, :, None].expand(-1, -1, states.shape[2]))
        return product("head", _rms(self.model.model.norm, asked))

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


def add_up_embeddings(table: torch.Tensor, gradients: torch.Tensor, texts: StackedTexts) -> None:
    """Overwrites the gradient of each edition's table [S, V, H]; `gradients` [S, M, H] of the embeddings."""
    table.zero_().index_put_((_places(texts), texts.ids.flatten(1)), gradients, accumulate=True)


def _places(texts: StackedTexts) -> torch.Tensor:
    return torch.arange(len(texts.ids), device=texts.ids.device)[:, None]


class _Product(torch.autograd.Function):
    """states [S, M, in], weight [S, out, in] -> [S, M, out]; backward overwrites `gradient` with the weight's."""

    @staticmethod
    def forward(ctx: Any, states: torch.Tensor, weight: torch.Tensor, gradient: torch.Tensor) -> torch.Tensor:
        ctx.save_for_backward(states, weight)
        ctx.gradient = gradient
        return torch.bmm(states, weight.mT)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, error: torch.Tensor) -> tuple[torch.Tensor, None, None]:
        states, weight = ctx.saved_tensors
        torch.bmm(error.mT, states, out=ctx.gradient)
        return torch.bmm(error, weight), None, None


def _rms(norm: MistralRMSNorm, states: torch.Tensor) -> torch.Tensor:
    return functional.rms_norm(states, states.shape[-1:], norm.weight, norm.variance_epsilon)


def _rotated(heads: torch.Tensor, cos: torch.Tensor, sin: torch.Tensor) -> torch.Tensor:
    """Returns heads [..., T, head size] with rotary positions (Su et al., 2021); a head's two halves are the pairs."""
    left, right = heads.chunk(2, dim=-1)
    return heads * cos + torch.cat([-right, left], dim=-1) * sin
