"""The loss of a linear head, chunk by chunk. Its logits [N, V] never exist all at once and are computed only once.

The loss is one sum, so its gradient is known up to a factor as soon as the logits are: with p = softmax(logits),
d loss / d logits = p - 1[target], and the gradients of states and weight follow. Backward only scales them.

Shapes: N positions, C positions of a chunk, H hidden size, V vocabulary.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import nn
from torch.autograd.function import once_differentiable
from torch.nn import functional

from worldgen.lm.data import IGNORED

# Most bytes of a chunk's logits in float32: C = 4,194 at the largest vocabulary, 32,000. Each chunk reads the weight
# and adds to its gradient, both [V, H]; this costs little only if C is well above H. A GPU of 16 GB must hold some.
CHUNK_BYTES = 2**29


def head_loss(head: nn.Linear, states: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    """Returns the sum of -log softmax(head(states))[target] over the positions whose target is not IGNORED.

    The sum is in float32 at least. Under autocast the products are in autocast's dtype, as the head's own would be.
    Shapes: states [N, H], targets [N].
    """
    assert head.bias is None
    weight = head.weight
    if not torch.is_grad_enabled():  # inside a Function it is never enabled, so this is the place to ask
        states, weight = states.detach(), weight.detach()
    most = max(1, CHUNK_BYTES // (4 * len(weight)))
    return _HeadLoss.apply(states, weight, targets, max(1, -(-len(states) // most)))


class _HeadLoss(torch.autograd.Function):
    """The function (states, weight, targets, number of chunks) -> loss, with its gradient."""

    @staticmethod
    def forward(
        ctx: Any, states: torch.Tensor, weight: torch.Tensor, targets: torch.Tensor, chunks: int
    ) -> torch.Tensor:
        wide = torch.promote_types(states.dtype, torch.float32)
        of_states, of_weight = ctx.needs_input_grad[:2]
        loss, by_states, by_weight = states.new_zeros((), dtype=wide), [], None
        for x, wanted in zip(states.chunk(chunks), targets.chunk(chunks), strict=True):
            part, error = _loss_and_error(x, weight, wanted, wide, of_states or of_weight)
            loss = loss + part  # not in place: torch.compile of 2.11 would lose the gradient
            if error is None:
                continue
            if of_states:
                by_states.append((error @ weight).to(states.dtype))
            if of_weight:
                product = error.t() @ x
                by_weight = product.to(wide) if by_weight is None else by_weight.add_(product)
            del error  # frees the memory before the next chunk needs it
        ctx.save_for_backward(torch.cat(by_states) if of_states else None, by_weight)
        return loss

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
        return *(None if saved is None else saved * gradient for saved in ctx.saved_tensors), None, None


def _loss_and_error(
    x: torch.Tensor, weight: torch.Tensor, targets: torch.Tensor, wide: torch.dtype, differentiate: bool
) -> tuple[torch.Tensor, torch.Tensor | None]:
    """Returns the loss of the states `x` [C, H], and p - 1[target] [C, V] in the logits' dtype if `differentiate`."""
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
