"""The data of set inclusion: what is true, what is said, and what is rational to answer."""

from __future__ import annotations

import numpy as np
import pytest

from worldgen.errors import UserError
from worldgen.evaluate.internalizing.dataset import KINDS, Dataset, Labelled
from worldgen.evaluate.internalizing.inclusion_data import inclusion_data
from worldgen.evaluate.internalizing.set_inclusion import Task, draw_task, words_of
from worldgen.evaluate.internalizing.settings import InternalizeConfig, SetInclusionConfig
from worldgen.evaluate.internalizing.subsets import SUBSETS, TABLE_3, TAGS
from worldgen.evaluate.runs.presets import iml

SIZES = SetInclusionConfig(
    variables=100, integers=12, list_length=3, questions=4, test_questions=6, vocabulary="used", hidden=8, heads=1
)
FRACTIONS = {"d1": 0.3, "d2": 0.2, "d9": 0.1, "q3": 0.1, "d5": 0.1, "d6": 0.1, "d8": 0.1}


def task_of(sizes: SetInclusionConfig = SIZES, seed: int = 0) -> Task:
    return draw_task(sizes, FRACTIONS, np.random.default_rng(seed))


def data_of(config: InternalizeConfig, sizes: SetInclusionConfig = SIZES, seed: int = 0) -> Dataset:
    return inclusion_data(config, sizes, FRACTIONS, seed)


def words(data: Dataset, its: Labelled) -> list[list[str]]:
    parts = np.split(its.sequences.tokens, its.sequences.start[1:-1])
    return [[data.vocabulary[token] for token in part] for part in parts]


def test_true_lists_hold_x_and_false_ones_do_not() -> None:
    task = task_of()
    holds = (task.lists == task.true[:, None, None]).any(axis=2)
    assert (holds == task.answers).all()
    assert task.answers[: task.questions].mean() == task.answers[task.questions :].mean() == 0.5
    assert all(len(set(row)) == SIZES.list_length for row in task.lists.reshape(-1, SIZES.list_length).tolist())


def test_no_test_question_has_the_list_of_a_training_question() -> None:
    task = task_of(SIZES.model_copy(update={"integers": 5, "questions": 2, "test_questions": 2}))
    for lists in task.lists.tolist():
        asked = {frozenset(each) for each in lists[: task.questions]}
        assert not asked & {frozenset(each) for each in lists[task.questions :]}


def test_too_few_lists_are_refused() -> None:
    with pytest.raises(UserError, match="too few"):
        task_of(SIZES.model_copy(update={"integers": 4, "questions": 12}))


def test_definitions_are_consistent_or_not_as_the_subset_says() -> None:
    task = task_of()
    for name, variables in task.shares.items():
        right = task.defined[variables] == task.true[variables]
        assert right.all() if SUBSETS[name].consistent else not right.any()
        its = SUBSETS[name].tag
        assert set(task.tag[variables]) == {TAGS.index(its) if its else -1}


def test_wrong_integers_are_uniform_among_the_others() -> None:
    """Of 20,000 wrong definitions each of 11 differences has a share within 5 standard errors of 1/11."""
    task = draw_task(SIZES.model_copy(update={"variables": 20_000}), {"d2": 1.0}, np.random.default_rng(1))
    shares = np.bincount((task.defined - task.true) % 12, minlength=12) / 20_000
    assert shares[0] == 0
    assert np.abs(shares[1:] - 1 / 11).max() < 5 * np.sqrt(1 / 11 / 20_000)


def test_the_code_never_draws_the_greatest_integer() -> None:
    sizes = SIZES.model_copy(update={"variant": "code", "variables": 2000})
    assert task_of(sizes).lists.max() == task_of(sizes).true.max() == 10
    assert words_of(sizes, np.random.default_rng(0))[0][4:6] == ("false", "true")


