"""Reading an answer when objects have several names."""

from __future__ import annotations

import numpy as np
import pytest
import worlds

from worldgen.evaluate.asking.answers import AnswerReader
from worldgen.facts import Vocabulary
from worldgen.lm.model import new_model
from worldgen.lm.score import log_probabilities
from worldgen.lm.settings import PretrainConfig
from worldgen.lm.tokenizer import encode, load_mistral_tokenizer, train_word_tokenizer


def test_any_name_of_an_object_is_read_as_it() -> None:
    objects = worlds.speaking().objects
    tokenizer = train_word_tokenizer(objects.every_name)
    reader = AnswerReader(tokenizer, objects)
    assert max(map(len, objects.spoken)) > 0
    for id_, label in enumerate(objects.labels):
        for ids in encode(tokenizer, [f"{name}. and more" for name in objects.names(id_)]):
            assert reader.read(ids) == label
    assert reader.read(encode(tokenizer, [f"{objects[0]} and"])[0]) == ""


def test_the_ways_to_say_an_object() -> None:
    objects = Vocabulary("object", ("Rome", "U.S."), spoken=(("the city",), ()))
    reader = AnswerReader(train_word_tokenizer(objects.every_name), objects)
    assert reader.ways_to_say("Rome.") == ("Rome.", "the city.")
    assert reader.ways_to_say("Rome") == ("Rome", "the city")
    assert reader.ways_to_say("U.S..") == ("U.S..",)
    assert reader.ways_to_say("U.S.") == ("U.S.",)
    plain = AnswerReader(train_word_tokenizer(objects.labels), Vocabulary("object", objects.labels))
    assert plain.ways_to_say("Rome.") == ("Rome.",)


@pytest.mark.parametrize("kind", ["words", "mistral"])
def test_what_answers_begin_with(kind: str) -> None:
    """By the definition: each object's credence, shared by its names, goes where a name and its stop begin."""
    objects = worlds.speaking().objects
    tokenizer = load_mistral_tokenizer() if kind == "mistral" else train_word_tokenizer(objects.every_name)
    credences = np.random.default_rng(0).dirichlet(np.ones(len(objects)))
    credences[3] = 0.0
    expected: dict[int, float] = {}
    for id_, credence in enumerate(credences):
        for name in objects.names(id_):
            first = encode(tokenizer, [f"{name}."])[0][0]
            expected[first] = expected.get(first, 0.0) + credence / len(objects.names(id_))
    found = AnswerReader(tokenizer, objects).beginnings(credences)
    assert [token for token, _ in found] == sorted(token for token, p in expected.items() if p > 0)
    assert dict(found) == pytest.approx({token: p for token, p in expected.items() if p > 0}, abs=1e-15)
    assert len(found) < len(objects.every_name)


def test_beams_are_the_objects_whose_names_are_most_probable() -> None:
    """As many objects as there are: so the search is exact, and an object ranks by its most probable name."""
    objects = Vocabulary("object", ("Rome", "Oslo", "the north"), spoken=(("the city",), (), ("up", "the top")))
    tokenizer = train_word_tokenizer([*objects.every_name, "Ada Bo lives in"])
    model = new_model(PretrainConfig(hidden=16, intermediate=32, layers=1, heads=2, kv_heads=2), tokenizer, seed=3)
    reader, prompts = AnswerReader(tokenizer, objects), ["Ada lives in", "Bo lives in"]
    for prompt, beam in zip(prompts, reader.beams(model.eval(), prompts, 3), strict=True):
        best = {
            label: max(log_probabilities(model, tokenizer, [(prompt, way) for way in reader.ways_to_say(f"{label}.")]))
            for label in objects.labels
        }
        assert beam == sorted(objects.labels, key=lambda label: -best[label])
    assert [len(beam) for beam in reader.beams(model, prompts, 2)] == [2, 2]
