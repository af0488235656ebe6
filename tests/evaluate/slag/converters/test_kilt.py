"""KILT's lines as points: zsRE's questions, FEVER's claims, and lines that are neither."""

import pytest
from public_lines import FEVER, ZSRE, json_lines

from worldgen.errors import UserError
from worldgen.evaluate.slag.converters.conversion import Options
from worldgen.evaluate.slag.converters.fever import fever_points
from worldgen.evaluate.slag.converters.zsre import zsre_points
from worldgen.evaluate.slag.points import Asked, Paraphrase, Point, Task


def test_the_first_question_of_zsre_is_the_main_one_and_the_others_paraphrase_it(tmp_path):
    found = zsre_points(json_lines(tmp_path / "zsre.jsonl", *ZSRE), Options("Q: {} A:"))
    labels = ("Harbour FC", "Harbour Football Club")
    assert found.left_out == ()
    assert found.points == [
        Point(
            "z1", Task.GEN, "test", "Ada Lind", Asked("Q: Ada Lind plays where? A:", labels),
            (
                Paraphrase(Asked("Q: What team is Ada Lind with? A:", labels), "relation"),
                Paraphrase(Asked("Q: Who has Ada Lind? A:", labels), "relation"),
            ),
        ),
        Point("z2", Task.GEN, "test", "Ada Lind", Asked("Q: What did Ada Lind die of? A:", ("old age",))),
        Point("z3", Task.GEN, "test", "z3", Asked("Q: What river is by Oxwell? A:", ("the Ox",))),
    ]  # fmt: skip


def test_a_claim_that_is_supported_is_true_and_one_that_is_refuted_is_false(tmp_path):
    found = fever_points(json_lines(tmp_path / "fever.jsonl", *FEVER), Options('"{}" is'))
    assert found.points == [
        Point(
            "33078", Task.TF, "test", "33078", Asked('"Space bears is a name of tardigrades." is', ("true",)),
            alternatives=("false",),
        ),
        Point("33079", Task.TF, "test", "33079", Asked('"A lion is a fox." is', ("false",)), alternatives=("true",)),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("convert", "line", "reason"),
    [
        (zsre_points, "{", "no JSON: EOF"),
        (zsre_points, "[]", "object"),
        (zsre_points, {"id": "1", "output": []}, "the field 'input' is missing"),
        (zsre_points, {"id": "1", "input": "Who?", "output": []}, "there is no answer in 'output'"),
        (zsre_points, {"id": "1", "input": "Who?", "output": [{"answer": " "}]}, "there is no answer in 'output'"),
        (zsre_points, {"id": "1", "input": "Who?", "output": [{"answer": 3}]}, "output.0.answer: Input should be"),
        (zsre_points, ZSRE[0], "the id 'z1' is that of line 1 already"),
        (fever_points, FEVER[0], "the id '33078' is that of line 2 already"),
        (fever_points, {"id": "1", "input": "A cat.", "output": []}, "must be SUPPORTS or REFUTES, and it is nothing"),
        (
            fever_points,
            {"id": "1", "input": "A cat.", "output": [{"answer": "SUPPORTS"}, {"answer": "REFUTES"}]},
            "must be SUPPORTS or REFUTES, and it is SUPPORTS, REFUTES",
        ),
        (fever_points, {"id": "1", "input": "A cat.", "output": [{"answer": "NOT ENOUGH INFO"}]}, "NOT ENOUGH INFO"),
    ],
)
def test_a_malformed_line_is_told_with_its_number_and_the_reason(tmp_path, convert, line, reason):
    before = [ZSRE[0], ZSRE[1]] if convert is zsre_points else [FEVER[1], FEVER[0]]
    path = json_lines(tmp_path / "kilt.jsonl", *before, line)
    with pytest.raises(UserError) as told:
        convert(path, Options("{}"))
    assert str(told.value).startswith(f"{path} line 3: ")
    assert reason in str(told.value)
