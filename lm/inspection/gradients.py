"""Gradients of single sequences by all parameters of a model, as flat vectors.

The loss of a sequence x_0 .. x_n is the mean over its predicted tokens, -1/n sum_i log p(x_i | x_0 .. x_(i-1)),
natural logarithm. Padding is in no mean, and the model is in eval mode. Any causal model of transformers will do.

Shapes: B sequences, T tokens of the longest, P parameters.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

import torch
from torch.func import functional_call, grad, jvp, vmap
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.nn.functional import cross_entropy
from transformers import PreTrainedModel

from worldgen.lm.data import IGNORED

Ids = Sequence[int]
Parameters = Mapping[str, torch.Tensor]


def flat_gradients(model: PreTrainedModel, sequences: Sequence[Ids]) -> torch.Tensor:
    """Returns the gradient of each sequence's loss, [B, P], all B in one pass.

    A row is the gradients of `model.parameters()` in their order, tied ones once. The rows are new tensors: nothing in
    the model changes. Raises ValueError for a sequence of fewer than two tokens.
    """
    parameters = _parameters(model)

    def loss(weights: Parameters, ids: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        return _losses(model, weights, ids[None], labels[None])[0]

    with _measured(model):
        of_sequences = vmap(grad(loss), in_dims=(None, 0, 0))(parameters, *_padded(sequences, model.device))
    return torch.cat([of_sequences[name].flatten(1) for name in parameters], dim=1)


def inner_products(model: PreTrainedModel, one: Ids, others: Sequence[Ids]) -> torch.Tensor:
    """Returns the inner products of one sequence's gradient with those of B others, [B], in two passes.

    They are the derivatives of the others' losses along the gradient, a Jacobian-vector product. Memory holds one
    gradient, where `flat_gradients` holds all. Raises ValueError as `flat_gradients` does.
    """
    parameters = _parameters(model)
    ids, labels = _padded([one], model.device)
    of_others = _padded(others, model.device)
    with _measured(model):
        gradient = grad(lambda weights: _losses(model, weights, ids, labels)[0])(parameters)
        return jvp(lambda weights: _losses(model, weights, *of_others), (parameters,), (gradient,))[1]


def _parameters(model: PreTrainedModel) -> dict[str, torch.Tensor]:
    return {name: parameter.detach() for name, parameter in model.named_parameters()}


def _losses(model: PreTrainedModel, parameters: Parameters, ids: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    """Returns the loss of each sequence, [B], as a function of the parameters."""
    logits = functional_call(model, dict(parameters), (), {"input_ids": ids, "use_cache": False}).logits
    predicted, wide = labels[:, 1:], torch.promote_types(logits.dtype, torch.float32)
    of_tokens = cross_entropy(
        logits[:, :-1].transpose(1, 2).to(wide), predicted, ignore_index=IGNORED, reduction="none"
    )
    return of_tokens.sum(1) / (predicted != IGNORED).sum(1)


def _padded(sequences: Sequence[Ids], device: torch.device) -> tuple[torch.Tensor, torch.Tensor]:
    """Returns ids and labels, [B, T] each. Padding is on the right, where no real token attends to it."""
    if min(map(len, sequences)) < 2:
        raise ValueError("a sequence of fewer than two tokens predicts nothing and has no loss")
    width = max(map(len, sequences))
    ids = [[*sequence, *[0] * (width - len(sequence))] for sequence in sequences]
    labels = [[*sequence, *[IGNORED] * (width - len(sequence))] for sequence in sequences]
    return torch.tensor(ids, device=device), torch.tensor(labels, device=device)


@contextmanager
def _measured(model: PreTrainedModel) -> Iterator[None]:
    """Puts the model into eval mode for a while, with an attention that torch can batch and differentiate forward."""
    modes = [(module, module.training) for module in model.modules()]
    model.eval()
    try:
        with sdpa_kernel(SDPBackend.MATH):
            yield
    finally:
        for module, training in modes:
            module.training = training
