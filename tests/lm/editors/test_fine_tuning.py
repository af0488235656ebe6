"""The methods that tune the model itself, or only tell it something: their promises, and a model that comes back."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
import torch

from worldgen.errors import UserError
from worldgen.lm.data import BatchPlan, TokenShards, batches
from worldgen.lm.editions import Edition, Editor, Mode, Request
from worldgen.lm.editors.fine_tuning import ConstrainedFineTuning, FineTuning
from worldgen.lm.editors.in_context import InContext
from worldgen.lm.editors.retrain import Retrain
from worldgen.lm.editors.settings import ConstrainedFineTuningConfig, FineTuningConfig, InContextConfig, RetrainConfig
from worldgen.lm.model import new_model
from worldgen.lm.score import greedy, log_probabilities
from worldgen.lm.settings import PretrainConfig
from worldgen.lm.tokenizer import encode, train_word_tokenizer

pytestmark = pytest.mark.usefixtures("one_thread")

SIZE = PretrainConfig(hidden=32, intermediate=64, layers=2, heads=4, kv_heads=4, row_tokens=64, weight_decay=0.01)
REQUESTS = (Request("ada born in", "san salvador.", weight=40.0), Request("bob born in", "paris.", weight=10.0))
PAIRS = [(request.prompt, request.target) for request in REQUESTS]
OTHER = ("bob likes", "ada.")
FT = FineTuningConfig(learning_rate=3e-3)
FT_L = ConstrainedFineTuningConfig(learning_rate=3e-3, max_norm=0.1)
RETRAIN = RetrainConfig(learning_rate=3e-3, steps=15, rows_per_step=1)
ROUNDING = 1e-5  # float32 sums in another order


@pytest.fixture(scope="module")
def tokenizer():
    return train_word_tokenizer(["ada", "bob", "born in", "likes", "paris", "san salvador"])


@pytest.fixture(scope="module")
def corpus(tokenizer, tmp_path_factory) -> TokenShards:
    folder = tmp_path_factory.mktemp("tokens")
    texts = ["ada born in paris. ada likes bob.", "bob born in san salvador.", "bob likes ada. bob born in paris."]
    documents = [[1, *ids, 2] for ids in encode(tokenizer, texts * 20)]
    np.save(folder / "train-00000.npy", np.concatenate(documents).astype(np.uint16))
    return TokenShards(folder, tokenizer.bos_token_id)


@pytest.fixture
def model(tokenizer):
    model = new_model(SIZE, tokenizer, seed=0)
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.ndim > 1:
                parameter.mul_(4)  # so that attention and the MLPs matter, as in a trained model
        model.lm_head.weight.mul_(4)  # so that MLPs alone can make a probability of 0.95
    return model


Make = Callable[..., Editor]


@pytest.fixture
def make(tokenizer, corpus) -> Make:
    def make(method: str, mode: Mode = "single") -> Editor:
        match method:
            case "ft":
                return FineTuning(FT, mode, tokenizer)
            case "ft-l":
                return ConstrainedFineTuning(FT_L, mode, tokenizer)
            case "in-context":
                return InContext(InContextConfig(sentences=3), tokenizer)
        return Retrain(RETRAIN, SIZE, mode, tokenizer, corpus)

    return make


TUNING = ["ft", "ft-l", "retrain"]


@pytest.mark.parametrize("method", [*TUNING, "in-context"])
@pytest.mark.parametrize(("mode", "requests"), [("single", 1), ("sequential", 2), ("together", 2)])
def test_the_model_comes_back_to_the_bit(model, tokenizer, make, method, mode, requests):
    editor = make(method, mode)
    assert editor.name == method
    weights = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    asked = [*PAIRS, OTHER]
    before = log_probabilities(model, tokenizer, asked)
    with editor.edit(model, [Edition(REQUESTS[:requests], seed=1)]) as edited:
        during = log_probabilities(edited, tokenizer, asked, editions=[0, 0, 0])
    assert (during != before).all()
    assert np.array_equal(log_probabilities(model, tokenizer, asked), before)
    assert all(torch.equal(weights[name], tensor) for name, tensor in model.state_dict().items())
    assert all(parameter.requires_grad and parameter.grad is None for parameter in model.parameters())
    assert model.training


@pytest.mark.parametrize("method", TUNING)
def test_an_exception_inside_leaves_the_model_as_it_was(model, tokenizer, make, method):
    before = log_probabilities(model, tokenizer, PAIRS)
    with pytest.raises(KeyError), make(method).edit(model, [Edition(REQUESTS[:1], seed=1)]):
        raise KeyError
    assert np.array_equal(log_probabilities(model, tokenizer, PAIRS), before)


@pytest.mark.parametrize("method", TUNING)
@pytest.mark.parametrize("mode", ["sequential", "together"])
def test_the_requests_are_learned_and_the_edit_is_a_function_of_model_and_edition(model, tokenizer, make, method, mode):
    scores, costs = [], []
    for _ in range(2):
        torch.rand(3)
        with make(method, mode).edit(model, [Edition(REQUESTS, seed=5)]) as edited:
            scores.append(log_probabilities(edited, tokenizer, PAIRS))
            costs += edited.costs
    assert np.array_equal(scores[0], scores[1])
    assert costs[0] == costs[1]
    assert costs[0].losses
    assert costs[0].flops > 0
    before = log_probabilities(model, tokenizer, PAIRS)
    assert (scores[0] > before + 1).all()


@pytest.mark.parametrize("method", ["ft", "ft-l"])
def test_tuning_ends_when_the_request_is_taken(model, tokenizer, make, method):
    editor = make(method)
    with editor.edit(model, [Edition(REQUESTS[:1], seed=0)]) as edited:
        (taken,) = np.exp(log_probabilities(edited, tokenizer, PAIRS[:1]))
        (answer,) = greedy(edited, tokenizer, [REQUESTS[0].prompt], 3)
    steps = len(edited.costs[0].losses)
    assert taken > 0.95
    assert answer == encode(tokenizer, [REQUESTS[0].target])[0]
    assert 0 < steps < 100
    short = replace(editor, config=editor.config.model_copy(update={"steps": steps - 1}))
    with short.edit(model, [Edition(REQUESTS[:1], seed=0)]) as edited:
        assert np.exp(log_probabilities(edited, tokenizer, PAIRS[:1]))[0] <= 0.95


def test_what_the_model_believes_already_takes_no_step(model, tokenizer):
    easy = FT.model_copy(update={"stop_probability": 1e-12})
    with FineTuning(easy, "single", tokenizer).edit(model, [Edition(REQUESTS[:1], seed=0)]) as edited:
        assert edited.costs[0].losses == ()
        assert edited.costs[0].flops == 0


@pytest.mark.parametrize("optimizer", ["adamw", "sgd", "rmsprop"])
def test_a_step_is_the_optimizers(model, tokenizer, optimizer):
    """One step against the same written out with torch's own loss, on the logits of the whole text."""
    config = FT.model_copy(update={"optimizer": optimizer, "steps": 1, "gradient_clip": 0.5})
    with FineTuning(config, "single", tokenizer).edit(model, [Edition(REQUESTS[:1], seed=0)]) as edited:
        ours = {name: parameter.detach().clone() for name, parameter in model.named_parameters()}
    prompt, target = encode(tokenizer, PAIRS[0])
    ids = torch.tensor([[1, *prompt, *target]])
    loss = model(input_ids=ids, labels=torch.tensor([[-100] * (1 + len(prompt)) + target])).loss
    loss.backward()
    matrices = [parameter for parameter in model.parameters() if parameter.ndim > 1]
    torch.nn.utils.clip_grad_norm_(matrices, 0.5)
    makers = {"adamw": torch.optim.AdamW, "sgd": torch.optim.SGD, "rmsprop": torch.optim.RMSprop}
    special = {"centered": True} if optimizer == "rmsprop" else {}
    makers[optimizer](matrices, lr=FT.learning_rate, weight_decay=1e-4, **special).step()
    assert edited.costs[0].losses == pytest.approx([loss.item()], rel=ROUNDING)
    for name, parameter in model.named_parameters():
        # A first step of these optimizers is about the learning rate whatever the gradient: its sign may be rounding.
        close = (ours[name] - parameter).abs() <= 1e-6
        assert close.float().mean() > 0.99, name


