"""training: the model does not move, the same bytes twice and after a kill, and a loss that is no number stops it."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pyarrow.parquet as pq
import pytest
import torch
from small_causal_models import model_of
from small_updates import SIZES, four_points

from worldgen.errors import UserError
from worldgen.lm.editors.learned.network import LearnedOptimizer, new_network
from worldgen.lm.editors.learned.saved import load_optimizer, save_optimizer
from worldgen.lm.editors.learned.settings import ConstrainedConfig, KeConfig, LearnedConfig
from worldgen.lm.editors.learned.training import BEST, FINAL, Observers, train_optimizer
from worldgen.lm.model import new_model
from worldgen.lm.settings import PretrainConfig

CONFIG = LearnedConfig(
    **SIZES, paraphrase_weight=1.0, neutral_weight=1.0, training_steps=2, random_points=2, sequence=2,
    updates=16, validations=4, checkpoint_steps=3, learning_rate=3e-3,
)  # fmt: skip
CONSTRAINED = ConstrainedConfig(
    **SIZES, random_points=2, updates=8, validations=4, checkpoint_steps=3, warmup_steps=2, learning_rate=3e-3
)
QUIET = Observers(quiet=True)


def score(network: LearnedOptimizer) -> dict[str, float]:
    """Marks that depend on the network: a smaller embedding is better."""
    size = network.conditioner.embedding.weight.norm().item()
    return {"score": -size, "success": 1.0}


def trained(model, tokenizer, config, out: Path, validate=score) -> dict[str, bytes]:
    """Trains; returns the bytes of the result."""
    train_optimizer(model, four_points(tokenizer), config, 5, out, Observers(validate, quiet=True))
    return {path.name: path.read_bytes() for path in [*sorted((out / FINAL).iterdir()), out / "training.parquet"]}


def test_the_model_does_not_move_and_the_network_does(model, tokenizer, tmp_path):
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    needs = [parameter.requires_grad for parameter in model.parameters()]
    trained(model, tokenizer, CONFIG, tmp_path)
    assert all(torch.equal(before[name], tensor) for name, tensor in model.state_dict().items())
    assert [parameter.requires_grad for parameter in model.parameters()] == needs
    assert model.training
    network, _ = load_optimizer(tmp_path / FINAL, model)
    start = dict(new_network(model, CONFIG, 5).named_parameters())
    assert all(not torch.equal(start[name], parameter) for name, parameter in network.named_parameters())


@pytest.mark.parametrize("config", [CONFIG, CONSTRAINED])
def test_training_twice_gives_the_same_bytes(model, tokenizer, tmp_path, config):
    once = trained(model, tokenizer, config, tmp_path / "once")
    torch.rand(3)
    assert trained(model, tokenizer, config, tmp_path / "twice") == once
    assert len(once) == 3


@pytest.mark.parametrize("config", [CONFIG, CONSTRAINED])
@pytest.mark.parametrize("killed_at", [1, 3])
def test_a_killed_training_goes_on_to_the_same_bits(model, tokenizer, tmp_path, config, killed_at):
    """There are checkpoints after steps 3 and 6, validations after 2, 4, 6 and 8. The constraint goes on too."""
    whole = trained(model, tokenizer, config, tmp_path / "whole")
    calls = 0

    def killing(network: LearnedOptimizer) -> dict[str, float]:
        nonlocal calls
        calls += 1
        if calls == killed_at:
            raise KeyboardInterrupt
        return score(network)

    with pytest.raises(KeyboardInterrupt):
        trained(model, tokenizer, config, tmp_path / "killed", killing)
    (tmp_path / "killed" / "checkpoint-000000009.partial").mkdir(parents=True)
    assert trained(model, tokenizer, config, tmp_path / "killed") == whole
    assert not list((tmp_path / "killed").glob("*.partial"))


def test_the_best_of_the_validated_is_the_result(model, tokenizer, tmp_path):
    """The second validation has the highest score, and the result is what was then."""
    scores, seen = iter([1.0, 3.0, 2.0, 2.5]), []

    def validate(network: LearnedOptimizer) -> dict[str, float]:
        seen.append({name: tensor.clone() for name, tensor in network.state_dict().items()})
        return {"score": next(scores)}

    trained(model, tokenizer, CONFIG, tmp_path, validate)
    network, config = load_optimizer(tmp_path / FINAL, model)
    assert config == CONFIG
    assert len(seen) == 4
    assert all(torch.equal(seen[1][name], tensor) for name, tensor in network.state_dict().items())
    assert (tmp_path / BEST).is_dir()


def test_the_history_has_a_row_a_step(model, tokenizer, tmp_path):
    trained(model, tokenizer, CONSTRAINED, tmp_path)
    rows = pq.read_table(tmp_path / "training.parquet").to_pylist()
    assert [row["step"] for row in rows] == list(range(1, 9))
    assert [row["success"] for row in rows] == [None, 1.0] * 4
    assert [row["margin"] for row in rows[:5]] == pytest.approx([1e-3, 1e-3, 0.8e-3, 0.8e-3, 0.64e-3])
    for row in rows:
        assert row["loss"] == row["taught"] + row["price"] * (row["kept"] - row["margin"])


def test_a_trained_optimizer_makes_updates_take(model, tokenizer, tmp_path):
    """At first hardly any update takes within two steps; at the end nearly all do, of the four points learned from."""
    settings = {"updates": 100, "learning_rate": 1e-2, "paraphrase_weight": 0.0, "sequence": 1, "sequences": 4}
    trained(model, tokenizer, CONFIG.model_copy(update=settings), tmp_path)
    history = pq.read_table(tmp_path / "training.parquet").to_pandas()
    assert history["learned"][:5].mean() < 0.3
    assert history["learned"][-5:].mean() > 0.8
    assert history["taught"][-5:].mean() < history["taught"][:5].mean()


def test_a_loss_that_is_no_number_stops_the_training_with_a_line(model, tokenizer, tmp_path):
    with torch.no_grad():
        model.lm_head.weight[3] = torch.nan
    with pytest.raises(UserError, match=r"the optimizer's loss is nan at step 1: lower its learning_rate") as error:
        train_optimizer(model, four_points(tokenizer), CONFIG, 5, tmp_path, QUIET)
    assert "\n" not in str(error.value)
    assert not (tmp_path / FINAL).exists()


def test_a_model_of_another_architecture_is_trained_for_too(tokenizer, tmp_path):
    model = model_of("gpt2", len(tokenizer))
    config = CONFIG.model_copy(update={"updates": 4, "validations": 0})
    train_optimizer(model, four_points(tokenizer), config, 5, tmp_path, QUIET)
    network, _ = load_optimizer(tmp_path / FINAL, model)
    assert not torch.equal(network.conditioner.embedding.weight, model.get_input_embeddings().weight)


# -- on disk -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("config", [CONFIG, KeConfig(**SIZES), CONSTRAINED])
def test_what_is_saved_is_what_is_loaded(model, tmp_path, config):
    network = new_network(model, config, seed=3)
    save_optimizer(network, config, tmp_path / "saved")
    loaded, settings = load_optimizer(tmp_path / "saved", model)
    assert settings == config
    assert type(settings) is type(config)
    expected = network([[1, 2, 3]])
    assert all(torch.equal(expected[name], output) for name, output in loaded([[1, 2, 3]]).items())
    assert json.loads((tmp_path / "saved" / "optimizer.json").read_text())["settings"]["lstm"] == SIZES["lstm"]


def test_an_optimizer_for_another_model_is_refused(model, tokenizer, tmp_path):
    save_optimizer(new_network(model, CONFIG, seed=3), CONFIG, tmp_path / "saved")
    wider = PretrainConfig(hidden=32, intermediate=48, layers=2, heads=4, kv_heads=4, row_tokens=64)
    deeper = wider.model_copy(update={"intermediate": 64, "layers": 3})
    shallow = wider.model_copy(update={"intermediate": 64, "layers": 1})
    for other, fault in (
        (wider, r"gate_proj.weight is 64 by 32, this model's is 48 by 32"),
        (deeper, r"layers.2.self_attn.q_proj.weight is missing, this model's is 32 by 32"),
        (shallow, r"layers.1.self_attn.q_proj.weight is 32 by 32, this model's is missing"),
    ):
        with pytest.raises(UserError, match=fault) as error:
            load_optimizer(tmp_path / "saved", new_model(other, tokenizer, seed=0))
        assert "\n" not in str(error.value)
    shutil.rmtree(tmp_path / "saved")
    with pytest.raises(UserError, match="holds no trained optimizer"):
        load_optimizer(tmp_path / "saved", model)
