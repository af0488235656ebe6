"""Beliefs detected: every metric on a model that is a table, computed by hand, and against a written-out reference."""

import itertools
from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from lookup_model import answered_points, points_and_models, right, written_out_detection

from worldgen.evaluate.slag.detection import (
    DETECTION_METRICS,
    HEADLINE,
    detect,
    entailment_by_rule,
    independence,
    paraphrase_consistency,
)
from worldgen.evaluate.slag.points import Asked, Entailed, Neutral, Paraphrase, Point, Task
from worldgen.evaluate.slag.predictions import PointQuestions

NAN = float("nan")
TRUE, FALSE = ("true",), ("false",)


def by_hand():
    """Four true/false points. The first is believed; the second and third are not; the fourth has a main question only.

    The model predicts:
    - m1 right; its paraphrases true, true, false; both entailed right; wrong are one that does not
      follow, and one that follows from an update only.
    - m2 wrong (false); paraphrases false, true; three entailed: right, wrong (contrapositive), wrong (none).
    - m3 wrong, without an answer; no paraphrases; one wrong contrapositive, and an uncertain label.
    - m4 right (its label is false).
    """
    one = Point(
        "one", Task.TF, "test", "s1", Asked("m1", TRUE),
        (
            Paraphrase(Asked("p11", TRUE), "subject"),
            Paraphrase(Asked("p12", TRUE), "both", held_out=True),
            Paraphrase(Asked("p13", TRUE), "both"),
        ),
        (
            Entailed(Asked("e11", FALSE), "R1", "true", contrapositive=True),
            Entailed(Asked("e12", TRUE), "R5", "true", contrapositive=True),
            Entailed(Asked("e13", TRUE), "R1'", "false"),
            Entailed(Asked("e14", TRUE), "R7", "true", True, soft=(("true", 0.9), ("false", 0.1))),
        ),
        (Neutral(Asked("n11", TRUE)), Neutral(Asked("n12", FALSE)), Neutral(Asked("n13", ()))),
    )  # fmt: skip
    two = Point(
        "two", Task.TF, "test", "s2", Asked("m2", TRUE),
        (Paraphrase(Asked("p21", TRUE), "relation"), Paraphrase(Asked("p22", TRUE), "both", held_out=True)),
        (
            Entailed(Asked("e21", TRUE), "R2", "true"),
            Entailed(Asked("e22", FALSE), "R1", "true", contrapositive=True),
            Entailed(Asked("e23", FALSE), "R3", "true"),
        ),
        (Neutral(Asked("n21", TRUE)),),
    )  # fmt: skip
    three = Point(
        "three", Task.TF, "test", "s3", Asked("m3", TRUE),
        entailed=(
            Entailed(Asked("e31", TRUE), "R5", "true", contrapositive=True),
            Entailed(Asked("e32", TRUE), "R7", "true", soft=(("true", 0.52), ("false", 0.48)), for_accuracy=False),
        ),
    )  # fmt: skip
    four = Point("four", Task.TF, "test", "s4", Asked("m4", FALSE))
    model = {
        "m1": "true", "p11": "true", "p12": "True.", "p13": "false", "e11": "false", "e12": "true", "e13": "false",
        "e14": "false", "n11": "true", "n12": "true", "n13": "true",
        "m2": "false", "p21": "false", "p22": "true", "e21": "true", "e22": "true", "e23": "true", "n21": "false",
        "m3": "", "e31": "false", "e32": "true", "m4": "false",
    }  # fmt: skip
    return (one, two, three, four), model


