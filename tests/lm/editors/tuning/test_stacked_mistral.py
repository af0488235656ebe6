"""stacked_mistral: each edition's logits and gradients are those of transformers with the edition's weights."""

from __future__ import annotations

import pytest
import torch
from small_edits import PAIRS, SIZE

from worldgen.lm.editors.settings import ConstrainedFineTuningConfig, FineTuningConfig
from worldgen.lm.editors.tuning.matrices import as_matrices, parameters_of, row_of, tuned_blocks
from worldgen.lm.editors.tuning.stacked_mistral import StackedMistral, add_up_embeddings
from worldgen.lm.editors.tuning.stacked_texts import stack_texts
from worldgen.lm.model import new_model, next_token_logits
from worldgen.lm.texts import pad, texts_of

MLPS = ConstrainedFineTuningConfig(layers=(1,))


@pytest.mark.parametrize("kv_heads", [4, 2])
@pytest.mark.parametrize("config", [FineTuningConfig(), MLPS])
def test_each_edition_is_transformers_with_its_weights(tokenizer, kv_heads, config):
    model = new_model(SIZE.model_copy(update={"kv_heads": kv_heads}), tokenizer, seed=0).eval()
    blocks = tuned_blocks(model, config)
    draw = torch.Generator().manual_seed(0)
    base = row_of(blocks)
    rows = base + 0.1 * torch.randn(2, len(base), generator=draw)
    texts = texts_of(tokenizer, PAIRS)
    editions = [texts, texts[1:]]

    stacked = stack_texts(editions, torch.device("cpu"))
    mistral, gradients = StackedMistral(model, blocks), torch.full_like(rows, torch.nan)
    own_gradients = as_matrices(gradients, blocks)
    states = mistral.embedded(as_matrices(rows, blocks), stacked).requires_grad_()
    logits = mistral.logits(states, as_matrices(rows, blocks), own_gradients, stacked)
    real = [logits[edition, : sum(text.asked for text in own)] for edition, own in enumerate(editions)]
    (of_states,) = torch.autograd.grad(sum(each.logsumexp(-1).sum() for each in real), states)
    if "embedding" in own_gradients:
        add_up_embeddings(own_gradients["embedding"], of_states, stacked)

    matrices = parameters_of(blocks)
    for edition, own in enumerate(editions):
        with torch.no_grad():
            for matrix, part in zip(matrices, rows[edition].split([m.numel() for m in matrices]), strict=True):
                matrix.copy_(part.view_as(matrix))
        batch = pad(own, torch.device("cpu"))
        expected = next_token_logits(model, batch.input_ids, batch.rows, batch.columns)
        assert torch.allclose(real[edition], expected, atol=1e-5)
        theirs = torch.autograd.grad(expected.logsumexp(-1).sum(), matrices)
        # float32 sums in another order; gradients are of the size of one
        assert torch.allclose(gradients[edition], torch.cat([each.flatten() for each in theirs]), atol=1e-4)


def test_a_row_is_the_matrices_one_after_another(model):
    blocks = tuned_blocks(model, FineTuningConfig())
    row = row_of(blocks)
    assert len(row) == sum(parameter.numel() for parameter in model.parameters() if parameter.ndim > 1)
    matrices = as_matrices(row[None], blocks)
    attention = model.model.layers[1].self_attn
    of_layer = [attention.q_proj.weight, attention.k_proj.weight, attention.v_proj.weight]
    assert torch.equal(matrices["1.attention"][0], torch.cat(of_layer))
    assert torch.equal(matrices["head"][0], model.lm_head.weight)
    assert matrices["embedding"].data_ptr() == row.data_ptr()  # a view
