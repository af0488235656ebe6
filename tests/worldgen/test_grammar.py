"""The language can be read back: every sentence over a lexicon, once the labels of `unspeakable` are left out."""

from __future__ import annotations

import itertools
from dataclasses import replace
from typing import get_args

import pytest
from hostile_names import (
    HOSTILE_WORDS,
    LONG,
    STRANGE_LETTERS,
    Labels,
    assert_unambiguous,
    every_sentence,
    lexicons,
    speakable,
)
from hypothesis import given, settings
from hypothesis import strategies as st

from worldgen.grammar import (
    Atom,
    Both,
    Definition,
    Lexicon,
    Not,
    Place,
    Sentence,
    Tag,
    WordOrder,
    render,
    truth_prompt,
)
from worldgen.unspeakable import unspeakable, words_of


@pytest.mark.parametrize("words", HOSTILE_WORDS, ids=" ".join)
def test_hostile_lexicons_are_unambiguous(words: list[str]) -> None:
    @settings(max_examples=max(150, settings().max_examples // 2))
    @given(lexicons(words))
    def check(lexicon: tuple[set[str], set[str], set[str]]) -> None:
        assert_unambiguous(speakable(*lexicon))

    check()


@given(*(st.sets(st.one_of(STRANGE_LETTERS, LONG), min_size=1, max_size=3) for _ in range(3)))
def test_strange_letters_and_long_names_are_unambiguous(subjects: Labels, relations: Labels, objects: Labels) -> None:
    assert_unambiguous(speakable(subjects, relations, objects))


SMALL = [" ".join(words) for n in (1, 2) for words in itertools.product(("and", "a", "r"), repeat=n)]


@pytest.mark.parametrize("relation", ["r", "a", "r a", "a r", "r and a"])
def test_all_small_lexicons_of_one_subject_and_two_objects(relation: str) -> None:
    """Exhaustive over the labels of one or two of the words and, a, r."""
    for subject in SMALL:
        for objects in itertools.combinations(SMALL, 2):
            assert_unambiguous(speakable([subject], [relation], objects))


def test_all_labels_of_a_small_vocabulary_at_once() -> None:
    """Every label of up to three of the words is a subject and an object. The labels that are kept are unambiguous."""
    names = [" ".join(w) for n in (1, 2, 3) for w in itertools.product(("and", "a"), repeat=n)]
    lexicon = speakable(names, ["r"], names)
    assert_unambiguous(lexicon)
    # All objects can stay once the subjects that they could swallow are gone.
    assert lexicon.objects == set(names)
    assert {"a"} <= lexicon.subjects


# An earlier version of the language read each of these lexicons wrongly or in two ways.
ONCE_BROKEN = [
    (["x a", "x"], ["b", "a b c"], ["c z", "z"]),
    (['"x"'], ["is"], ["true", "false"]),
    (["s", "and s"], ["r"], ["o", "o and"]),
    (["s", "b z", "c and"], ["r", "b"], ["o", "o and c", "z r o"]),
    (["s"], ["r"], ["o", "o and s r", "and s r o"]),
    (["r", "r a"], ["a and r", "and"], ["r", "r r"]),
    (["s", "y", "y and s"], ["r"], ["o", "o and y"]),
    (["s", "s2"], ["r"], ["o", "o and s2 r o"]),
    (["not s", "s"], ["r"], ["o"]),
    (["r and", "r"], ["and r a", "r"], ["a a"]),
    (["a b", "b"], ["sports", "sports team"], ["team", "team x", "x"]),
    (["s", "s2", "c d"], ["r", "b and c"], ["o", "o and s2 b", "d r o"]),
    (["s", "m", "b z"], ["r", "and b"], ["o", "o and m", "z r o"]),
    (["s", "s2", "t"], ["r", "x and"], ["o", "o and s2 x", "t r o"]),
    (["s"], ["r", "r o and s"], ["o", "r o"]),
    (["s"], ["r"], ['s" is true', "s"]),
    (["s"], ["r"], ["St", "St. Louis"]),
    (["s", ""], ["r", "", "r."], ["o", " o", "o  o", "o\to", "o\n", "\u200f"]),
]


@pytest.mark.parametrize("lexicon", ONCE_BROKEN, ids=str)
def test_lexicons_that_were_once_read_wrongly(lexicon: tuple[Labels, Labels, Labels]) -> None:
    assert_unambiguous(speakable(*lexicon))
    bad = unspeakable(*lexicon)
    assert bad.subjects or bad.relations or bad.objects
    assert all([*bad.subjects.values(), *bad.relations.values(), *bad.objects.values()])


ORDINARY_SUBJECTS = [
    '"Weird Al" Yankovic', "St. Louis", "Trinidad and Tobago", "The Good, the Bad and the Ugly", "Washington, D.C.",
    "Andorra", "Oregon", "Nottingham", "True Grit", "What is Life", "Norway", "Truth or Consequences", "3 or 4", "and",
    "country music", "Dead or Alive", "\u05d9\u05e8\u05d5\u05e9\u05dc\u05d9\u05dd", "Zu\u0308rich", "7",
]  # fmt: skip


ORDINARY_RELATIONS = [
    "educated at", "occupation", "place of birth", "citizenship", "position", "sports team", "sport", "time zone",
    "instance of", "country", "languages spoken, written or signed",
]  # fmt: skip


ORDINARY_OBJECTS = [
    *ORDINARY_SUBJECTS, "film and television actor", "Bosnia and", "University of Arts and Sciences", "U.S.", "or",
    "sports", "not applicable", "time zone", "true", "false", 'the "true" church',
]  # fmt: skip


def test_ordinary_names_are_kept() -> None:
    bad = unspeakable(ORDINARY_SUBJECTS, ORDINARY_RELATIONS, ORDINARY_OBJECTS)
    assert (bad.subjects, bad.relations, bad.objects) == ({}, {}, {})
    assert_unambiguous(Lexicon(*map(frozenset, (ORDINARY_SUBJECTS[:5], ORDINARY_RELATIONS[-3:], ORDINARY_OBJECTS[:7]))))


@given(lexicons(HOSTILE_WORDS[1]))
def test_leaving_labels_out_makes_no_other_label_unspeakable(lexicon: tuple[set[str], set[str], set[str]]) -> None:
    rest = speakable(*lexicon)
    assert speakable(rest.subjects, rest.relations, rest.objects) == rest


def test_reasons_come_in_the_same_order_whatever_the_hash_seed() -> None:
    objects = [f"o{i} and s r o" for i in range(20)]
    assert list(unspeakable(["s"], ["r"], ["o", *objects]).objects) == sorted(objects)


ADA = Atom("Ada", "born in", "London")


EVE = Atom("Eve", "works as", "spy")


@pytest.mark.parametrize(
    ("sentence", "text"),
    [
        (Sentence(ADA), "Ada born in London."),
        (Sentence(ADA, True), '"Ada born in London" is true.'),
        (Sentence(Not(ADA), False), '"not Ada born in London" is false.'),
        (Sentence(Both("and", ADA, EVE), False), '"Ada born in London and Eve works as spy" is false.'),
        (Sentence(Both("or", EVE, ADA), True), '"Eve works as spy or Ada born in London" is true.'),
    ],
)
def test_the_five_shapes(sentence: Sentence, text: str) -> None:
    lexicon = Lexicon(frozenset({"Ada", "Eve"}), frozenset({"born in", "works as"}), frozenset({"London", "spy"}))
    assert render(sentence) == text
    assert lexicon.parse(text) == sentence
    if sentence.truth is not None:
        assert text == f"{truth_prompt(sentence.formula)} {str(sentence.truth).lower()}."


def test_only_an_atom_is_said_bare() -> None:
    with pytest.raises(ValueError, match="only an atom"):
        render(Sentence(Not(ADA)))
    with pytest.raises(ValueError, match="only an atom"):
        render(Sentence(Not(ADA), tag=Tag("abc")))
    with pytest.raises(ValueError, match="only a bare atom can have a tag"):
        render(Sentence(ADA, True, Tag("abc")))


TAGGED = Lexicon(frozenset({"Ada"}), frozenset({"born in"}), frozenset({"London", "St. Ives"}), frozenset({"qv", "zx"}))


@pytest.mark.parametrize(
    ("tag", "text"),
    [
        (Tag("qv"), "qv Ada born in London."),
        (Tag("zx", "last"), "Ada born in London zx."),
        (Tag("qv", "apart"), "qv. Ada born in London."),
    ],
)
def test_the_three_places_of_a_tag(tag: Tag, text: str) -> None:
    sentence = Sentence(ADA, tag=tag)
    assert render(sentence) == text
    assert TAGGED.parse(text) == sentence
    assert TAGGED.parse("Ada born in St. Ives.") == Sentence(Atom("Ada", "born in", "St. Ives"))


@pytest.mark.parametrize(
    "text",
    [
        "qv", "qv.", "qv. ", "qv Ada born in London", "pq Ada born in London.", "qv zx Ada born in London.",
        "qv Ada born in London zx.", "qv. Ada born in London zx.", "qv. zx. Ada born in London.",
        "qv.Ada born in London.",
        'qv "Ada born in London" is true.', '"qv Ada born in London" is true.', '"Ada born in London zx" is true.',
        "Ada qv born in London.", "Ada born in London. zx.", "Ada born in London zx", "not Ada born in London zx.",
    ],
)  # fmt: skip
def test_a_tag_elsewhere_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"not a (sentence|formula) of this language"):
        TAGGED.parse(text)


@given(lexicons(HOSTILE_WORDS[2]) | lexicons(HOSTILE_WORDS[3]))
def test_reports_over_hostile_labels_are_unambiguous(labels: tuple[set[str], set[str], set[str]]) -> None:
    """No report has the text of another sentence, whatever the place of its tag."""
    plain = speakable(*labels)
    free = sorted({"a", "b", "r", "1", "t"} - words_of(plain.subjects | plain.relations | plain.objects))
    lexicon = replace(plain, tags=frozenset(free))
    atoms = itertools.starmap(Atom, itertools.product(plain.subjects, plain.relations, plain.objects))
    tags = [Tag(source, place) for source in free for place in get_args(Place)]
    reports = [Sentence(atom, tag=tag) for atom, tag in itertools.product(atoms, tags)]
    told = [*reports, *itertools.islice(every_sentence(plain), 200)]
    texts = {render(sentence) for sentence in told}
    assert len(texts) == len(told)
    assert all(lexicon.parse(render(sentence)) == sentence for sentence in told)


DEFINING = replace(TAGGED, definers=frozenset({"dot"}), variables=frozenset({"va", "vb"}))


@pytest.mark.parametrize(
    ("order", "text"),
    [
        ("TAE", "dot va Ada."), ("ATE", "va dot Ada."), ("AET", "va Ada dot."), ("TEA", "dot Ada va."),
        ("ETA", "Ada dot va."), ("EAT", "Ada va dot."),
    ],
)  # fmt: skip
def test_the_six_word_orders_of_a_definition(order: WordOrder, text: str) -> None:
    sentence = Sentence(Definition("dot", "va", "Ada", order))
    assert render(sentence) == text
    assert DEFINING.parse(text) == sentence


def test_a_variable_may_stand_in_the_place_of_a_subject() -> None:
    for sentence in every_sentence(replace(DEFINING, subjects=DEFINING.variables)):
        assert DEFINING.parse(render(sentence)) == sentence


@pytest.mark.parametrize(
    "text",
    [
        "dot va Ada", "dot va.", "va Ada.", "dot Ada.", "dot dot va Ada.", "dot va vb Ada.", "dot va London.",
        "dot va va.", "dot. va Ada.", "qv va Ada.", "dot va Ada born in London.", '"dot va Ada" is true.',
        "va born in London dot.", "Ada born in va.", "Ada dot Ada va.", "dot va Ada..",
    ],
)  # fmt: skip
def test_a_text_that_is_almost_a_definition_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"not a (sentence|formula) of this language"):
        DEFINING.parse(text)


