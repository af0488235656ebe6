"""Which weight matrices a learned optimizer edits: those of attention and of the MLPs (Hase et al., 2021, supp. A)."""

from __future__ import annotations

from torch import nn
from transformers import PreTrainedModel

from worldgen.errors import UserError

NAMES_LEFT_OUT = ("bias", "norm", "embeddings", "classifier", "pooler", "shared", "embed", "positions", "lm_head")


def edited_matrices(model: PreTrainedModel) -> dict[str, nn.Parameter]:
    """Returns the edited matrices by name, in the model's order.

    They are all matrices whose name has none of `NAMES_LEFT_OUT` in it. Embeddings and the head are left out whatever
    they are called: GPT-2's are `wte`, `wpe`. Raises UserError for a model without such matrices.
    """
    head = model.get_output_embeddings()
    left_out = {module.weight for module in model.modules() if isinstance(module, nn.Embedding) or module is head}
    found = {
        name: parameter
        for name, parameter in model.named_parameters()
        if parameter.ndim == 2
        and parameter not in left_out
        and not any(part in name.lower() for part in NAMES_LEFT_OUT)
    }
    if not found:
        raise UserError("the model has no matrices of attention or MLPs that a learned optimizer could edit")
    return found


def shapes_of(matrices: dict[str, nn.Parameter]) -> dict[str, tuple[int, int]]:
    """Returns d1 and d2 of each matrix."""
    return {name: (matrix.shape[0], matrix.shape[1]) for name, matrix in matrices.items()}