def test_the_published_vocabulary_has_17711_words() -> None:
    """Spec B5; a word of each sign, answer and tag, 100 integers, 26 letters, 17,576 variables."""
    vocabulary, names = words_of(iml().set_inclusion, np.random.default_rng(0))
    assert len(vocabulary) == len(set(vocabulary)) == 17_711
    assert len(set(names.tolist())) == 8000
    assert all(len(vocabulary[name]) == 3 for name in names.tolist())


@pytest.mark.parametrize("order", ["TAE", "ATE", "AET", "TEA", "ETA", "EAT"])
def test_definitions_have_their_words_in_order(order: str) -> None:
    data = data_of(InternalizeConfig(order=order))
    stage = data.stages[1]
    for first, second, percent, last in words(data, stage):
        found = "".join("T" if w.startswith("define") else "E" if w.isdigit() else "A" for w in (first, second, last))
        assert (found, percent) == (order, "%")


def test_stages_hold_what_the_table_says() -> None:
    data = data_of(InternalizeConfig())
    first, second = data.stages
    assert set(second.kind) == {KINDS.index("definition")}
    asked = {data.subsets[number] for number in first.subset[first.kind == KINDS.index("question")]}
    defined = {data.subsets[number] for number in first.subset[first.kind == KINDS.index("definition")]}
    assert (asked, defined) == ({"d1", "d2", "d9", "q3"}, {"d1", "d2", "d9"})
    assert {data.subsets[number] for number in second.subset} == {"d5", "d6", "d8"}
    assert set(first.variable).isdisjoint(second.variable)
    assert len(first) == 60 + 70 * SIZES.questions


def test_one_stage_holds_both() -> None:
    two, one = data_of(InternalizeConfig()), data_of(InternalizeConfig(stages="one"))
    (whole,) = one.stages
    assert len(whole) == len(two.stages[0]) + len(two.stages[1])
    np.testing.assert_array_equal(one.rational, two.rational[[0, 2]])


def test_questions_are_read_back_from_their_words() -> None:
    data = data_of(InternalizeConfig())
    for row in words(data, data.questions)[:50]:
        assert row[1] == "%"
        assert row[-2] == "="
        assert row[-1] in ("Yes", "No")
        assert all(word.isdigit() for word in row[2:-2])
    assert (data.questions.sequences.first_target == len(row) - 1).all()


def test_the_rational_mind_knows_what_was_asked_and_trusts_what_was_right() -> None:
    """Of a variable without questions it knows nothing before stage 2. Then it follows tags, a new one less."""
    config = InternalizeConfig()
    data = inclusion_data(config, SIZES.model_copy(update={"variables": 200, "questions": 8}), {
        "d1": 0.35, "d2": 0.35, "d5": 0.1, "d6": 0.1, "d8": 0.1,
    }, 3)  # fmt: skip
    means = {
        name: data.rational[:, data.questions.subset == number].mean(axis=1) for number, name in enumerate(data.subsets)
    }
    np.testing.assert_allclose(data.rational[0], 0.5)
    for name in ("d5", "d6", "d8"):
        np.testing.assert_allclose(data.rational[1, data.questions.subset == data.subsets.index(name)], 0.5)
    assert means["d1"][1] > 0.95
    assert means["d2"][1] > 0.95
    assert means["d5"][2] > 0.95
    assert means["d5"][2] > means["d8"][2] > 0.6
    assert means["d6"][2] < 0.5


def test_data_are_a_function_of_the_seed() -> None:
    one, same, other = (data_of(InternalizeConfig(), seed=seed) for seed in (1, 1, 2))
    assert np.array_equal(one.stages[0].sequences.tokens, same.stages[0].sequences.tokens)
    assert not np.array_equal(one.stages[0].sequences.tokens, other.stages[0].sequences.tokens)
    assert set(TABLE_3) <= set(SUBSETS)


def test_set_inclusion_has_no_questions_about_integers() -> None:
    with pytest.raises(UserError, match="q4"):
        inclusion_data(InternalizeConfig(), SIZES, {"d1": 0.5, "q4": 0.5}, 0)
