"""The update metrics on a model that is a table: by hand at r = 1 and r = 10, and against a written-out reference."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from lookup_model import answered, answered_points, points_and_models, written_out_updates

from worldgen.evaluate.slag.detection import paraphrase_consistency
from worldgen.evaluate.slag.points import Asked, Entailed, Neutral, Paraphrase, Point, Task
from worldgen.evaluate.slag.predictions import PointQuestions
from worldgen.evaluate.slag.update_metrics import (
    BEFORE_AFTER_METRICS,
    FURTHER_METRICS,
    UPDATE_METRICS,
    BeforeAfter,
    RandomSets,
    Updates,
    before_and_after,
    correcting,
    success_by_consistency,
    update_metrics,
)

NAN = float("nan")


def updates_of(points, r, before, after, random=(), desired=None, agent=None):
    """Returns the updates of these points; random[b] are the random questions of block b."""
    questions, old = answered_points(before, points)
    asked = [question for its in random for question in its]
    block = np.repeat(np.arange(len(random)), [len(its) for its in random]).astype(np.int64)
    sets = RandomSets.of(block, BeforeAfter(answered(before, asked), answered(after, asked)))
    model = BeforeAfter(old, answered_points(after, points)[1])
    return Updates(questions, desired or correcting(points), r, model, sets, agent)


def rome():
    """One point with everything, and what a model says before and after its update to "Rome"."""
    point = Point(
        "rome", Task.GEN, "test", "Ada", Asked("Ada lives in", ("Rome", "Roma")),
        (Paraphrase(Asked("A. L. lives in", ("Rome", "Roma")), "subject"),
         Paraphrase(Asked("A. L. dwells in", ("Rome", "Roma")), "both"),
         Paraphrase(Asked("Ada dwells in", ("Rome", "Roma")), "relation")),
        (Entailed(Asked("Ada speaks", ("Italian",)), "R6", "Rome"),
         Entailed(Asked("Ada pays in", ("euros",)), "R7", "Rome", soft=(("euros", 0.9), ("lire", 0.1)), changes=True),
         Entailed(Asked("Ada eats", ("pasta",)), "R7", "Rome", changes=False),
         Entailed(Asked("Ada votes in", ("Rome",)), "R7", "Rome", for_accuracy=False, changes=True),
         Entailed(Asked("Ada reads", ("French",)), "R6", "Paris")),
        (Neutral(Asked("Ada is born on", ("May 3",))), Neutral(Asked("Ada likes", ("tea",))),
         Neutral(Asked("Ada knows", ()))),
        alternatives=("Paris",),
    )  # fmt: skip
    before = {
        "Ada lives in": "Oslo", "A. L. lives in": "Oslo", "A. L. dwells in": "Rome", "Ada dwells in": "Oslo",
        "Ada speaks": "Norse", "Ada pays in": "euros", "Ada eats": "fish", "Ada votes in": "Oslo",
        "Ada reads": "French", "Ada is born on": "May 3", "Ada likes": "tea", "Ada knows": "Bob",
        "r1": "x", "r2": "y", "r3": "z", "r4": "w",
    }  # fmt: skip
    after = before | {
        "Ada lives in": "Roma", "A. L. lives in": "Rome", "A. L. dwells in": "roma.", "Ada dwells in": "Oslo",
        "Ada speaks": "Italian", "Ada pays in": "euros", "Ada eats": "fish", "Ada votes in": "Rome",
        "Ada likes": "milk", "r1": "q", "r2": "b", "r4": "W ",
    }  # fmt: skip
    return point, before, after


RANDOM = [Asked("r1", ("x",)), Asked("r2", ("a", "b")), Asked("r3", ("z",)), Asked("r4", ("a",))]


def test_the_six_metrics_of_a_single_update_are_what_they_are_by_hand():
    point, before, after = rome()
    table = update_metrics(updates_of([point], 1, before, after, [RANDOM[:3]]))
    assert table.values.index.tolist() == ["rome"]
    assert table.values.columns.tolist() == [metric.name for metric in (*UPDATE_METRICS, *FURTHER_METRICS)]
    expected = {
        "usr_main": 1,  # "Roma" is eligible
        "usr_para": 1 / 3,  # "roma." is the new main prediction; "Rome" is right, but another prediction
        "usr_entailed": 2 / 3,  # of Italian, euros, pasta; the uncertain one and the one of Paris do not count
        "usr_entailed_changes": 1,
        "usr_entailed_stays": 0,
        "retain_neutral": 2 / 3,  # also the question without a label
        "retain_all": 1 / 3,  # r3
        "delta_accuracy": 0,  # r1 lost, r2 gained by its second eligible string
        "neutral_accuracy": 1 / 2,
        "other_entailed_accuracy": NAN,
        **{f"distance_{part}": NAN for part in ("main", "para", "entailed", "neutral", "random")},
    }
    assert set(expected) == set(table.columns)
    for name, value in expected.items():
        np.testing.assert_allclose(table.values[name], [value], rtol=1e-15, err_msg=name)


def test_the_change_of_accuracy_is_in_percent_points_of_the_same_questions():
    point, before, after = rome()
    table = update_metrics(updates_of([point, replace(point, id="again")], 1, before, after, [RANDOM[1:], RANDOM[:1]]))
    np.testing.assert_allclose(table.values["delta_accuracy"], [100 / 3, -100], rtol=1e-15)
    np.testing.assert_allclose(table.values["retain_all"], [2 / 3, 0], rtol=1e-15)  # "W " is "w"
    assert table.pooled["delta_accuracy"] == 0
    assert table.means["delta_accuracy"] == pytest.approx(-100 / 3)


def test_a_changing_update_asks_for_its_label_and_for_what_follows_from_it():
    point, before, after = rome()
    after = after | {"Ada lives in": "Paris", "Ada reads": "Latin"}
    values = update_metrics(updates_of([point], 1, before, after, desired=[("Paris",)])).values.iloc[0]
    assert (values["usr_main"], values["usr_para"], values["usr_entailed"]) == (1, 0, 0)
    assert update_metrics(updates_of([point], 1, before, after)).values["usr_main"].item() == 0


def test_before_and_after_are_what_they_are_by_hand():
    point, before, after = rome()
    table = before_and_after(updates_of([point], 1, before, after))
    assert list(table.columns) == [metric.name for metric in BEFORE_AFTER_METRICS]
    # Before: of Oslo, Oslo, Rome, Oslo three pairs of six are equal; after: of roma, rome, roma, oslo one is.
    # Italian and pasta are entailed by the belief itself; euros is what an agent makes of the update.
    np.testing.assert_allclose(table.values.iloc[0], [0, 1 / 2, 3 / 6, 1 / 6], rtol=1e-15)


def ten_at_a_time():
    """Twenty-three points of which r = 10 makes two blocks; the last three are in none.

    Point k has k % 3 paraphrases, an entailed question if k is even, and a neutral one if k < 5. In the first block the
    updates of points 0 to 6 hold, in the second none does, in the tail all would.
    """

    def ask(name):
        return Asked(name, ("yes",))

    points = [
        Point(
            f"point {k}", Task.GEN, "test", f"s{k}", ask(f"m{k}"),
            tuple(Paraphrase(ask(f"p{k}.{i}"), "both") for i in range(k % 3)),
            (Entailed(ask(f"e{k}"), "R6", "yes"),) if k % 2 == 0 else (),
            (Neutral(ask(f"n{k}")),) if k < 5 else (),
        )
        for k in range(23)
    ]  # fmt: skip
    questions = PointQuestions(tuple(points)).asked
    before = {question.prompt: "no" for question in questions} | {f"r{b}.{i}": "yes" for b in (0, 1) for i in range(5)}
    after = {question.prompt: "no" for question in questions} | {f"r{b}.{i}": "yes" for b in (0, 1) for i in range(5)}
    after |= {f"m{k}": "yes" for k in (*range(7), 20, 21, 22)}
    after |= {"p1.0": "yes", "p2.0": "yes", "e0": "yes", "e12": "yes", "e14": "yes", "e20": "yes", "p20.0": "yes"}
    after |= {"n0": "yes", "r1.0": "no", "r1.4": "no"}
    random = [[ask(f"r{b}.{i}") for i in range(5)] for b in (0, 1)]
    return points, before, after, random


def test_blocks_of_ten_are_measured_once_and_the_incomplete_one_is_dropped():
    points, before, after, random = ten_at_a_time()
    table = update_metrics(updates_of(points, 10, before, after, random))
    assert table.values.index.tolist() == ["point 0", "point 10"]
    expected = {
        "usr_main": [7 / 10, 0],
        # Points 1, 2, 4, 5, 7, 8 have 1, 2, 1, 2, 1, 2 paraphrases. As their mains: p1.0 and p2.0 of the first four
        # points, all three of points 7 and 8, whose updates failed. In the second block everything stays "no".
        "usr_para": [5 / 9, 1],
        "usr_entailed": [1 / 5, 2 / 5],
        "retain_neutral": [4 / 5, NAN],
        "retain_all": [1, 3 / 5],
        "delta_accuracy": [0, -40],
    }
    for name, value in expected.items():
        np.testing.assert_allclose(table.values[name], value, rtol=1e-15, err_msg=name)
    assert table.pooled["usr_para"] == pytest.approx((5 + 10) / (9 + 10))


def test_points_after_the_last_whole_block_change_nothing():
    points, before, after, random = ten_at_a_time()
    whole = updates_of(points[:20], 10, before, after, random)
    with_tail = updates_of(points, 10, before, after, random)
    for table in (update_metrics, before_and_after):
        np.testing.assert_array_equal(table(whole).values, table(with_tail).values)
        np.testing.assert_array_equal(table(whole).pooled, table(with_tail).pooled)


def test_single_updates_of_the_same_points_have_a_row_each():
    points, before, after, _ = ten_at_a_time()
    table = update_metrics(updates_of(points, 1, before, after))
    assert table.values.index.tolist() == [point.id for point in points]
    np.testing.assert_array_equal(table.values["usr_main"], [1] * 7 + [0] * 13 + [1] * 3)
    np.testing.assert_array_equal(table.values["usr_para"].iloc[:6], [NAN, 1, 1 / 2, NAN, 0, 0])
    assert table.values["retain_all"].isna().all()


@given(points_and_models(), st.data())
def test_metrics_are_those_written_out_with_loops(drawn, data):
    points, before, after = drawn
    r = data.draw(st.integers(1, len(points)))
    desired = [(data.draw(st.sampled_from("ABC")),) for _ in points]
    blocks = [points[start : start + r] for start in range(0, len(points) - r + 1, r)]
    mains = st.sampled_from([point.main for point in points])
    random = [data.draw(st.lists(mains, max_size=3)) for _ in blocks]
    updates = updates_of(points, r, before, after, random, desired)
    found, compared = update_metrics(updates).values, before_and_after(updates).values
    assert len(found) == len(compared) == len(points) // r
    for b, block in enumerate(blocks):
        expected = written_out_updates(block, desired[b * r : b * r + r], before, after, random[b])
        values = found.iloc[b].to_dict() | compared.iloc[b].to_dict()
        for name, value in expected.items():
            np.testing.assert_allclose(values[name], value, rtol=1e-12, err_msg=name)
        for name, model in (("before", before), ("after", after)):
            consistency = [paraphrase_consistency(*answered_points(model, [point])).values.item() for point in block]
            known = [value for value in consistency if not np.isnan(value)]
            mean = np.mean(known) if known else NAN
            assert compared[f"consistency_{name}"].iloc[b] == pytest.approx(mean, nan_ok=True)


@given(points_and_models(), st.integers(1, 4))
def test_metrics_are_shares_and_a_model_that_never_changes_keeps_everything(drawn, r):
    points, before, after = drawn
    r = min(r, len(points))
    random = [[point.main for point in points]] * (len(points) // r)
    shares = update_metrics(updates_of(points, r, before, after, random)).values
    changes = shares.pop("delta_accuracy")
    assert ((shares >= 0) & (shares <= 1) | shares.isna()).all().all()
    assert changes.abs().max() <= 100
    kept = update_metrics(updates_of(points, r, before, before, random)).values
    assert kept["retain_neutral"].dropna().eq(1).all()
    assert kept["retain_all"].eq(1).all()
    assert kept["delta_accuracy"].eq(0).all()


def test_distances_are_mean_absolute_errors_where_both_credences_are_known():
    point, before, after = rome()
    updates = updates_of([point, replace(point, id="again")], 2, before, after, [RANDOM])
    entries = len(updates.questions.asked)
    # Each point: main; three paraphrases; five entailed; three neutral.
    model = np.array([0.9, 0.8, NAN, 0.5, 0.3, 0.4, 0.5, 0.6, 0.0, 0.7, NAN, NAN] * 2)
    agent = np.array([1.0, 1.0, 1.0, 1.0, 1.0, 0.9, NAN, 0.5, 1.0, 0.9, 0.1, NAN] * 2)
    agent[12] = 0.5
    assert entries == len(model)
    after_updates = replace(updates.model.after, credence=model)
    sets = replace(
        updates.random,
        model=updates.random.model._replace(
            after=replace(updates.random.model.after, credence=np.array([0.1, 0.2, NAN, 0.4]))
        ),
        agent=np.array([0.2, 0.4, 0.1, NAN]),
        entailed=np.array([False, True, True, False]),
    )
    updates = replace(updates, model=updates.model._replace(after=after_updates), agent=agent, random=sets)
    values = update_metrics(updates).values.iloc[0]
    assert values["distance_main"] == pytest.approx((0.1 + 0.4) / 2)
    assert values["distance_para"] == pytest.approx((0.2 + 0.5) / 2)
    assert values["distance_entailed"] == pytest.approx((0.7 + 0.5 + 0.1) / 3)  # the uncertain label counts here
    assert values["distance_neutral"] == pytest.approx(0.2)
    assert values["distance_random"] == pytest.approx((0.1 + 0.2) / 2)
    assert values["other_entailed_accuracy"] == 1  # r2 "b" and r3 "z"


@pytest.mark.parametrize("r", [0, 2])
def test_a_block_that_the_points_do_not_fill_is_refused(r):
    point, before, after = rome()
    with pytest.raises(ValueError, match=f"1 points make no block of r = {r}"):
        updates_of([point], r, before, after)


def test_what_does_not_belong_together_is_refused():
    point, before, after = rome()
    updates = updates_of([point], 1, before, after, [RANDOM])
    short = updates.model.after.take(np.arange(3))
    for wrong in ({"desired": []}, {"agent": np.zeros(3)}, {"model": updates.model._replace(after=short)}):
        with pytest.raises(ValueError, match="are not those of 1 points"):
            replace(updates, **wrong)
    with pytest.raises(ValueError, match="belongs to none of the 1 blocks"):
        replace(updates, random=replace(updates.random, block=np.array([0, 0, 1, 0])))
    with pytest.raises(ValueError, match="random sets of different lengths"):
        replace(updates.random, block=np.zeros(3, dtype=int))


def test_success_by_consistency_is_what_it_is_by_hand():
    consistency = np.array([0, 0, 0.1, 0.2, 0.3, 0.4, 0.6, 0.7, 0.8, 0.9, 1, 1, 1, NAN, 1])
    success = np.array([1, 0, 1, 1, 0, 1, 1, 1, 0, 0, 1, 1, 0, 1, NAN])
    found = success_by_consistency(consistency, success)
    assert found.bins.index.tolist() == ["0", "(0, .2)", "[.2, .4)", "[.4, .6)", "[.6, .8)", "1"]
    assert found.bins["points"].tolist() == [2, 1, 2, 1, 2, 3]
    assert found.bins["successes"].tolist() == [1, 1, 1, 1, 2, 2]
    np.testing.assert_allclose(found.bins["success"], [1 / 2, 1, 1 / 2, 1, 1, 2 / 3])
    assert found.left_out == 2
    assert found.pearson == pytest.approx(np.corrcoef(consistency[:13], success[:13])[0, 1])


def test_success_that_never_varies_has_no_correlation():
    found = success_by_consistency(np.array([0.1, 0.5]), np.ones(2))
    assert np.isnan(found.pearson)
    assert found.bins["points"].tolist() == [0, 1, 0, 1, 0, 0]
    assert np.isnan(found.bins["success"].iloc[0])
    empty = success_by_consistency(np.zeros(0), np.zeros(0))
    assert np.isnan(empty.pearson)
    assert empty.left_out == 0