@pytest.mark.parametrize("layers", [(), (1,)])
def test_no_weight_leaves_the_ball(model, tokenizer, layers):
    config = FT_L.model_copy(update={"max_norm": 0.01, "layers": layers, "stop_probability": 1.0, "steps": 12})
    base = {name: parameter.detach().clone() for name, parameter in model.named_parameters()}
    with ConstrainedFineTuning(config, "sequential", tokenizer).edit(model, [Edition(REQUESTS, seed=0)]):
        moved = {name: (parameter - base[name]).abs().max().item() for name, parameter in model.named_parameters()}
    chosen = [f"model.layers.{layer}.mlp." for layer in layers or (0, 1)]
    for name, distance in moved.items():
        tuned = name.startswith(tuple(chosen))
        # A weight of up to 1 is added to 0.01 in float32: its last place is 6e-8.
        assert distance == (pytest.approx(0.01, abs=1e-7) if tuned else 0.0), name


def test_a_layer_that_is_not_there_is_refused(model, tokenizer):
    config = FT_L.model_copy(update={"layers": (0, 2)})
    editor = ConstrainedFineTuning(config, "single", tokenizer)
    with pytest.raises(UserError, match="names layer 2, but the model has the layers 0 to 1"):
        editor.edit(model, [Edition(REQUESTS[:1], seed=0)]).__enter__()


