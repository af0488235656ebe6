"""Which names the sentences use: their law, what is never said, and that nothing else depends on them.

The statistical tests have fixed seeds; each p value is below ALARM for one seed in a million.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import worlds
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy import stats
from test_aliases import hostile_worlds, told, world_of

from worldgen.bayes.evidence import evidence_of
from worldgen.corpus.mentions import draw_names
from worldgen.corpus.recipe import make_shard, shard_bounds
from worldgen.corpus.sentences import NAME_COLUMNS, Kind, Sentences, Shard, read_shards
from worldgen.corpus.wording import Wording, syntax_tree
from worldgen.evaluate.asking.answers import AnswerReader
from worldgen.facts import Vocabulary
from worldgen.grammar import Atom, Both, Formula, Not, render
from worldgen.lm.encode import encode_documents, spell_fragments
from worldgen.lm.tokenizer import encode, load_mistral_tokenizer, train_word_tokenizer
from worldgen.randomness import Stream, below
from worldgen.settings import CorpusConfig, WorldConfig
from worldgen.worlds.aliases import with_aliases
from worldgen.worlds.world import NONE, World

ALARM = 1e-6
CONFIG = CorpusConfig(shuffles=2)
Mentions = list[tuple[int, int, tuple[int, int, int]]]


def corpus_of(world: World, seed: int = 0) -> Shard:
    return make_shard(world, CONFIG, seed, 0, len(world.subjects))


@pytest.fixture(scope="module")
def world() -> World:
    """Few facts, so that every combination of names comes in a corpus."""
    subjects = {f"s{i}": [f"s{i} the {n}" for n in ("first", "fair", "third")[: i % 4]] for i in range(12)}
    relations = {"likes": ["enjoys", "is fond of"], "knows": ["met"], "sees": []}
    objects = {f"o{i}": [f"{n} o{i}" for n in ("old", "new")[: i % 3]] for i in range(6)}
    plain = world_of(subjects, relations, objects)
    facts = np.arange(len(plain), dtype=np.int32)
    plain = replace(plain, truth=facts % 6, graph_object=facts % 6, distractor=(facts + 1) % 6, percent=70 + facts * 0)
    return with_aliases(plain, WorldConfig(aliases=3, held_out_percent=40), worlds.SPELLING, 4, seed=1)[0]


@pytest.fixture(scope="module")
def many(world: World) -> list[Sentences]:
    """The sentences of many corpora of the one world."""
    return [corpus_of(world, seed).sentences for seed in range(60)]


def mentions(s: Sentences) -> tuple[NDArray, NDArray, NDArray]:
    """(fact, object, [3] names) of every mention, first operands before second ones."""
    assert s.names is not None
    joined = np.flatnonzero(s.second_fact != NONE)
    return (
        np.concatenate([s.fact, s.second_fact[joined]]),
        np.concatenate([s.object, s.second_object[joined]]),
        np.concatenate([s.names[:3], s.names[3:, joined]], axis=1),
    )


def allowed(world: World, fact: int) -> list[tuple[int, int]]:
    """The combinations that may be said, by the definition."""
    names = world.subjects.names(int(world.subject[fact])), world.relations.names(int(world.relation[fact]))
    never = set(world.held_out.of(fact))
    return [(i, j) for i in range(len(names[0])) for j in range(len(names[1])) if (i, j) not in never]


def test_what_is_held_out_is_never_said_and_all_else_is(world: World, many: list[Sentences]) -> None:
    said = defaultdict(set)
    objects = defaultdict(set)
    for s in many[:20]:
        fact, object_, (i, j, k) = mentions(s)
        for f, o, *names in zip(fact.tolist(), object_.tolist(), i.tolist(), j.tolist(), k.tolist(), strict=True):
            said[f].add((names[0], names[1]))
            objects[o].add(names[2])
    assert len(world.held_out) > 20
    assert {f: sorted(pairs) for f, pairs in said.items()} == {f: allowed(world, f) for f in range(len(world))}
    assert objects == {o: set(range(len(world.objects.names(o)))) for o in range(len(world.objects))}


def test_pairs_and_objects_names_are_uniform_and_independent(world: World, many: list[Sentences]) -> None:
    """Of mentions with as many pairs and object names, the pair's rank and the name are jointly uniform."""
    ranks = [{pair: rank for rank, pair in enumerate(allowed(world, f))} for f in range(len(world))]
    drawn = defaultdict(list)
    for s in many:
        fact, object_, (i, j, k) = mentions(s)
        for f, o, *names in zip(fact.tolist(), object_.tolist(), i.tolist(), j.tolist(), k.tolist(), strict=True):
            sizes = len(ranks[f]), len(world.objects.names(o))
            drawn[sizes].append(ranks[f][names[0], names[1]] * sizes[1] + names[2])
    sizes_seen = [sizes for sizes in drawn if sizes != (1, 1)]
    p_values = [
        stats.chisquare(np.bincount(drawn[sizes], minlength=sizes[0] * sizes[1])).pvalue for sizes in sizes_seen
    ]
    assert len(p_values) >= 10
    assert min(p_values) > ALARM / len(p_values)


