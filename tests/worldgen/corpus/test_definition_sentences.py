"""Definitions and questions: what each stage trains on and asks, read back from the text, and in the corpus."""

from __future__ import annotations

from collections import Counter
from typing import get_args

import numpy as np
import pytest
import worlds
from alias_worlds import hostile_worlds, speak
from definition_worlds import TABLE_1, defined, reported_and_defined
from hypothesis import assume, given
from hypothesis import strategies as st

from worldgen.bayes.evidence import evidence_of
from worldgen.corpus.definition_sentences import (
    Lessons,
    Split,
    lessons,
    prompt_and_answer,
    subset_summaries,
)
from worldgen.corpus.recipe import make_shard, rows_of_shard, shard_bounds
from worldgen.corpus.sentences import Kind, Sentences, Shard
from worldgen.corpus.wording import Wording, syntax_tree
from worldgen.grammar import Atom, Definition, WordOrder, render
from worldgen.lm.encode import Encoder, encode_documents
from worldgen.lm.tokenizer import train_word_tokenizer
from worldgen.settings import CorpusConfig, DefinitionsConfig
from worldgen.worlds.defining import told_facts, with_definitions
from worldgen.worlds.definitions import Role
from worldgen.worlds.world import NONE, World

ONCE = CorpusConfig(shuffles=1)


def whole(world: World, config: CorpusConfig = ONCE) -> Shard:
    return make_shard(world, config, 0, 0, len(world.subjects))


def test_each_stage_trains_on_what_table_1_says() -> None:
    world = reported_and_defined()
    d, all_of_it = world.definitions, lessons(world)
    for subset, rows in d.subsets.items():
        mine = all_of_it.in_subset(world, subset)
        defines = mine.sentences.kind == Kind.DEFINITION
        facts = {row: told_facts(world, int(d.subject[row])).tolist() for row in rows.tolist()}
        assert (mine.split[defines] == Split.TRAIN).all()
        assert sorted(mine.row[defines]) == (rows.tolist() if subset.tag is not None else [])
        asked = mine.where(~defines)
        assert (asked.sentences.object == world.truth[asked.sentences.fact]).all()
        kind = Kind.ATOM if subset.role == Role.UNREPLACED else Kind.QUESTION
        assert set(asked.sentences.kind.tolist()) == {kind}
        stage = 2 if subset.role in (Role.TOLD, Role.UNSEEN) else 1
        assert set(mine.stage.tolist()) == {stage}
        for row in rows.tolist():
            its = asked.where(asked.row == row)
            assert its.sentences.fact.tolist() == facts[row]
            # Stage 1: all but one are trained on; stage 2: all are for the exam.
            expected = {Split.TRAIN: len(facts[row]) - 1, Split.VALIDATION: 1} if stage == 1 else {}
            assert Counter(its.split.tolist()) == (expected or {Split.TEST: len(facts[row])})
    second = all_of_it.of(Split.TRAIN, 2)
    assert set(second.sentences.kind.tolist()) == {Kind.DEFINITION}
    assert len(second) == (d.role == Role.TOLD).sum()


def test_the_summary_counts_the_lessons() -> None:
    world = defined()
    summaries = {each.name: each for each in subset_summaries(world)}
    good, later = summaries["D1cons QA1"], summaries["D8cons"]
    assert (good.stage, good.entities, good.definitions, good.tag) == (1, 38, "right", world.definitions.tags[0])
    assert (later.stage, later.trained, later.definitions, later.tag) == (2, 0, "right", world.definitions.tags[2])
    assert good.others == 38
    everything = lessons(world)
    questions = int((everything.sentences.kind != Kind.DEFINITION).sum())
    assert sum(each.trained + each.others for each in summaries.values()) == questions
    assert (summaries["QA3"].definitions, summaries["QA3"].tag) == ("none", "")
    assert summaries["D2incons QA2"].definitions == "wrong"


@pytest.mark.parametrize("order", get_args(WordOrder))
def test_the_text_gives_definitions_and_questions_back(order: WordOrder) -> None:
    """By the parser alone: which variable, which tag, which entity; and the facts of the entity it stands for."""
    world = defined(TABLE_1.model_copy(update={"order": order}))
    d, all_of_it = world.definitions, lessons(world)
    for text, row, kind in zip(Wording(world).texts(all_of_it.sentences), all_of_it.row.tolist(),
                               all_of_it.sentences.kind.tolist(), strict=True):  # fmt: skip
        told = world.lexicon.parse(text).formula
        if kind == Kind.DEFINITION:
            names = d.tags[d.tag[row]], d.variables[d.variable[row]], world.subjects[d.stated[row]]
            assert told == Definition(*names, order)
            letters = dict(zip("TAE", names, strict=True))
            assert text == " ".join(letters[letter] for letter in order) + "."
        else:
            assert isinstance(told, Atom)
            has_variable = kind == Kind.QUESTION
            s = int(d.subject[row])
            assert told.subject == (d.variables[d.variable[row]] if has_variable else world.subjects[s])
            fact = world.fact_of(s, world.relations.id_of(told.relation))
            assert world.objects.id_of(told.object) == world.truth[fact]


@given(hostile_worlds(), st.integers(0, 99), st.sampled_from(get_args(WordOrder)))
def test_hostile_names_are_read_back(world: World, seed: int, order: WordOrder) -> None:
    assume(len(world.relations) >= 2)
    everybody = DefinitionsConfig(
        reliabilities=(0.5,), newcomers=0, defined_percent=100, undefined_percent=0, unreplaced_percent=0,
        told_percent=0, newcomer_percent=0, unseen_percent=0, order=order, variable_letters=1, tag_letters=1,
    )  # fmt: skip
    assume(len(world.subjects) not in (2, 3))  # a single definition would be wrong
    hostile = with_definitions(speak(world, 3, pieces=600)[0], everybody, seed)
    said = lessons(hostile).sentences
    for i, text in enumerate(Wording(hostile).texts(said)):
        told = syntax_tree(hostile, said, i)
        assert render(told) == text
        assert hostile.lexicon.parse(text) == told


