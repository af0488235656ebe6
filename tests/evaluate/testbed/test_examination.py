"""The examination of a model: its questions, and the marks of models whose knowledge is known."""

import numpy as np
import pytest
import torch
import worlds

from worldgen.bayes.statements import p_atom
from worldgen.corpus.sentences import Kind
from worldgen.corpus.wording import syntax_tree
from worldgen.evaluate.asking.answers import AnswerReader
from worldgen.evaluate.testbed.examination import (
    STATEMENTS,
    coherence_error,
    credences_in_truths,
    examination_about,
    examine,
    statements_about,
)
from worldgen.facts import Fact
from worldgen.grammar import truth_prompt
from worldgen.lm.model import new_model
from worldgen.lm.settings import PretrainConfig
from worldgen.lm.tokenizer import encode, train_word_tokenizer
from worldgen.worlds.world import NONE

FACTS = np.arange(0, 400, 4, dtype=np.int32)


@pytest.fixture(scope="module")
def asked():
    return examination_about(worlds.world(), FACTS, seed=3)


@pytest.fixture(scope="module")
def reader():
    world = worlds.world()
    tokenizer = train_word_tokenizer([*world.relations.labels, *world.objects.labels, *world.subjects.labels])
    return AnswerReader(tokenizer, world.objects)


@pytest.mark.parametrize("kind", STATEMENTS)
def test_statements_are_labelled_as_the_world_is(kind):
    """Each label is worked out again from the objects that the statement names."""
    world = worlds.world()
    statements = statements_about(world, FACTS, kind, np.random.default_rng(0))
    first = world.truth[statements.fact] == statements.object
    second = world.truth[statements.second_fact] == statements.second_object
    by_hand = {Kind.STATED: first, Kind.NOT: ~first, Kind.AND: first & second, Kind.OR: first | second}[kind]
    assert np.array_equal(statements.truth, by_hand)
    assert statements.truth.sum() == len(FACTS) / 2
    assert (statements.truth[:-1] != statements.truth[1:]).mean() < 0.8  # in no pattern
    assert (statements.kind == kind).all()
    if kind in (Kind.AND, Kind.OR):
        named = np.stack([statements.fact, statements.second_fact])
        assert (named == FACTS).any(axis=0).all()
        assert 20 < (named[0] == FACTS).sum() < 80  # the fact is now first, now second
        assert (world.subject[named[0]] != world.subject[named[1]]).all()
        assert len(set(zip(first, second, strict=True))) == 4
    else:
        assert (statements.second_fact == NONE).all()


def test_a_false_statement_has_the_objects_that_the_corpus_has():
    world = worlds.world()
    statements = statements_about(world, FACTS, Kind.STATED, np.random.default_rng(0))
    false_roots = ~statements.truth & (world.row[FACTS] == NONE)
    assert np.array_equal(statements.object[false_roots], world.distractor[FACTS][false_roots])


def test_the_prompts_and_credences_are_those_of_the_facts(asked):
    world, agent = worlds.world(), worlds.agent()
    believed = credences_in_truths(world, agent, FACTS)
    for i in (0, 17, 99):
        fact = Fact(*(int(column[FACTS[i]]) for column in (world.subject, world.relation, world.truth)))
        assert asked.prompts[i] == f"{world.subjects[fact.subject]} {world.relations[fact.relation]}"
        assert asked.truths[i] == world.objects[fact.object]
        assert believed[i] == pytest.approx(p_atom(agent, fact), abs=1e-12)
    statements = statements_about(world, FACTS, Kind.STATED, np.random.default_rng(0))
    assert truth_prompt(syntax_tree(world, statements, 0).formula).endswith('" is')
    assert all(prompt.startswith('"not ') for prompt in asked.statements["not"][0])


def test_the_seed_decides_what_is_asked(asked):
    again, other = (examination_about(worlds.world(), FACTS, seed) for seed in (3, 4))
    assert again.statements["or"][0] == asked.statements["or"][0]
    assert other.statements["or"][0] != asked.statements["or"][0]


def flat_model(tokenizer, liked):
    """A model that gives the named words their logits, and every other next token the logit 0."""
    config = PretrainConfig(hidden=8, intermediate=8, layers=1, heads=2, kv_heads=2, row_tokens=64)
    model = new_model(config, tokenizer, 0).eval()
    with torch.no_grad():
        model.lm_head.weight.zero_()
        bias = torch.zeros(len(tokenizer))
        for word, logit in liked.items():
            ((id_,),) = encode(tokenizer, [word])
            bias[id_] = logit
        model.lm_head.bias = torch.nn.Parameter(bias)
    return model


def test_the_marks_of_a_model_that_knows_nothing(asked, reader):
    """A uniform model gives each truth V^-n. A model that always says "true" is right half of the time."""
    marks, probabilities = examine(flat_model(reader.tokenizer, {"true": 1.0}), reader, asked)
    z = len(reader.tokenizer) - 1 + np.e
    lengths = np.array([len(ids) for ids in encode(reader.tokenizer, [f"{truth}." for truth in asked.truths])])
    # float32 log-softmax and its sum round.
    assert marks["truth_probability"] == pytest.approx((z**-lengths).mean(), rel=1e-4)
    assert probabilities == pytest.approx(z**-lengths, rel=1e-4)
    assert marks["generative_accuracy"] == 0
    for name in STATEMENTS.values():
        assert marks[f"{name}_accuracy"] == 0.5


def test_a_model_that_knows_the_labels_gets_full_marks(asked, reader, monkeypatch):
    """A table stands for the model: first every reply is right, then every reply is wrong."""
    for mood, expected in (("knowing", 1.0), ("contrary", 0.0)):
        right = dict(
            pair for prompts, labels in asked.statements.values() for pair in zip(prompts, labels, strict=True)
        )

        def score(model, tokenizer, pairs, editions=None, right=right, mood=mood):
            likes = [right.get(prompt, True) == (word == "true") for prompt, word in pairs]
            return np.where(np.array(likes) == (mood == "knowing"), -0.1, -2.0)

        for door in ("worldgen.evaluate.testbed.examination", "worldgen.evaluate.asking.answers"):
            monkeypatch.setattr(f"{door}.log_probabilities", score)
        monkeypatch.setattr(AnswerReader, "answers", lambda self, model, prompts: list(asked.truths))
        marks, _ = examine(None, reader, asked)
        assert marks["generative_accuracy"] == 1
        assert {marks[f"{name}_accuracy"] for name in STATEMENTS.values()} == {expected}


def test_the_coherence_error_is_the_mean_distance():
    """By hand: (|0.5 - 0.25| + |0 - 1|) / 2 = 0.625."""
    assert coherence_error(np.array([0.5, 0.0]), np.array([0.25, 1.0])) == 0.625