HAND = {
    "accuracy": [1, 0, 0, 1],
    # one: of 6 pairs among true, true, true, false three are equal; two: of 3 among false, false, true one is.
    "consistency": [3 / 6, 1 / 3, NAN, NAN],
    "consistency_right": [3 / 6, NAN, NAN, NAN],
    "consistency_wrong": [NAN, 1 / 3, NAN, NAN],
    "para_accuracy": [2 / 3, 1 / 2, NAN, NAN],
    "para_accuracy_right": [2 / 3, NAN, NAN, NAN],
    "para_accuracy_wrong": [NAN, 1 / 2, NAN, NAN],
    "para_equality": [2 / 3, 1 / 2, NAN, NAN],
    "para_equality_right": [2 / 3, NAN, NAN, NAN],
    "para_equality_wrong": [NAN, 1 / 2, NAN, NAN],
    "para_equality_subject": [1, NAN, NAN, NAN],
    "para_equality_relation": [NAN, 1, NAN, NAN],
    "para_equality_both": [1 / 2, 0, NAN, NAN],
    "para_equality_held_out": [1, 0, NAN, NAN],
    "entailment": [1, 1 / 3, 0, NAN],
    "entailment_right": [1, NAN, NAN, NAN],
    "entailment_wrong": [NAN, 1 / 3, 0, NAN],
    # one has no wrong entailed question that follows; of two only e22, of three only e31 counts. Both mains are wrong.
    "contrapositive": [NAN, 1, 1, NAN],
    "neutral_accuracy": [1 / 2, 0, NAN, NAN],
    "neutral_accuracy_right": [1 / 2, NAN, NAN, NAN],
    "neutral_accuracy_wrong": [NAN, 0, NAN, NAN],
    "unanswered": [0, 0, 1 / 3, 0],
}


def test_every_metric_of_a_table_is_what_it_is_by_hand():
    points, model = by_hand()
    table = detect(*answered_points(model, points))
    assert table.values.index.tolist() == ["one", "two", "three", "four"]
    assert table.values.columns.tolist() == [metric.name for metric in DETECTION_METRICS] == list(table.columns)
    assert set(HAND) == set(table.columns)
    for name, expected in HAND.items():
        np.testing.assert_allclose(table.values[name], expected, rtol=1e-15, err_msg=name)


def test_the_pooled_figures_weigh_pairs_and_questions_alike():
    points, model = by_hand()
    table = detect(*answered_points(model, points))
    assert table.pooled["consistency"] == pytest.approx(4 / 9)
    assert table.means["consistency"] == pytest.approx((3 / 6 + 1 / 3) / 2)
    assert table.pooled["entailment"] == pytest.approx(3 / 6)
    assert table.means["entailment"] == pytest.approx((1 + 1 / 3 + 0) / 3)
    assert table.pooled["contrapositive"] == 1
    assert table.pooled["unanswered"] == pytest.approx(1 / 22)


def test_a_believed_point_with_a_wrong_conclusion_breaks_the_contrapositive():
    points, model = by_hand()
    table = detect(*answered_points({**model, "e12": "false", "e11": "true"}, points))
    np.testing.assert_array_equal(table.values["contrapositive"], [0, 1, 1, NAN])
    assert table.means["contrapositive"] == pytest.approx(2 / 3)
    assert table.pooled["contrapositive"] == pytest.approx(2 / 4)


def test_entailment_is_told_by_rule_where_the_main_belief_is_right():
    points, model = by_hand()
    table = entailment_by_rule(*answered_points({**model, "e12": "false"}, points))
    assert list(table.columns) == ["R1", "R1'", "R2", "R3", "R5", "R7"]
    np.testing.assert_array_equal(table.values.loc["one"], [1, NAN, NAN, NAN, 0, 0])
    assert table.values.drop("one").isna().all().all()


def test_the_headline_is_declared_and_every_name_once():
    names = [metric.name for metric in DETECTION_METRICS]
    assert set(HEADLINE) <= set(names)
    assert len(set(names)) == len(names)


@given(points_and_models())
def test_metrics_are_those_written_out_with_loops(drawn):
    points, model, _ = drawn
    found = detect(*answered_points(model, points)).values
    for point, (_, row) in zip(points, found.iterrows(), strict=True):
        for name, expected in written_out_detection(model, point).items():
            np.testing.assert_allclose(row[name], expected, rtol=1e-12, err_msg=name)


@given(points_and_models())
def test_metrics_are_shares(drawn):
    points, model, _ = drawn
    table = detect(*answered_points(model, points))
    for numbers in (table.values.to_numpy(), table.means.to_numpy(), table.pooled.to_numpy()):
        assert ((numbers >= 0) & (numbers <= 1) | np.isnan(numbers)).all()


