"""LeapOfThought's lines as points: a rule is a main question, and its claims follow from it."""

import pytest
from public_lines import LEAP_OF_THOUGHT, json_lines, rule

from worldgen.errors import UserError
from worldgen.evaluate.slag.converters.conversion import LeftOut, Options
from worldgen.evaluate.slag.converters.leap_of_thought import leap_of_thought_points
from worldgen.evaluate.slag.points import Asked, Entailed, Point, Task


def follows(claim: str, truth: str) -> Entailed:
    return Entailed(Asked(claim, (truth,)), "leap-of-thought", "true", contrapositive=True)


def test_each_rule_is_one_point_with_all_its_claims(tmp_path):
    found = leap_of_thought_points(json_lines(tmp_path / "lot.jsonl", *LEAP_OF_THOUGHT), Options("{}"))
    assert found.points == [
        Point(
            "A viper is a vertebrate.", Task.TF, "test", "viper", Asked("A viper is a vertebrate.", ("true",)),
            entailed=(follows("A viper has a brain.", "true"), follows("A viper has a stem.", "false")),
            alternatives=("false",),
        ),
        Point(
            "A mint is a herb.", Task.TF, "test", "mint", Asked("A mint is a herb.", ("true",)),
            entailed=(follows("A mint has a root.", "true"),), alternatives=("false",),
        ),
    ]  # fmt: skip


def test_lines_without_a_usable_rule_and_repeated_claims_are_counted(tmp_path):
    found = leap_of_thought_points(json_lines(tmp_path / "lot.jsonl", *LEAP_OF_THOUGHT), Options("{}"))
    assert found.left_out == (
        LeftOut("no implicit rule that says 'is a' and is always true", 3, "line 2"),
        LeftOut("a claim that its rule has already", 1, "line 4"),
    )
    assert str(found.left_out[1]) == "1 left out: a claim that its rule has already (first: line 4)"


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ({"phrase": "A viper has a brain.", "metadata": rule("viper", "vertebrate")}, "the field 'answer' is missing"),
        (LEAP_OF_THOUGHT[0] | {"answer": 2}, "answer: Input should be a valid boolean"),
        (LEAP_OF_THOUGHT[0] | {"answer": 0}, "an earlier line gives the claim 'A viper has a brain.' the other answer"),
        (LEAP_OF_THOUGHT[0] | {"metadata": {"implicit_rule": "a viper"}}, "metadata.implicit_rule: "),
    ],
)
def test_a_malformed_line_is_told_with_its_number_and_the_reason(tmp_path, line, reason):
    path = json_lines(tmp_path / "lot.jsonl", LEAP_OF_THOUGHT[0], line)
    with pytest.raises(UserError) as told:
        leap_of_thought_points(path, Options("{}"))
    assert str(told.value).startswith(f"{path} line 2: ")
    assert reason in str(told.value)
