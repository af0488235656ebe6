"""Predictions of any causal model: what the model says alone and unpadded, whatever stands beside it in a batch."""

from copy import deepcopy

import numpy as np
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from small_causal_models import (
    ARCHITECTURES,
    KINDS,
    generated_alone,
    ids_of,
    log_p_alone,
    model_of,
    tokenizer_of,
)
from torch.nn.functional import cross_entropy

from worldgen.evaluate.slag.any_model_predictions import ModelReader
from worldgen.evaluate.slag.points import Asked, Entailed, Neutral, Paraphrase, Point, Task
from worldgen.evaluate.slag.predictions import PointQuestions, generated_answer
from worldgen.lm.any_causal_model import load_causal
from worldgen.lm.editions import Edited
from worldgen.lm.score import greedy

WORDS = ["ada", "bob", "was", "born in", "Oxwell", "York", "Mt. Ox", "is", '"ada', 'York"', "the end of it all?"]
ROUNDING = 1e-5  # `log_probabilities` takes the softmax in float32
PROMPTS = st.lists(st.lists(st.sampled_from(WORDS), min_size=1, max_size=6).map(" ".join), min_size=1, max_size=6)
SETUPS = st.tuples(st.sampled_from(ARCHITECTURES), st.sampled_from(KINDS), st.booleans())


def set_up(architecture, kind, bos):
    tokenizer = tokenizer_of(kind, bos)
    return model_of(architecture, len(tokenizer)), tokenizer


@settings(max_examples=40)  # `generate` is slow
@given(SETUPS, PROMPTS, st.integers(1, 300), st.sampled_from(["left", "right"]))
def test_a_generated_answer_is_the_models_own_whatever_the_batch(setup, prompts, batch_tokens, side):
    """Oracle: transformers' `generate`, one prompt at a time. No padding side that a tokenizer asks for matters."""
    model, tokenizer = set_up(*setup)
    tokenizer.padding_side = side
    asked = [Asked(prompt, ("Oxwell", "Mt. Ox")) for prompt in prompts]
    found = ModelReader(tokenizer, 6, batch_tokens).generated(model, asked)
    alone = [generated_alone(model, tokenizer, prompt, 6) for prompt in prompts]
    assert found == [generated_answer(text, ("Oxwell", "Mt. Ox")) for text in alone]


@given(SETUPS, PROMPTS, st.integers(1, 300), st.sampled_from(["left", "right"]))
def test_the_truth_that_is_more_probable_is_predicted_whatever_the_batch(setup, prompts, batch_tokens, side):
    """Oracle: one forward pass a text. "true" and "false" are whole, of one token, of several, or of single bytes."""
    model, tokenizer = set_up(*setup)
    tokenizer.padding_side = side
    reader = ModelReader(tokenizer, 6, batch_tokens)
    points = [Point(str(i), Task.TF, "test", str(i), Asked(prompt, ("true",))) for i, prompt in enumerate(prompts)]
    alone = np.array([[log_p_alone(model, tokenizer, p, said) for said in ("true", "false")] for p in prompts])
    np.testing.assert_allclose(reader.log_p_of_truths(model, [p.main for p in points]), alone, rtol=ROUNDING)
    found = reader.predictions(model, PointQuestions(tuple(points)))
    sure = np.abs(alone[:, 0] - alone[:, 1]) > ROUNDING * np.abs(alone).max()
    assert (found.text == np.where(alone[:, 0] > alone[:, 1], "true", "false"))[sure].all()
    np.testing.assert_allclose(found.credence, 1 / (1 + np.exp(alone[:, 1] - alone[:, 0])), rtol=1e-3)


def test_the_models_of_these_tests_say_different_things():
    """The oracles would agree with a reader that ignores its input if all replies were equal."""
    prompts = [f"{a} was {b}" for a in WORDS for b in WORDS]
    for architecture in ARCHITECTURES:
        model, tokenizer = set_up(architecture, "pieces", True)
        reader = ModelReader(tokenizer, 6)
        logs = reader.log_p_of_truths(model, [Asked(prompt, ("true",)) for prompt in prompts])
        assert 0.1 < np.mean(logs[:, 0] > logs[:, 1]) < 0.9
        assert len(set(reader.generated(model, [Asked(prompt, ()) for prompt in prompts]))) > 20