@given(points_and_models(), st.randoms(use_true_random=False))
def test_the_order_of_a_points_questions_does_not_matter(drawn, random):
    points, model, _ = drawn

    def shuffled(questions):
        return tuple(random.sample(questions, len(questions)))

    others = [
        replace(p, paraphrases=shuffled(p.paraphrases), entailed=shuffled(p.entailed), neutral=shuffled(p.neutral))
        for p in points
    ]
    before, after = (detect(*answered_points(model, its)) for its in (points, others))
    np.testing.assert_array_equal(before.values, after.values)
    np.testing.assert_allclose(before.pooled, after.pooled, rtol=1e-12)


@given(st.integers(1, 9), st.sampled_from(["", "x", "X. "]))
def test_equal_predictions_are_wholly_consistent(m, text):
    asked = [Asked(str(number), ("y",)) for number in range(m + 1)]
    point = Point("1", Task.GEN, "test", "s", asked[0], tuple(Paraphrase(its, "both") for its in asked[1:]))
    ratios = paraphrase_consistency(*answered_points(dict.fromkeys(map(str, range(m + 1)), text), [point]))
    assert ratios.values.tolist() == [1]
    assert ratios.trials.tolist() == [len(list(itertools.combinations(range(m + 1), 2)))]


@given(points_and_models())
def test_the_pooled_consistency_is_the_mean_where_all_points_have_as_many_pairs(drawn):
    points, model, _ = drawn
    alike = [point for point in points if len(point.paraphrases) == 2]
    table = detect(*answered_points(model, alike))
    np.testing.assert_allclose(table.pooled["consistency"], table.means["consistency"], rtol=1e-12)


def test_another_number_of_predictions_is_refused():
    points, model = by_hand()
    questions, predictions = answered_points(model, points)
    for metrics in (detect, lambda *of: independence(*of, np.random.default_rng(0))):
        with pytest.raises(ValueError, match="20 predictions for 22 questions"):
            metrics(questions, predictions.take(np.arange(20)))


def test_no_points_have_no_values():
    table = detect(*answered_points({}, []))
    assert table.values.shape == (0, len(DETECTION_METRICS))
    assert table.pooled.isna().all()
    assert np.isnan(independence(*answered_points({}, []), np.random.default_rng(0)).pearson)


def paired(cells):
    """Returns points with one neutral question each, of which cells[i][j] have main right = i and neutral right = j."""
    points, model = [], {}
    for main, neutral in itertools.product((0, 1), repeat=2):
        for _ in range(cells[main][neutral]):
            k = len(points)
            asked = Asked(f"m{k}", ("right",)), Asked(f"n{k}", ("right",))
            points.append(Point(str(k), Task.GEN, "test", str(k), asked[0], neutral=(Neutral(asked[1]),)))
            model |= {f"m{k}": ("wrong", "right")[main], f"n{k}": ("wrong", "right")[neutral]}
    return answered_points(model, points)


def test_independence_of_a_table_is_what_it_is_by_hand():
    found = independence(*paired([[3, 1], [2, 4]]), np.random.default_rng(0), shuffles=500)
    assert found.counts.tolist() == [[3, 1], [2, 4]]
    np.testing.assert_allclose(found.table, [[3 / 4, 1 / 4], [1 / 3, 2 / 3]])
    assert found.pearson == pytest.approx((3 * 4 - 1 * 2) / np.sqrt(4 * 6 * 5 * 5))  # phi of a two by two table
    assert len(found.shuffled) == 500
    assert abs(found.shuffled.mean()) < 0.05
    assert 0.3 < found.p_value < 0.7  # Fisher's exact test, two-sided, says 0.52


def test_a_true_dependence_stands_out_of_the_control_and_none_does_not():
    bound = independence(*paired([[40, 5], [5, 40]]), np.random.default_rng(1))
    free = independence(*paired([[20, 20], [20, 20]]), np.random.default_rng(1))
    assert bound.pearson == pytest.approx(7 / 9)
    assert bound.p_value == pytest.approx(1 / 1001)
    assert free.pearson == 0
    assert free.p_value == 1


