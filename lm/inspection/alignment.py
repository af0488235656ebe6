"""Whether definitions and the questions about them pull a model's parameters the same way (gradient alignment).

Source: Krasheninnikov et al., 2024, section 5.1 and appendix F. For n definitions, each with k questions, the mean of a
measure rho is (1/n) sum_i (1/k) sum_j rho(g(definition i), g(question i, j)). The gradients g are those of
`worldgen.lm.inspection.gradients`.

Shapes: n definitions, k questions of a definition, N pairs of a definition and a question, P parameters.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray
from transformers import PreTrainedModel

from worldgen.lm.inspection.gradients import Ids, flat_gradients, inner_products

_NORMS: Final = {"l1": 1.0, "l2": 2.0, "linf": math.inf}


@dataclass(frozen=True)
class Alignment:
    """The measures of every pair of a definition and one of its questions, and how far all gradients spread."""

    pairs: Mapping[str, NDArray]
    """Columns by name, [N] each, definition by definition.

    `definition` and `question` number the pair. The measures: `inner_product`, `cosine`; `distance_l1`, `distance_l2`,
    `distance_linf` and `distance_l2_squared`; and the norms `definition_l1`, ..., `question_linf`.
    """
    total_variance: float
    """tr Cov = (1/m) sum_j |g_j - g|^2 = (1 / 2m^2) sum_jk |g_j - g_k|^2 of the gradients g_j of all m sequences.

    g is their mean; the sequences are the n definitions and their questions.
    """
    cosine_to_mean: float
    """(1/m) sum_j cos(g_j, g)."""

    def mean(self, measure: str) -> float:
        """Returns the mean over definitions of a measure's mean over their questions."""
        of_definition = self.pairs["definition"]
        return float(np.mean(np.bincount(of_definition, self.pairs[measure]) / np.bincount(of_definition)))


def align(model: PreTrainedModel, definitions: Sequence[Ids], questions: Sequence[Sequence[Ids]]) -> Alignment:
    """Measures the alignment of definitions with their questions, given as ids; questions[i] belong to definition i.

    It holds the gradients of one definition and its questions at a time, (1 + k) P numbers. Where these do not fit,
    `aligned_by_derivatives` gives the inner products. Raises ValueError for a definition without questions, a sequence
    of fewer than two tokens, and a gradient of zeros, which has no direction.
    """
    columns, total, directions, squares = [], torch.zeros(()), torch.zeros(()), 0.0
    for definition, its in _together(definitions, questions):
        gradients = flat_gradients(model, [definition, *its])
        lengths = torch.linalg.vector_norm(gradients, dim=1, keepdim=True).double()
        if not lengths.all():
            raise ValueError("the gradient of a sequence is zero: it has no direction")
        columns.append(_measures(gradients[0], gradients[1:]))
        total = total + gradients.sum(0, dtype=torch.float64)
        directions = directions + (gradients / lengths).sum(0)
        squares += float(lengths.square().sum())
    pairs = {name: np.concatenate([some[name] for some in columns]) for name in columns[0]}
    m, mean_length = len(definitions) + sum(map(len, questions)), float(torch.linalg.vector_norm(total))
    cosine_to_mean = float(directions @ total) / (m * mean_length)
    return Alignment(_numbered(questions) | pairs, squares / m - (mean_length / m) ** 2, cosine_to_mean)


def aligned_by_derivatives(
    model: PreTrainedModel, definitions: Sequence[Ids], questions: Sequence[Sequence[Ids]]
) -> Mapping[str, NDArray]:
    """Returns the columns `definition`, `question` and `inner_product` of `Alignment.pairs` for models of any size.

    It holds one gradient at a time. Raises ValueError as `align` does, but for zeros.
    """
    products = [inner_products(model, definition, its) for definition, its in _together(definitions, questions)]
    return _numbered(questions) | {"inner_product": torch.cat(products).double().cpu().numpy()}


def _measures(definition: torch.Tensor, questions: torch.Tensor) -> dict[str, NDArray]:
    """Returns the measures of one definition, [P], with its questions, [k, P]."""
    found = {"inner_product": questions @ definition}
    for norm, order in _NORMS.items():
        found[f"distance_{norm}"] = torch.linalg.vector_norm(questions - definition, order, dim=1)
        found[f"definition_{norm}"] = torch.linalg.vector_norm(definition, order).expand(len(questions))
        found[f"question_{norm}"] = torch.linalg.vector_norm(questions, order, dim=1)
    wide = {name: column.double().cpu().numpy() for name, column in found.items()}
    wide["cosine"] = wide["inner_product"] / (wide["definition_l2"] * wide["question_l2"])
    wide["distance_l2_squared"] = wide["distance_l2"] ** 2
    return wide


def _together(definitions: Sequence[Ids], questions: Sequence[Sequence[Ids]]) -> list[tuple[Ids, Sequence[Ids]]]:
    if not definitions or not all(questions):
        raise ValueError("there is no definition, or one without questions: there is nothing to align")
    return list(zip(definitions, questions, strict=True))


def _numbered(questions: Sequence[Sequence[Ids]]) -> dict[str, NDArray]:
    counts = [len(its) for its in questions]
    within = [j for k in counts for j in range(k)]
    return {"definition": np.repeat(np.arange(len(counts)), counts), "question": np.array(within)}
