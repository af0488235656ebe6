"""Labels that the language could misread, and the check that a lexicon has one reading for every sentence."""

from __future__ import annotations

import itertools
from collections.abc import Collection, Iterator

from hypothesis import strategies as st

from worldgen.grammar import Atom, Both, Lexicon, Not, Sentence, render
from worldgen.unspeakable import unspeakable

Labels = Collection[str]


def speakable(subjects: Labels, relations: Labels, objects: Labels) -> Lexicon:
    """The lexicon without its unspeakable labels."""
    bad = unspeakable(subjects, relations, objects)
    assert bad.subjects.keys() <= set(subjects)
    assert bad.relations.keys() <= set(relations)
    assert bad.objects.keys() <= set(objects)
    return Lexicon(
        frozenset(subjects) - bad.subjects.keys(),
        frozenset(relations) - bad.relations.keys(),
        frozenset(objects) - bad.objects.keys(),
    )


def every_sentence(lexicon: Lexicon) -> Iterator[Sentence]:
    """All sentences over the lexicon. An "and" or "or" is said to be true only: "false" changes only the end."""
    names = itertools.product(lexicon.subjects, lexicon.relations, lexicon.objects)
    return sentences_over(list(itertools.starmap(Atom, names)))


def sentences_over(atoms: list[Atom]) -> Iterator[Sentence]:
    """Every sentence over the atoms; an "and" or "or" only as true."""
    for atom in atoms:
        yield Sentence(atom)
        for truth in (True, False):
            yield Sentence(atom, truth)
            yield Sentence(Not(atom), truth)
    for left, right in itertools.product(atoms, atoms):
        yield Sentence(Both("and", left, right), True)
        yield Sentence(Both("or", left, right), True)


def assert_unambiguous(lexicon: Lexicon) -> None:
    """Parses and compares every sentence over the lexicon; no object with its full stop begins another."""
    texts = set()
    for sentence in every_sentence(lexicon):
        text = render(sentence)
        assert lexicon.parse(text) == sentence, text
        assert text not in texts, text
        texts.add(text)
    for one, other in itertools.permutations(lexicon.objects, 2):
        assert not other.startswith(f"{one}."), (one, other)


def labels_of(words: list[str], longest: int) -> st.SearchStrategy[str]:
    """Labels of up to `longest` of the words."""
    return st.lists(st.sampled_from(words), min_size=1, max_size=longest).map(" ".join)


def lexicons(words: list[str]) -> st.SearchStrategy[tuple[set[str], set[str], set[str]]]:
    return st.tuples(
        st.sets(labels_of(words, 3), min_size=1, max_size=3),
        st.sets(labels_of(words, 3), min_size=1, max_size=2),
        st.sets(labels_of(words, 6), min_size=1, max_size=3),
    )


HOSTILE_WORDS = [
    ["and", "a", "r"],
    ["and", "or", "not", "a", "b", "r", "s"],
    ['"', '"a', 'a"', "is", "true", "false", ".", "a.", '."', "r"],
    ["not", "is", "true", "and", "a", '"a"', "a.", "1", "r"],
]


STRANGE_LETTERS = st.text("ab .\"'0\u05d0\u0627\u0301\u200f\n\t\u00a0\U0001f1e8é", min_size=0, max_size=8)


LONG = st.sampled_from(["a" * 500, "and " * 124 + "a", "a. " * 166 + "a", "\u05d0 " * 249 + "b"])
