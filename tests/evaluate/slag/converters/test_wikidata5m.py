"""Wikidata5m's files as points: two facts an entity, neutral to each other, with paraphrases by the names."""

import itertools

import pytest
from public_lines import WIKIDATA5M, wikidata5m_folder

from worldgen.errors import UserError
from worldgen.evaluate.slag.converters.conversion import LeftOut, Options
from worldgen.evaluate.slag.converters.wikidata5m import RELATIONS, wikidata5m_points
from worldgen.evaluate.slag.point_faults import fault_of
from worldgen.evaluate.slag.points import Asked, Neutral, Task


def by_id(folder, **options):
    return {point.id: point for point in wikidata5m_points(folder, Options("{}", **options)).points}


def test_an_entity_gives_two_facts_that_are_neutral_to_each_other(tmp_path):
    points = by_id(wikidata5m_folder(tmp_path))
    assert set(points) == {"Q1/P166", "Q1/P69", "Q5/P19", "Q5/P69"}
    award, school = points["Q1/P166"], points["Q1/P69"]
    assert (award.task, award.subject, award.split) == (Task.GEN, "Q1", "test")
    medals = ("Garvan Medal", "Garvan-Olin Medal", "Hall of Fame")  # all objects, by all their names
    assert award.main == Asked("Mary Good has relation 'award received' to", medals)
    assert school.main == Asked("Mary Good has relation 'educated at' to", ("University of Arkansas", "U Arkansas"))
    assert award.neutral == (Neutral(school.main),)
    assert school.neutral == (Neutral(award.main),)


def test_a_paraphrase_changes_the_entity_and_the_relation_and_keeps_the_labels(tmp_path):
    points = by_id(wikidata5m_folder(tmp_path))
    award = points["Q1/P166"]
    names = itertools.product(["Mary Lowe Good", "M. Good"], ["winner of", "won"])
    assert sorted(p.asked.prompt for p in award.paraphrases) == sorted(f"{s} has relation '{r}' to" for s, r in names)
    assert {(p.asked.eligible, p.part, p.held_out) for p in award.paraphrases} == {(award.main.eligible, "both", False)}
    assert [p.asked.prompt for p in points["Q5/P19"].paraphrases] == ["Reed has relation 'born at' to"]


def test_an_alternative_is_another_object_of_the_relation(tmp_path):
    points = by_id(wikidata5m_folder(tmp_path))
    assert points["Q5/P19"].alternatives == ("York",)
    assert points["Q1/P166"].alternatives == ()


def test_what_gives_no_point_is_counted(tmp_path):
    found = wikidata5m_points(wikidata5m_folder(tmp_path), Options("{}"))
    assert found.left_out == (
        LeftOut("malformed lines", 1, "wikidata5m_transductive_train.txt line 9: 2 columns, 3 expected"),
        LeftOut("triples of these relations without names", 1),  # Q99
        LeftOut("entities with one of these relations only", 1),  # Q7
        LeftOut("paraphrases, of 4 a point", 3 + 2),  # of Q5: 1 for P19 and 2 for P69
    )


def test_the_draws_are_those_of_the_seed_and_are_as_many_as_asked_for(tmp_path):
    folder = wikidata5m_folder(tmp_path)
    ids = {tuple(by_id(folder, seed=seed, count=3)) for seed in range(20)}
    assert {len(drawn) for drawn in ids} == {3}
    assert len(ids) > 2
    assert by_id(folder, seed=7) == by_id(folder, seed=7)


def test_real_triples_give_points_without_fault(wikidata_sample):
    points = list(by_id(wikidata_sample).values())
    assert len(points) > 1000
    assert not {fault_of(point) for point in points} - {""}
    assert {len(p.neutral) for p in points} == {1}
    assert {p.id.rpartition("/")[2] for p in points} <= set(RELATIONS)
    pairs = (
        itertools.batched(points, 2) if hasattr(itertools, "batched") else zip(points[::2], points[1::2], strict=True)
    )
    assert all(a.subject == b.subject and a.main != b.main for a, b in pairs)


def test_files_that_cannot_give_the_points_are_refused(tmp_path):
    with pytest.raises(UserError, match="no such folder or file"):
        wikidata5m_points(tmp_path / "nowhere", Options("{}"))
    folder = wikidata5m_folder(tmp_path / "w")
    with pytest.raises(
        UserError, match="3 entities of two points each are asked for, and the file gives 2: ask for fewer"
    ):
        wikidata5m_points(folder, Options("{}", count=5))
    lonely = [line for line in WIKIDATA5M["wikidata5m_transductive_train.txt"] if "P31" in line]
    assert wikidata5m_points(wikidata5m_folder(tmp_path / "l", train=lonely), Options("{}")).points == []