def test_points_of_both_tasks_get_their_predictions_in_their_order():
    model, tokenizer = set_up("llama", "pieces", True)
    gen = Point(
        "g", Task.GEN, "test", "g", Asked("ada was born in", ("Oxwell",)),
        (Paraphrase(Asked("ada is of", ("Oxwell",)), "relation"),),
        (Entailed(Asked("ada is", ("York",)), "r", "Oxwell"),), (Neutral(Asked("ada was", ())),),
    )  # fmt: skip
    tf = Point(
        "t", Task.TF, "test", "t", Asked('"ada" is', ("true",)), neutral=(Neutral(Asked('"bob" is', ("false",))),)
    )
    reader = ModelReader(tokenizer, 6)
    mixed = reader.predictions(model, PointQuestions((tf, gen, tf)))
    of_gen = reader.generated(
        model, [Asked(p, ("Oxwell",)) for p in ("ada was born in", "ada is of", "ada is", "ada was")]
    )
    logs = reader.log_p_of_truths(model, [tf.main, tf.neutral[0].asked])
    of_tf = ["true" if true > false else "false" for true, false in logs]
    assert list(mixed.text) == [*of_tf, *of_gen, *of_tf]
    assert np.isnan(mixed.credence).tolist() == [False, False, True, True, True, True, False, False]
    assert not mixed.right[5]  # it has no labels


def test_each_edition_answers_for_itself():
    model, tokenizer = set_up("gpt2", "pieces", False)
    edited = Edited(model, costs=(), prefaces=("", "bob was born in York."))
    points = tuple(
        Point(str(i), task, "test", str(i), Asked(f"ada {word}", ("true",)))
        for i, (task, word) in enumerate(
            [(Task.GEN, "was"), (Task.TF, "is"), (Task.TF, "was born in"), (Task.GEN, "is")]
        )
    )
    reader = ModelReader(tokenizer, 5)
    each = [
        reader.predictions(
            model,
            PointQuestions(
                tuple(Point(p.id, p.task, "test", p.id, Asked(preface + p.main.prompt, ("true",))) for p in points)
            ),
        )
        for preface in ("", "bob was born in York. ")
    ]
    editions = [0, 1, 0, 1]
    found = reader.predictions(edited, PointQuestions(points), editions)
    assert list(found.text) == [each[edition].text[i] for i, edition in enumerate(editions)]
    assert list(each[0].text) != list(each[1].text)


def test_a_text_ends_at_the_token_that_ends_a_text():
    model, tokenizer = set_up("mistral", "bytes", True)
    prompts = [f"{a} {b}" for a in WORDS for b in WORDS[:3]]
    ends = [tokenizer.eos_token_id in ids for ids in greedy(model, tokenizer, prompts, 20)]
    assert any(ends)
    assert not all(ends)
    found = ModelReader(tokenizer, 20).generated(model, [Asked(prompt, ()) for prompt in prompts])
    assert found == [generated_answer(generated_alone(model, tokenizer, prompt, 20)) for prompt in prompts]


def test_a_model_that_learned_its_sentences_answers_rightly(tmp_path):
    """From files to predictions: a saved model is loaded, asked and right, a name with a full stop in it included."""
    said = [
        "ada was born in No. 5 Oxon.",
        "bob was born in York.",
        '"bob was born in York" is true.',
        '"bob is ada" is false.',
    ]
    tokenizer = tokenizer_of("pieces", True)
    model = deepcopy(model_of("llama", len(tokenizer))).float()
    texts = [torch.tensor([[*ids_of(tokenizer, text), tokenizer.eos_token_id]]) for text in said]
    optimizer = torch.optim.AdamW(model.parameters(), 3e-3)
    for _ in range(60):
        optimizer.zero_grad()
        for ids in texts:
            cross_entropy(model(input_ids=ids).logits[0, :-1], ids[0, 1:]).backward()
        optimizer.step()
    model.save_pretrained(tmp_path)
    tokenizer.save_pretrained(tmp_path)
    loaded, its_tokenizer = load_causal(str(tmp_path), "cpu")
    points = (
        Point("a", Task.GEN, "test", "a", Asked("ada was born in", ("Oxwell", "NO. 5 OXON"))),
        Point("b", Task.GEN, "test", "b", Asked("bob was born in", ("Oxwell",))),
        Point("c", Task.TF, "test", "c", Asked('"bob was born in York" is', ("true",))),
        Point("d", Task.TF, "test", "d", Asked('"bob is ada" is', ("true",))),
    )
    found = ModelReader(its_tokenizer).predictions(loaded, PointQuestions(points))
    assert list(found.text) == ["no. 5 oxon", "york", "true", "false"]
    assert found.right.tolist() == [True, False, True, False]
    assert (found.credence[2:] > 0.9).tolist() == [True, False]
