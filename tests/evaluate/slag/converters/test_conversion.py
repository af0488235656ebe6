"""Templates, splits by subject, and draws of points."""

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st
from public_lines import FEVER, json_lines

from worldgen.errors import UserError
from worldgen.evaluate.slag.converters.conversion import Options, checked_template, filled, in_splits
from worldgen.evaluate.slag.converters.fever import fever_points
from worldgen.evaluate.slag.points import Asked, Point, Task


def points_of(subjects) -> list[Point]:
    return [Point(str(i), Task.GEN, "test", s, Asked("p", ("l",))) for i, s in enumerate(subjects)]


def test_a_template_holds_one_gap():
    assert filled(checked_template('"{}" is'), "a {b}") == '"a {b}" is'
    for template in ("no gap", "{} and {}"):
        with pytest.raises(UserError, match=r"must hold \{\} once"):
            checked_template(template)


@given(st.lists(st.text(max_size=2), min_size=1), st.integers(0, 2**63 - 1))
def test_a_subject_is_in_one_split_whatever_points_are_beside_it(subjects, seed):
    points = points_of(subjects)
    together = in_splits(points, "60/10/30", seed)
    assert [p.split for p in together] == [in_splits([point], "60/10/30", seed)[0].split for point in points]
    assert [p.id for p in together] == [p.id for p in points]


def test_the_shares_are_the_probabilities_of_the_splits():
    drawn = Counter(point.split for point in in_splits(points_of(map(str, range(4000))), "6/1/3", seed=1))
    for split, share in (("train", 0.6), ("dev", 0.1), ("test", 0.3)):
        # Five standard deviations of a binomial share of 4,000 draws.
        assert abs(drawn[split] / 4000 - share) < 5 * (share * (1 - share) / 4000) ** 0.5
    assert {p.split for p in in_splits(points_of("abcdefgh"), "0/100/0", seed=1)} == {"dev"}


@pytest.mark.parametrize("shares", ["80", "1/2", "1/2/3/4", "a/b/c", "1/-1/1", "0/0/0", "nan/1/1", "inf/1/1", ""])
def test_shares_that_are_none_are_refused(shares):
    with pytest.raises(UserError, match="such as 80/10/10"):
        in_splits(points_of("ab"), shares, seed=0)


def test_points_are_drawn_without_repetition_and_keep_their_order(tmp_path):
    path = json_lines(tmp_path / "fever.jsonl", *(FEVER[0] | {"id": str(i)} for i in range(30)))
    samples = [[int(p.id) for p in fever_points(path, Options("{}", seed, 10)).points] for seed in range(5)]
    assert all(sample == sorted(set(sample)) and len(sample) == 10 for sample in samples)
    assert len(set(map(tuple, samples))) == 5
    with pytest.raises(UserError, match="31 points are asked for, and the file gives 30"):
        fever_points(path, Options("{}", 0, 31))