def test_in_context_is_the_request_said_before_the_prompt(model, tokenizer, make):
    editor = make("in-context")
    editions = [Edition(REQUESTS[:1], seed=0), Edition(REQUESTS[1:], seed=0)]
    assert editor.at_once(editions) == 2
    with editor.edit(model, editions) as edited:
        ours = log_probabilities(edited, tokenizer, [OTHER, OTHER], editions=[0, 1])
    told = ["ada born in san salvador. " * 3, "bob born in paris. " * 3]
    expected = log_probabilities(model, tokenizer, [(text + OTHER[0], OTHER[1]) for text in told])
    assert ours == pytest.approx(expected, rel=ROUNDING)
    assert edited.costs[0].losses == ()


def test_too_long_a_preface_is_refused(model, tokenizer):
    editor = InContext(InContextConfig(sentences=11), tokenizer)
    with pytest.raises(UserError, match="a preface of 66 tokens, but the model was made for 64"):
        editor.edit(model, [Edition(REQUESTS[:1], seed=0)]).__enter__()


def test_retraining_is_pretraining_on_the_corpus_and_so_many_copies(model, tokenizer, corpus):
    """A step against the mean over corpus and copies written out one by one, as documents of their own."""
    config = RETRAIN.model_copy(update={"steps": 2})
    with Retrain(config, SIZE, "together", tokenizer, corpus).edit(model, [Edition(REQUESTS, seed=9)]) as edited:
        losses = edited.costs[0].losses
    stream = batches(corpus, BatchPlan(9, SIZE.row_tokens, 1))
    copies = ["ada born in san salvador."] * 20 + ["bob born in paris."] * 5
    documents = [torch.tensor([1, *ids, 2]) for ids in encode(tokenizer, copies)]
    row = next(stream)
    # The row's documents, cut at each BOS.
    starts = (row.input_ids[0] == 1).nonzero()[:, 0].tolist()
    documents += [row.input_ids[0][a:b] for a, b in zip(starts, [*starts[1:], row.tokens], strict=True)]
    with torch.no_grad():
        sums = [
            torch.nn.functional.cross_entropy(model(input_ids=ids[None]).logits[0, :-1], ids[1:], reduction="sum")
            for ids in documents
        ]
    expected = sum(sums).item() / sum(len(ids) - 1 for ids in documents)
    assert losses[0] == pytest.approx(expected, rel=ROUNDING)
    assert losses[1] < losses[0]


def test_each_request_of_a_sequence_meets_other_rows_of_the_corpus(model, tokenizer, corpus, monkeypatch):
    starts = []
    real = batches

    def noted(shards, plan, start):
        starts.append(start)
        return real(shards, plan, start)

    monkeypatch.setattr("worldgen.lm.editors.retrain.batches", noted)
    with Retrain(RETRAIN, SIZE, "sequential", tokenizer, corpus).edit(model, [Edition(REQUESTS, seed=9)]):
        pass
    assert starts == [0, 15]


def test_a_request_as_a_sentence():
    assert Request("ada born in", "paris.").sentence == "ada born in paris."
    assert Request("ada born in", "paris").sentence == "ada born in paris."
