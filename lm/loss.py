"""The loss of a linear head, chunk by chunk: its logits [N, V] never exist all at once, and are worked out only once.

The loss is one sum, so its gradient is known up to a factor while the logits are at hand: with p = softmax(logits),
d loss / d logits = p - 1[target], and from it the gradients of states and weight. Backward has only to scale them.

Shapes: N positions, C of them in a chunk, H hidden size, V vocabulary.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import nn
from torch.autograd.function import once_differentiable
from torch.nn import functional

from worldgen.lm.data import IGNORED

# Most bytes of a chunk's logits in float32: C = 4,194 at the largest vocabulary, 32,000. A chunk reads the weight and
# adds up its gradient, both [V, H], so C must be well above H for that not to show; a GPU of 16 GB must hold a few.
CHUNK_BYTES = 2**29


def head_loss(head: nn.Linear, states: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    """Sum over the positions whose target is not IGNORED of -log softmax(head(states))[target], in float32 at least.

    `states` [N, H], `targets` [N]. Products are in autocast's dtype where that is on, as the head's own would be.
    """
    assert head.bias is None
    weight = head.weight
    if not torch.is_grad_enabled():  # inside of a Function it never is
        states, weight = states.detach(), weight.detach()
    most = max(1, CHUNK_BYTES // (4 * len(weight)))
    return _HeadLoss.apply(states, weight, targets, max(1, -(-len(states) // most)))


class _HeadLoss(torch.autograd.Function):
    """(states, weight, targets, number of chunks) -> loss."""

    @staticmethod
    def forward(
        ctx: Any, states: torch.Tensor, weight: torch.Tensor, targets: torch.Tensor, chunks: int
    ) -> torch.Tensor:
        wide = torch.promote_types(states.dtype, torch.float32)
        of_states, of_weight = ctx.needs_input_grad[:2]
        loss, by_states, by_weight = states.new_zeros((), dtype=wide), [], None
        for x, wanted in zip(states.chunk(chunks), targets.chunk(chunks), strict=True):
            part, error = _loss_and_error(x, weight, wanted, wide, of_states or of_weight)
            loss = loss + part  # a new tensor: torch.compile of 2.11 loses the gradient of one changed in place
            if error is None:
                continue
            if of_states:
                by_states.append((error @ weight).to(states.dtype))
            if of_weight:
                product = error.t() @ x
                by_weight = product.to(wide) if by_weight is None else by_weight.add_(product)
            del error  # before the next chunk's
        ctx.save_for_backward(torch.cat(by_states) if of_states else None, by_weight)
        return loss

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
        return *(None if saved is None else saved * gradient for saved in ctx.saved_tensors), None, None


def _loss_and_error(
    x: torch.Tensor, weight: torch.Tensor, targets: torch.Tensor, wide: torch.dtype, differentiate: bool
) -> tuple[torch.Tensor, torch.Tensor | None]:
    """The loss of some states `x` [C, H] and, where asked for, p - 1[target] [C, V] in the logits' dtype."""
    ignored = (targets == IGNORED)[:, None]
    places = targets[:, None].masked_fill(ignored, 0)
    logits = functional.linear(x, weight)
    dtype, log_p = logits.dtype, functional.log_softmax(logits, dim=-1, dtype=wide)
    del logits
    of_targets = log_p.gather(1, places).masked_fill(ignored, 0.0)
    if not differentiate:
        return -of_targets.sum(), None
    error = log_p.exp_().mul_(~ignored).to(dtype)
    return -of_targets.sum(), error.scatter_(1, places, of_targets.expm1().to(dtype))