def test_independence_of_a_model_without_errors_has_no_correlation():
    found = independence(*paired([[0, 0], [0, 5]]), np.random.default_rng(0), shuffles=3)
    np.testing.assert_array_equal(found.table, [[NAN, NAN], [0, 1]])
    assert np.isnan([found.pearson, found.p_value, *found.shuffled]).all()


@given(points_and_models())
def test_independence_counts_each_labelled_neutral_question_once(drawn):
    points, model, _ = drawn
    pairs = [
        (right(model, point.main), right(model, its.asked))
        for point in points
        for its in point.neutral
        if its.asked.eligible
    ]
    found = independence(*answered_points(model, points), np.random.default_rng(0), shuffles=20)
    assert found.counts.tolist() == [[pairs.count((bool(i), bool(j))) for j in (0, 1)] for i in (0, 1)]
    main, neutral = np.array(pairs, dtype=float).reshape(-1, 2).T
    if len(pairs) and np.ptp(main) and np.ptp(neutral):
        assert found.pearson == pytest.approx(np.corrcoef(main, neutral)[0, 1], abs=1e-12)
    else:
        assert np.isnan(found.pearson)


def test_the_control_keeps_the_neutral_questions_of_a_point_together():
    """Two points, one right and one wrong: a shuffle keeps their correlation or turns it round."""
    points = [
        Point(name, Task.GEN, "test", name, Asked(name, ("yes",)),
              neutral=tuple(Neutral(Asked(f"{name}{i}", ("yes",))) for i in range(3)))
        for name in ("a", "b")
    ]  # fmt: skip
    model = {"a": "yes", "a0": "yes", "a1": "yes", "a2": "no", "b": "no", "b0": "no", "b1": "no", "b2": "no"}
    found = independence(*answered_points(model, points), np.random.default_rng(0), shuffles=50)
    assert found.pearson == pytest.approx(np.sqrt(1 / 2))
    np.testing.assert_allclose(np.abs(found.shuffled), found.pearson)
    assert set(np.sign(found.shuffled)) == {-1, 1}
    assert found.p_value == 1


def test_metrics_are_the_same_for_points_one_by_one():
    points, model = by_hand()
    together = detect(*answered_points(model, points)).values
    for point in points:
        questions, predictions = answered_points(model, [point])
        assert questions == PointQuestions((point,))
        np.testing.assert_array_equal(detect(questions, predictions).values.loc[point.id], together.loc[point.id])


def test_the_control_is_distributed_as_over_all_shuffles():
    """Five points with (right, all) neutral questions: the frequency of each r is that over all orders of the mains."""
    neutral, mains = [(0, 1), (1, 1), (2, 3), (2, 3), (0, 2)], [True, True, True, False, False]
    points, model = [], {}
    for i, ((h, k), is_right) in enumerate(zip(neutral, mains, strict=True)):
        asked = [Neutral(Asked(f"n{i}.{j}", ("yes",))) for j in range(k)]
        points.append(Point(str(i), Task.GEN, "test", str(i), Asked(f"m{i}", ("yes",)), neutral=tuple(asked)))
        model |= {f"m{i}": "yes" if is_right else "no"} | {f"n{i}.{j}": "yes" if j < h else "no" for j in range(k)}
    points.append(Point("alone", Task.GEN, "test", "alone", Asked("m", ("yes",))))  # must not take part
    found = independence(*answered_points(model | {"m": "yes"}, points), np.random.default_rng(2), shuffles=20000)

    y = np.concatenate([[1] * h + [0] * (k - h) for h, k in neutral])
    lengths = [k for _, k in neutral]
    exact = [np.corrcoef(np.repeat(order, lengths), y)[0, 1] for order in itertools.permutations(mains)]
    assert found.pearson == pytest.approx(np.corrcoef(np.repeat(mains, lengths), y)[0, 1])
    expected = Counter(np.round(exact, 9))
    frequency = Counter(np.round(found.shuffled, 9))
    assert set(frequency) == set(expected)
    for r, count in expected.items():  # five standard errors of a share of 20,000 draws are at most 0.018
        assert frequency[r] / 20000 == pytest.approx(count / len(exact), abs=0.018)
