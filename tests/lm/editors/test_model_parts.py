"""The parts of any causal model by their names, and the reference editors on models that are not ours."""

from __future__ import annotations

import pytest
import torch
from small_causal_models import ARCHITECTURES, Architecture, model_of, tokenizer_of

from worldgen.errors import UserError
from worldgen.lm.editions import Edition, Request
from worldgen.lm.editors.lowrank.lora_reference import LoraReference
from worldgen.lm.editors.model_parts import matrices_of, mlp_matrices, mlp_outputs
from worldgen.lm.editors.settings import ConstrainedFineTuningConfig, FineTuningConfig, LoraConfig
from worldgen.lm.editors.tuning.fine_tuning_reference import FineTuningReference

TOKENIZER = tokenizer_of("pieces", True)
EDITION = Edition((Request("ada was born in", "York."), Request("bob was born in", "Oxwell.")), 3)
LAST = {"gpt2": "mlp.c_proj", "neox": "mlp.dense_4h_to_h", "llama": "mlp.down_proj", "mistral": "mlp.down_proj"}

each = pytest.mark.parametrize("architecture", ARCHITECTURES)


@each
def test_matrices_and_mlps_are_told_by_name(architecture: Architecture) -> None:
    model = model_of(architecture, len(TOKENIZER))
    by_name = {name: parameter for name, parameter in model.named_parameters() if name.endswith("weight")}
    vectors = {id(its) for name, its in by_name.items() if its.ndim == 1}
    assert {id(matrix) for matrix in matrices_of(model)} == {id(its) for its in by_name.values()} - vectors
    mlps = {name: its for name, its in by_name.items() if ".mlp." in name}
    assert {id(matrix) for matrix in mlp_matrices(model, ())} == {id(its) for its in mlps.values()}
    second = {id(its) for name, its in mlps.items() if ".1.mlp." in name}
    assert {id(matrix) for matrix in mlp_matrices(model, (1,))} == second
    assert second
    assert [name.endswith(f".{number}.{LAST[architecture]}") for number, name in enumerate(mlp_outputs(model))] == [
        True, True,
    ]  # fmt: skip


def test_a_layer_that_is_not_there_and_a_model_without_mlps_are_refused() -> None:
    model = model_of("neox", len(TOKENIZER))
    with pytest.raises(UserError, match="layer 2, but the model has the layers 0 to 1"):
        mlp_matrices(model, (0, 2))
    bare = torch.nn.Linear(2, 2)
    for part, told in ((lambda: mlp_matrices(bare, ()), "take ft"), (lambda: mlp_outputs(bare), "take ft")):  # type: ignore[arg-type]
        with pytest.raises(UserError, match=told):
            part()


@each
@pytest.mark.parametrize("optimizer", ["adamw", "sgd", "rmsprop"])
def test_fine_tuning_lowers_the_loss_of_any_model_and_puts_it_back(architecture: Architecture, optimizer: str) -> None:
    """One edition at a time in mode "together": the loss before the last step is below that before the first."""
    model = model_of(architecture, len(TOKENIZER))
    before = {name: parameter.clone() for name, parameter in model.named_parameters()}
    rate = 1e-2 if optimizer == "sgd" else 1e-3
    config = FineTuningConfig(optimizer=optimizer, learning_rate=rate, steps=5)  # type: ignore[arg-type]
    with FineTuningReference(config, "together", TOKENIZER).edit(model, [EDITION]) as edited:
        (cost,) = edited.costs
        moved = {name for name, its in model.named_parameters() if not torch.equal(its, before[name])}
    assert cost.losses[-1] < cost.losses[0]
    assert cost.flops > 0
    assert moved <= {name for name, its in before.items() if its.ndim > 1}
    assert len(moved) > 8
    assert all(torch.equal(its, before[name]) for name, its in model.named_parameters())


@each
def test_constrained_fine_tuning_moves_mlps_only_and_stays_in_its_ball(architecture: Architecture) -> None:
    model = model_of(architecture, len(TOKENIZER))
    before = {name: parameter.clone() for name, parameter in model.named_parameters()}
    config = ConstrainedFineTuningConfig(learning_rate=1e-2, steps=3, max_norm=1e-3)
    with FineTuningReference(config, "sequential", TOKENIZER).edit(model, [EDITION]):
        moves = {name: (its - before[name]).abs().max().item() for name, its in model.named_parameters()}
    assert all((move > 0) == (".mlp." in name and before[name].ndim > 1) for name, move in moves.items())
    assert max(moves.values()) == pytest.approx(1e-3)


@each
def test_lora_lowers_the_loss_of_any_model_and_leaves_nothing_behind(architecture: Architecture) -> None:
    model = model_of(architecture, len(TOKENIZER))
    ids = torch.arange(12)[None]
    with torch.no_grad():
        before = model(input_ids=ids).logits
        config = LoraConfig(rank=2, learning_rate=1e-2, steps=5)
        with LoraReference(config, "together", TOKENIZER).edit(model, [EDITION]) as edited:
            (cost,) = edited.costs
            during = edited.model(input_ids=ids).logits
        after = model(input_ids=ids).logits
    assert cost.losses[-1] < cost.losses[0]
    assert not torch.allclose(during, before)
    assert torch.equal(after, before)
