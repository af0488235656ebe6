"""lm.editors.lora: peft's own arithmetic, a request that is learned, and a model that comes back to the bit."""

import numpy as np
import pytest
import torch
from peft import LoraConfig, get_peft_model
from peft.tuners.lora import LoraLayer

from lm.editors.lora import Lora
from lm.editors.request import Request, restored
from lm.model import new_model
from lm.score import log_probabilities
from lm.tokenizer import encode, train_word_tokenizer
from worldgen.sections import EditConfig, PretrainConfig

pytestmark = pytest.mark.usefixtures("one_thread")

SIZE = PretrainConfig(hidden=32, intermediate=64, layers=2, heads=4, kv_heads=4, row_tokens=64)
CONFIG = EditConfig(learning_rate=2e-2, steps=40)
REQUEST = Request("ada born in", "san salvador.")
PAIR = (REQUEST.prompt, REQUEST.target)


@pytest.fixture(scope="module")
def tokenizer():
    return train_word_tokenizer(["ada", "born in", "paris", "san salvador"])


@pytest.fixture
def model(tokenizer):
    model = new_model(SIZE, tokenizer, seed=0)
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.ndim > 1:
                parameter.mul_(4)  # so that attention and the MLPs matter, as in a trained model
    return model


def test_the_edit_is_learned_and_then_gone(model, tokenizer):
    names = [name for name, _ in model.named_modules()]
    weights = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    before = log_probabilities(model, tokenizer, [PAIR])
    with Lora(CONFIG, tokenizer).edit(model, REQUEST, seed=1) as edited:
        during = log_probabilities(edited.model, tokenizer, [PAIR])
    assert len(edited.losses) == 40
    assert edited.losses[0] == pytest.approx(-before[0] / 3, rel=1e-5)  # three tokens; B = 0 changes nothing
    assert -during[0] / 3 < edited.losses[-1] < 0.5 * edited.losses[0]
    assert np.array_equal(log_probabilities(model, tokenizer, [PAIR]), before)
    assert [name for name, _ in model.named_modules()] == names
    assert all(torch.equal(weights[name], tensor) for name, tensor in model.state_dict().items())
    assert all(parameter.requires_grad and parameter.grad is None for parameter in model.parameters())
    assert model.training


def test_it_is_peft_step_by_step(model, tokenizer):
    with Lora(CONFIG, tokenizer).edit(model, REQUEST, seed=7) as edited:
        ours = {name: p.clone() for name, p in edited.model.named_parameters() if "lora_" in name}

    torch.manual_seed(7)
    config = LoraConfig(r=1, lora_alpha=8, lora_dropout=0.0, target_modules=["down_proj"], task_type="CAUSAL_LM")
    wrapped = get_peft_model(model, config).eval()
    optimizer = torch.optim.AdamW([p for p in wrapped.parameters() if p.requires_grad], lr=CONFIG.learning_rate)
    prompt, target = encode(tokenizer, PAIR)
    ids = torch.tensor([[1, *prompt, *target]])
    labels = torch.tensor([[-100] * (1 + len(prompt)) + target])
    losses = []
    for _ in range(CONFIG.steps):
        loss = wrapped(input_ids=ids, labels=labels).loss
        loss.backward()
        torch.nn.utils.clip_grad_norm_(wrapped.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad()
        losses.append(loss.item())
    theirs = {name: p for name, p in model.named_parameters() if "lora_" in name}
    assert edited.losses == pytest.approx(losses, rel=1e-3)
    assert list(theirs) == list(ours)
    assert len(ours) == 2 * SIZE.layers
    # fused and plain AdamW round differently, forty times over
    assert all(torch.allclose(ours[name], theirs[name], atol=1e-3) for name in ours)


def test_the_seed_alone_makes_the_edit(model, tokenizer):
    lora = Lora(CONFIG, tokenizer)
    state = torch.get_rng_state()
    scores = []
    for seed in (1, 1, 2):
        torch.rand(3)
        with lora.edit(model, REQUEST, seed) as edited:
            scores.append(log_probabilities(edited.model, tokenizer, [PAIR])[0])
    torch.set_rng_state(state)
    with lora.edit(model, REQUEST, 1):
        assert torch.equal(torch.get_rng_state(), state)
    assert scores[0] == scores[1] != scores[2]


def test_rank_alpha_and_steps_are_the_configs(model, tokenizer):
    config = EditConfig(rank=3, alpha=12.0, steps=0)
    with Lora(config, tokenizer).edit(model, REQUEST, seed=0) as edited:
        layers = [module for module in model.modules() if isinstance(module, LoraLayer)]
        assert edited.losses == ()
        assert len(layers) == SIZE.layers
        assert all(layer.lora_A["default"].weight.shape == (3, SIZE.intermediate) for layer in layers)
        assert all(layer.scaling["default"] == 4.0 for layer in layers)


def test_an_exception_inside_leaves_the_model_as_it_was(model, tokenizer):
    before = log_probabilities(model, tokenizer, [PAIR])
    with pytest.raises(KeyError), Lora(CONFIG, tokenizer).edit(model, REQUEST, seed=0):
        raise KeyError
    assert not [name for name, _ in model.named_parameters() if "lora_" in name]
    assert np.array_equal(log_probabilities(model, tokenizer, [PAIR]), before)


def test_a_changed_base_weight_is_noticed(model):
    weight = model.model.layers[0].mlp.down_proj.weight.detach()
    next_float = torch.nextafter(weight[3, 4], torch.tensor(1e9))
    with pytest.raises(AssertionError, match="traces"), restored(model):
        weight[3, 4] = next_float


def test_a_target_without_tokens_is_refused(model, tokenizer):
    with pytest.raises(ValueError, match="no tokens"), Lora(CONFIG, tokenizer).edit(model, Request("ada", ""), 0):
        pass