def test_the_two_operands_and_neighbouring_sentences_are_named_independently(
    world: World, many: list[Sentences]
) -> None:
    """Whether the subject is called by its label: no correlation between operands, nor from sentence to sentence."""
    s = Sentences.together(many)
    assert s.names is not None
    both = (s.second_fact != NONE) & (world.subject[s.fact] % 4 > 0) & (world.subject[s.second_fact] % 4 > 0)
    tables = [(s.names[0, both] == 0, s.names[3, both] == 0)]
    several = world.subject[s.fact] % 4 == 3
    tables.append((s.names[0, several][:-1] == 0, s.names[0, several][1:] == 0))
    for one, other in tables:
        table = np.array([[(one & other).sum(), (one & ~other).sum()], [(~one & other).sum(), (~one & ~other).sum()]])
        assert table.min() > 100
        assert stats.chi2_contingency(table).pvalue > ALARM


def test_every_name_is_the_one_its_word_picks(world: World) -> None:
    """Four words a sentence of the subject's stream: pair and object name of each operand."""
    s = corpus_of(world, 3).sentences
    assert s.names is not None
    for subject in range(len(world.subjects)):
        rows = np.flatnonzero(s.subject == subject)
        words = Stream(3, "names").words(world.subject_keys[[subject]], np.array([4 * len(rows)])).reshape(-1, 4)
        for row, word in zip(rows.tolist(), words, strict=True):
            for side, (fact, object_) in enumerate(((s.fact, s.object), (s.second_fact, s.second_object))):
                said = tuple(s.names[3 * side : 3 * side + 3, row].tolist())
                if fact[row] == NONE:
                    assert said == (0, 0, 0)
                    continue
                pairs, names = allowed(world, int(fact[row])), world.objects.names(int(object_[row]))
                picked = [int(below(word[[2 * side + n]], len(x))[0]) for n, x in enumerate((pairs, names))]
                assert said == (*pairs[picked[0]], picked[1])


def test_nothing_else_depends_on_the_names() -> None:
    """The corpus of the same world without aliases is the same but for its words; so is the evidence."""
    plain, speaking = worlds.corpus(), make_shard(worlds.speaking(), CorpusConfig(), 0, 0, len(worlds.world().subjects))
    columns = speaking.sentences.columns()
    assert plain.sentences.columns().keys() == columns.keys() - {*NAME_COLUMNS}
    for name, column in plain.sentences.columns().items():
        np.testing.assert_array_equal(columns[name], column)
    for name, column in vars(plain.documents).items():
        np.testing.assert_array_equal(getattr(speaking.documents, name), column)
    evidence = [evidence_of(w, c.sentences) for w, c in ((worlds.world(), plain), (worlds.speaking(), speaking))]
    for name, column in vars(evidence[0]).items():
        np.testing.assert_array_equal(getattr(evidence[1], name), column)
    # A world without aliases is not given names at all.
    assert plain.sentences.names is None
    assert draw_names(worlds.world(), 0, plain.sentences) is plain.sentences