def test_the_corpus_says_what_is_trained_on_each_sentence_in_documents_of_its_own() -> None:
    world = defined()
    shard, plain = whole(world), whole(worlds.world())
    s, ordinary = shard.sentences, len(plain.sentences)
    for name, column in plain.sentences.columns().items():
        np.testing.assert_array_equal(s.columns()[name][:ordinary], column)
    assert s.variable is not None
    assert (s.variable[:ordinary] == NONE).all()
    everything = lessons(world)
    expected = everything.where((everything.split == Split.TRAIN) & (everything.sentences.kind != Kind.ATOM))
    texts = Wording(world).texts(s)
    assert texts[ordinary:] == Wording(world).texts(expected.sentences)
    documents = shard.documents
    length, n = np.diff(documents.start), len(plain.documents)
    np.testing.assert_array_equal(documents.sentence[: documents.start[n]], plain.documents.sentence)
    assert (length[n:] == 1).all()
    told = Counter(documents.sentence[documents.start[n] :].tolist())
    assert told == dict.fromkeys(range(ordinary, len(s)), world.definitions.sentences)
    assert (documents.subject == s.subject[documents.sentence[documents.start[:-1]]]).all()
    rows = rows_of_shard(shard)
    assert rows["definition"] == (world.definitions.stated != NONE).sum()
    assert rows["question"] == (expected.sentences.kind == Kind.QUESTION).sum()
    assert not {"definition", "question"} & rows_of_shard(plain).keys()


@pytest.mark.parametrize("size", [1, 40, 1000])
def test_shards_of_any_size_hold_the_same_corpus(size: int) -> None:
    world = reported_and_defined()
    config = CorpusConfig(shard_subjects=size, shuffles=1)
    shards = [make_shard(world, config, 0, *bounds) for bounds in shard_bounds(world, config)]
    assert [s.first_sentence for s in shards] == np.cumsum([0, *(len(s.sentences) for s in shards[:-1])]).tolist()
    together = Counter(text for shard in shards for text in Wording(world).texts(shard.sentences))
    assert together == Counter(Wording(world).texts(whole(world, config).sentences))
    for shard in shards:
        assert set(shard.documents.sentence - shard.first_sentence) == set(range(len(shard.sentences)))


def test_a_corpus_may_leave_variables_to_an_experiment() -> None:
    world = defined(TABLE_1.model_copy(update={"sentences": 0}))
    shard, plain = whole(world), whole(worlds.world())
    assert Wording(world).texts(shard.sentences) == Wording(world).texts(plain.sentences)
    assert len(shard.documents) == len(plain.documents)
    assert rows_of_shard(shard)["definition"] == 0
    assert len(lessons(world)) == len(lessons(defined()))


def test_definitions_and_questions_are_no_evidence_of_facts() -> None:
    with_them, plain = (evidence_of(world, whole(world).sentences) for world in (defined(), worlds.world()))
    for name, column in vars(plain).items():
        np.testing.assert_array_equal(vars(with_them)[name], column)


def test_prompts_and_answers_join_to_the_questions() -> None:
    world = defined()
    questions = lessons(world).of(Split.TEST, 2)
    texts = Wording(world).texts(questions.sentences)
    parts = prompt_and_answer(world, questions.sentences)
    assert [f"{prompt} {answer}" for prompt, answer in parts] == texts
    truths = world.truth[questions.sentences.fact]
    assert [answer for _, answer in parts] == [f"{world.objects[o]}." for o in truths.tolist()]


def test_tokens_are_those_of_the_text_and_each_new_name_is_one_token() -> None:
    world = reported_and_defined()
    d = world.definitions
    roles = (world.subjects, world.relations, world.objects, world.sources.tags, d.tags, d.variables)
    tokenizer = train_word_tokenizer([name for names in roles for name in names.every_name])
    shard, encoder = whole(world), Encoder.of(world, tokenizer)
    tokens = encode_documents(Wording(world), encoder.spelled, shard, encoder.bos, encoder.eos).tolist()
    texts, documents = Wording(world).texts(shard.sentences), shard.documents
    expected: list[int] = []
    for first, last in zip(documents.start, documents.start[1:], strict=False):
        text = " ".join(texts[i] for i in documents.sentence[first:last])
        expected += [encoder.bos, *tokenizer(text, add_special_tokens=False)["input_ids"], encoder.eos]
    assert tokens == expected
    assert tokenizer.unk_token_id not in tokens
    for name in (*d.tags.labels, *d.variables.labels):
        assert len(tokenizer(name, add_special_tokens=False)["input_ids"]) == 1


def test_lessons_of_some_subjects_are_a_part_of_all() -> None:
    world = defined()
    parts = [lessons(world, first, last) for first, last in ((0, 50), (50, 51), (51, len(world.subjects)))]
    together = Lessons(
        Sentences.together([part.sentences for part in parts]),
        *(np.concatenate([getattr(part, name) for part in parts]) for name in ("row", "split", "stage")),
    )
    everything = lessons(world)
    for name in ("row", "split", "stage"):
        np.testing.assert_array_equal(getattr(together, name), getattr(everything, name))
    for name, column in everything.sentences.columns().items():
        np.testing.assert_array_equal(together.sentences.columns()[name], column)
