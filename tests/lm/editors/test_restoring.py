"""restoring: a changed weight is noticed, and copies are put back."""

from __future__ import annotations

import pytest
import torch

from worldgen.lm.editors.restoring import put_back, restored


def test_a_changed_base_weight_is_noticed(model):
    weight = model.model.layers[0].mlp.down_proj.weight.detach()
    next_float = torch.nextafter(weight[3, 4], torch.tensor(1e9))
    with pytest.raises(AssertionError, match="traces"), restored(model):
        weight[3, 4] = next_float


def test_weights_are_put_back(model):
    weights = [parameter.detach().clone() for parameter in model.parameters()]
    with restored(model), put_back(model.parameters()):
        for parameter in model.parameters():
            parameter.data.add_(1.0)
    assert all(torch.equal(one, other) for one, other in zip(weights, model.parameters(), strict=True))