@pytest.mark.parametrize("size", [7, 1000])
def test_shards_of_any_size_use_the_same_names(size: int, tmp_path: Path) -> None:
    world, config = worlds.speaking(), CorpusConfig(shard_subjects=size, shuffles=1)
    whole = make_shard(world, config, 5, 0, len(world.subjects)).sentences
    for number, (first, last) in enumerate(shard_bounds(world, config)):
        make_shard(world, config, 5, first, last).save(tmp_path, number)
    together = Sentences.together([shard.sentences for shard in read_shards(tmp_path)])
    assert together.columns().keys() >= {*NAME_COLUMNS}
    for name, column in whole.columns().items():
        np.testing.assert_array_equal(together.columns()[name], column)
        assert together.columns()[name].dtype == column.dtype


# --- words and tokens ---------------------------------------------------------------------------------------


def ids_of(world: World, formula: Formula) -> list[tuple[int, int, int]]:
    atoms = (formula,) if isinstance(formula, Atom) else (formula.atom,) if isinstance(formula, Not) else ()
    atoms = (formula.left, formula.right) if isinstance(formula, Both) else atoms
    return [
        (world.subjects.id_of(a.subject), world.relations.id_of(a.relation), world.objects.id_of(a.object))
        for a in atoms
    ]


def assert_read_back(world: World, s: Sentences) -> None:
    """Every text is what the grammar renders, and is read back to the same names and the same ids."""
    for i, text in enumerate(Wording(world).texts(s)):
        tree = syntax_tree(world, s, i)
        assert text == render(tree)
        assert world.lexicon.parse(text) == tree
        facts = [(s.fact[i], s.object[i]), (s.second_fact[i], s.second_object[i])]
        ids = [(world.subject[f], world.relation[f], o) for f, o in facts if f != NONE]
        assert ids_of(world, tree.formula) == ids


def test_texts_are_read_back_to_the_same_ids(world: World, many: list[Sentences]) -> None:
    assert set(many[0].kind.tolist()) == set(Kind)
    assert_read_back(world, many[0])
    assert_read_back(worlds.speaking(), corpus_of(worlds.speaking()).sentences.where(np.arange(0, 14000, 7)))


@given(hostile_worlds(), st.integers(0, 2**32))
def test_hostile_names_are_read_back_to_the_same_ids(world: World, seed: int) -> None:
    """Sentences of every kind, of any facts and objects, with names as they come."""
    speaking, _ = told(world, 3, pieces=600)
    draw, N = np.random.default_rng(seed), 60
    kind = draw.integers(len(Kind), size=N).astype(np.int8)
    joined = kind >= Kind.AND
    fact, second = (draw.integers(len(speaking), size=N).astype(np.int32) for _ in range(2))
    object_, second_object = (draw.integers(len(speaking.objects), size=N).astype(np.int32) for _ in range(2))
    order = np.argsort(speaking.subject[fact], kind="stable")
    drawn = Sentences(
        speaking.subject[fact], kind, (kind == Kind.ATOM) | (draw.random(N) < 0.5), fact, object_,
        np.where(joined, second, NONE), np.where(joined, second_object, NONE),
    ).where(order)  # fmt: skip
    assert_read_back(speaking, draw_names(speaking, seed, drawn))


@pytest.mark.parametrize("kind", ["words", "mistral"])
def test_tokens_are_those_of_the_text(kind: str) -> None:
    world = worlds.speaking()
    roles = world.relations, world.objects, world.subjects
    names = [name for vocabulary in roles for name in vocabulary.every_name]
    tokenizer = load_mistral_tokenizer() if kind == "mistral" else train_word_tokenizer(names)
    wording, shard = Wording(world), make_shard(world, CONFIG, 0, 0, 20)
    bos, eos = tokenizer.bos_token_id, tokenizer.eos_token_id
    tokens = encode_documents(wording, spell_fragments(wording, tokenizer), shard, bos, eos)
    texts, documents = wording.texts(shard.sentences), shard.documents
    bounds = zip(documents.start[:-1], documents.start[1:], strict=True)
    spelt = encode(tokenizer, [" ".join(texts[i] for i in documents.sentence[a:b]) for a, b in bounds])
    assert tokens.tolist() == [id_ for ids in spelt for id_ in (bos, *ids, eos)]
    assert tokenizer.unk_token_id not in tokens


# --- answers ------------------------------------------------------------------------------------------------


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