def test_a_definition_is_said_bare() -> None:
    definition = Definition("dot", "va", "Ada")
    with pytest.raises(ValueError, match="not said to be true or false"):
        render(Sentence(definition, True))
    with pytest.raises(ValueError, match="only a bare atom can have a tag"):
        render(Sentence(definition, tag=Tag("qv")))


@given(lexicons(HOSTILE_WORDS[2]) | lexicons(HOSTILE_WORDS[3]))
def test_definitions_over_hostile_labels_are_unambiguous(labels: tuple[set[str], set[str], set[str]]) -> None:
    """No definition, and no sentence about a variable, has the text of another sentence."""
    plain = speakable(*labels)
    free = sorted({"a", "b", "r", "1", "t", "u"} - words_of(plain.subjects | plain.relations | plain.objects))
    lexicon = replace(plain, tags=frozenset(free[:1]), definers=frozenset(free[1:2]), variables=frozenset(free[2:]))
    names = itertools.product(lexicon.definers, lexicon.variables, lexicon.subjects, get_args(WordOrder))
    definitions = [Sentence(definition) for definition in itertools.starmap(Definition, names)]
    of_variables = itertools.islice(every_sentence(replace(plain, subjects=lexicon.variables)), 100)
    told = [*definitions, *of_variables, *itertools.islice(every_sentence(plain), 100)]
    texts = {render(sentence) for sentence in told}
    assert len(texts) == len(told)
    assert all(lexicon.parse(render(sentence)) == sentence for sentence in told)


@pytest.mark.parametrize(
    "text",
    [
        "", ".", "Ada born in London", "Ada born in.", "Ada born in Paris.", "Bob born in London.",
        " Ada born in London.",
        "Ada born in London..", '"Ada born in London" is maybe.', '"Ada born in London is true.', '"" is true.',
        '"not not Ada born in London" is true.', '"Ada born in London and" is true.',
        '"and Ada born in London" is true.', '"Ada born in London  and Ada born in London" is true.',
        '"not Ada born in London and Ada born in London" is true.',
        "not Ada born in London.", "Ada born in London\n.",
    ],
)  # fmt: skip
def test_a_text_that_is_no_sentence_is_refused(text: str) -> None:
    lexicon = Lexicon(frozenset({"Ada"}), frozenset({"born in"}), frozenset({"London"}))
    with pytest.raises(ValueError, match=r"not a (sentence|formula) of this language"):
        lexicon.parse(text)
