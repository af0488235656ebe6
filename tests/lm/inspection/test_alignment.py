"""worldgen.lm.inspection.alignment and gradients: equal to autograd, one sequence at a time, written out."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from small_causal_models import ARCHITECTURES, model_of

from worldgen.lm.inspection.alignment import align, aligned_by_derivatives
from worldgen.lm.inspection.gradients import flat_gradients

VOCABULARY = 30
DEFINITIONS = [[3, 7, 11, 2], [3, 8, 12], [4, 9, 13, 14, 15, 2]]
QUESTIONS = [[[7, 20, 11, 2], [7, 21, 22]], [[8, 20, 16, 5, 2]], [[9, 20, 17], [9, 21, 23, 6, 2], [9, 25]]]
# Some of transformers' norms compute in float32, whatever the model's dtype: 6e-8 of their size.
TOLERANCE = 1e-6


@pytest.fixture(params=ARCHITECTURES)
def model(request):
    return model_of(request.param, VOCABULARY)


def gradient_alone(model, ids):
    """The gradient of one sequence without padding: its loss token by token, then autograd."""
    logits = model(input_ids=torch.tensor([ids])).logits[0]
    loss = -sum(torch.log_softmax(logits[i - 1], -1)[ids[i]] for i in range(1, len(ids))) / (len(ids) - 1)
    return torch.cat([g.flatten() for g in torch.autograd.grad(loss, list(model.parameters()))]).numpy()


def written_out(model):
    """Every measure by its definition: the pairs' columns by name, the total variance, the mean cosine to the mean."""
    columns, every = {}, []
    for i, (definition, questions) in enumerate(zip(DEFINITIONS, QUESTIONS, strict=True)):
        d = gradient_alone(model, definition)
        every.append(d)
        for j, question in enumerate(questions):
            q = gradient_alone(model, question)
            every.append(q)
            row = {"definition": i, "question": j, "inner_product": sum(d * q)}
            row["cosine"] = sum(d * q) / (sum(d**2) ** 0.5 * sum(q**2) ** 0.5)
            for name, vector in (("definition", d), ("question", q), ("distance", d - q)):
                row[f"{name}_l1"], row[f"{name}_linf"] = sum(abs(vector)), max(abs(vector))
                row[f"{name}_l2"] = sum(vector**2) ** 0.5
            row["distance_l2_squared"] = sum((d - q) ** 2)
            for name, value in row.items():
                columns.setdefault(name, []).append(value)
    m, mean = len(every), np.mean(every, axis=0)
    variance = sum(((a - b) ** 2).sum() for a in every for b in every) / (2 * m**2)
    to_mean = np.mean([g @ mean / np.linalg.norm(g) / np.linalg.norm(mean) for g in every])
    return columns, variance, to_mean


def test_every_measure_is_that_of_autograd_one_sequence_at_a_time(model):
    found, (columns, variance, to_mean) = align(model, DEFINITIONS, QUESTIONS), written_out(model)
    assert set(found.pairs) == set(columns)
    for name, column in columns.items():
        assert found.pairs[name] == pytest.approx(column, rel=TOLERANCE), name
    assert found.total_variance == pytest.approx(variance, rel=TOLERANCE)
    assert found.cosine_to_mean == pytest.approx(to_mean, rel=TOLERANCE)
    cosine = columns["cosine"]
    mean = np.mean([np.mean(cosine[:2]), cosine[2], np.mean(cosine[3:])])
    assert found.mean("cosine") == pytest.approx(mean, rel=TOLERANCE)
    assert abs(mean - np.mean(cosine)) > 1e-3  # a mean over all pairs would be another


def test_derivatives_give_the_inner_products_of_the_gradients(model):
    found, flat = aligned_by_derivatives(model, DEFINITIONS, QUESTIONS), align(model, DEFINITIONS, QUESTIONS)
    for name in ("definition", "question"):
        assert found[name].tolist() == flat.pairs[name].tolist()
    scale = (flat.pairs["definition_l2"] * flat.pairs["question_l2"]).max()  # a product may be near 0
    assert np.abs(found["inner_product"] - flat.pairs["inner_product"]).max() < TOLERANCE * scale


def test_a_row_is_a_gradient_whatever_stands_beside_it_and_the_model_stays_as_it_is(model):
    before = [parameter.clone() for parameter in model.parameters()]
    together = flat_gradients(model, DEFINITIONS)
    for row, ids in zip(together, DEFINITIONS, strict=True):
        assert row.numpy() == pytest.approx(gradient_alone(model, ids), rel=1e-9, abs=1e-12)
    assert all(parameter.grad is None for parameter in model.parameters())
    assert all(map(torch.equal, model.parameters(), before))


def test_dropout_has_no_part_in_it_and_every_module_keeps_its_mode():
    model = model_of("gpt2", VOCABULARY)
    quiet = align(model, DEFINITIONS, QUESTIONS)
    model.train()
    model.transformer.h[0].eval()
    modes = [module.training for module in model.modules()]
    drawn = gradient_alone(model, DEFINITIONS[0])
    noisy = align(model, DEFINITIONS, QUESTIONS)
    assert [module.training for module in model.modules()] == modes
    model.eval()
    assert not np.allclose(drawn, gradient_alone(model, DEFINITIONS[0]), rtol=0.1)
    assert all(np.array_equal(noisy.pairs[name], quiet.pairs[name]) for name in quiet.pairs)


def test_tied_parameters_count_once():
    model = model_of("gpt2", VOCABULARY)
    assert model.lm_head.weight is model.transformer.wte.weight
    assert flat_gradients(model, DEFINITIONS).shape == (3, sum(p.numel() for p in model.parameters()))


@pytest.mark.parametrize(
    ("definitions", "questions"),
    [([], []), (DEFINITIONS, [*QUESTIONS[:2], []]), (DEFINITIONS, QUESTIONS[:2]), ([[3]], [[[7, 20]]])],
)
def test_what_cannot_be_aligned_is_refused(definitions, questions):
    for measure in (align, aligned_by_derivatives):
        with pytest.raises(ValueError, match=r"questions|two tokens|shorter"):
            measure(model_of("neox", VOCABULARY), definitions, questions)
