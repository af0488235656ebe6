"""The file of points: it is read back as written, has defaults, and tells a wrong line with its number and reason."""

import json
from pathlib import Path

import pytest
import slag_worlds
from any_points import any_point
from hypothesis import given
from hypothesis import strategies as st

from worldgen.errors import UserError
from worldgen.evaluate.slag.points import Asked, Entailed, Neutral, Paraphrase, Point, Task
from worldgen.evaluate.slag.points_file import read_points, write_points
from worldgen.facts import Fact

GEN = {"id": "a", "task": "gen", "prompt": "Ada was born in", "labels": ["London", "the Smoke"]}
TF = {"id": "b", "task": "tf", "prompt": '"Ada was born in London" is', "labels": ["true"]}


def file_of(tmp_path: Path, *lines: object) -> Path:
    """A points file of these objects; a line that is a text or bytes is written as it stands."""
    texts = [line if isinstance(line, str | bytes) else json.dumps(line) for line in lines]
    path = tmp_path / "points.jsonl"
    path.write_bytes(b"\n".join(text.encode() if isinstance(text, str) else text for text in texts))
    return path


@given(st.lists(st.sampled_from(Task).flatmap(any_point), min_size=1, max_size=4, unique_by=lambda p: p.id))
def test_points_are_read_back_as_they_were_written(tmp_path_factory, points):
    """Whatever the texts hold (line separators, quotes, emoji), one line is one point, and no field is lost."""
    split_of = {}
    points = [p for p in points if split_of.setdefault(p.subject, p.split) == p.split]
    path = tmp_path_factory.mktemp("points") / "points.jsonl"
    write_points(path, points)
    assert read_points(path) == points
    assert path.read_bytes().count(b"\n") == len(points)


@pytest.mark.parametrize("which", ["paired", "chained"])
def test_the_points_of_a_world_are_read_back_as_they_were_made(tmp_path, which):
    points, _ = slag_worlds.points_of(which)
    path = tmp_path / "points.jsonl"
    write_points(path, points)
    assert read_points(path) == list(points)


def test_a_short_line_gets_the_defaults(tmp_path):
    line = GEN | {"labels": "London", "paraphrases": ["Ada's birthplace is"], "neutral": ["Ada works as"]}
    line |= {"entailed": [{"prompt": "Ada is a citizen of", "labels": "England"}]}
    (point,) = read_points(file_of(tmp_path, line))
    assert point == Point(
        "a", Task.GEN, "test", "a", Asked("Ada was born in", ("London",)),
        (Paraphrase(Asked("Ada's birthplace is", ("London",)), "both"),),
        (Entailed(Asked("Ada is a citizen of", ("England",)), "entailed", "London"),),
        (Neutral(Asked("Ada works as", ())),),
    )  # fmt: skip


def test_a_full_line_gives_every_field(tmp_path):
    line = TF | {
        "id": 7,
        "labels": True,
        "split": "dev",
        "subject": "Ada",
        "paraphrases": [{"prompt": '"Lady Ada was born in London" is', "part": "subject", "held_out": True}],
        "entailed": [
            {
                "prompt": '"not Ada was born in London" is',
                "labels": [False],
                "when": True,
                "rule": "R1",
                "contrapositive": True,
                "soft": [[False, 0.75], ["true", 0.25]],
                "for_accuracy": False,
                "changes": True,
            }
        ],
        "neutral": [{"prompt": '"Ada works as a potter" is', "labels": ["false"], "fact": [1, 5, 6]}],
        "alternatives": ["false"],
        "fact": [1, 2, 3],
        "weight": 2.5,
        "alternative_weights": [7],
    }
    (point,) = read_points(file_of(tmp_path, line))
    assert point == Point(
        "7", Task.TF, "dev", "Ada", Asked('"Ada was born in London" is', ("true",)),
        (Paraphrase(Asked('"Lady Ada was born in London" is', ("true",)), "subject", held_out=True),),
        (
            Entailed(
                Asked('"not Ada was born in London" is', ("false",)), "R1", "true", contrapositive=True,
                soft=(("false", 0.75), ("true", 0.25)), for_accuracy=False, changes=True,
            ),
        ),
        (Neutral(Asked('"Ada works as a potter" is', ("false",)), Fact(1, 5, 6)),),
        ("false",), Fact(1, 2, 3), 2.5, (7,),
    )  # fmt: skip


def test_a_byte_order_mark_and_blank_lines_are_no_points(tmp_path):
    path = file_of(tmp_path, "", json.dumps(GEN), "  ", json.dumps(TF), "")
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes().replace(b"\n", b"\r\n"))
    assert [point.id for point in read_points(path)] == ["a", "b"]


def without(line: dict, field: str) -> dict:
    return {name: value for name, value in line.items() if name != field}


ENTAILED = {"prompt": "p", "labels": ["true"]}
WRONG_LINES = {
    "no JSON": ('{"id": "a"', "no JSON: EOF while parsing"),
    "no object": ("[1, 2]", "object"),
    "not UTF-8": (b'{"id": "\xff"}', "no JSON: invalid"),
    "half a surrogate pair": ('{"id": "\\ud800"}', "no JSON:"),
    "no id": (without(TF, "id"), "the field 'id' is missing"),
    "no task": (without(TF, "task"), "the field 'task' is missing"),
    "no prompt": (without(TF, "prompt"), "the field 'prompt' is missing"),
    "no labels": (without(TF, "labels"), "the field 'labels' is missing"),
    "labels of nothing": (TF | {"labels": []}, "main: there are no labels"),
    "an unknown task": (TF | {"task": "mcq"}, "task: Input should be 'gen' or 'tf'"),
    "an unknown split": (TF | {"split": "valid"}, "split: Input should be 'train', 'dev' or 'test'"),
    "a misspelt field": (TF | {"paraphrase": ["p"]}, "there is no field 'paraphrase': did you mean 'paraphrases'?"),
    "a misspelt inner field": (TF | {"entailed": [ENTAILED | {"condition": "true"}]}, "entailed.0.condition"),
    "an empty id": (TF | {"id": " "}, "the id or the subject is empty"),
    "an empty prompt": (TF | {"prompt": " \t"}, "main: the prompt is empty"),
    "an empty inner prompt": (TF | {"neutral": [""]}, "neutral.0: the prompt is empty"),
    "an empty label": (GEN | {"labels": ["London", " ?"]}, "main: the label ' ?' is empty without its blanks"),
    "a TF label": (TF | {"labels": ["yes"]}, "main: the label 'yes' is neither true nor false"),
    "two TF labels": (TF | {"labels": ["true", "false"]}, "main: a question of the task tf has one label, not 2"),
    "an inner TF label": (TF | {"entailed": [ENTAILED | {"labels": "no"}]}, "entailed.0: the label 'no' is neither"),
    "a TF condition": (TF | {"entailed": [ENTAILED | {"when": "London"}]}, "entailed.0.when: 'London' is neither"),
    "a GEN condition": (
        GEN | {"alternatives": ["Paris"], "entailed": [ENTAILED | {"when": "Rome"}]},
        "entailed.0.when: 'Rome' is no label and no alternative",
    ),
    "a contrapositive of what follows from the false": (
        TF | {"entailed": [ENTAILED | {"when": False, "contrapositive": True}]},
        "entailed.0.when: a contrapositive is of what follows if the main question is true",
    ),
    "a right alternative": (GEN | {"alternatives": ["London"]}, "alternatives: 'London' is a right label"),
    "too few weights": (
        GEN | {"alternatives": ["Paris", "Rome"], "alternative_weights": [1]},
        "alternative_weights: give 2, one for each alternative",
    ),
    "a weight of nothing": (TF | {"weight": 0}, "weight: Input should be greater than 0"),
    "a weight that is no number": (json.dumps(TF | {"weight": float("nan")}), "weight"),
    "a fact of names": (TF | {"fact": ["Ada", "born in", "London"]}, "fact.0: Input should be a valid integer"),
    "a probability of two": (TF | {"entailed": [ENTAILED | {"soft": [["true", 2]]}]}, "entailed.0.soft.0.1"),
}


@pytest.mark.parametrize(("line", "reason"), WRONG_LINES.values(), ids=WRONG_LINES)
def test_a_wrong_line_is_told_with_its_number_and_the_reason(tmp_path, line, reason):
    path = file_of(tmp_path, GEN, "", line, TF | {"id": "another"})
    with pytest.raises(UserError) as told:
        read_points(path)
    assert str(told.value).startswith(f"{path} line 3: ")
    assert reason in str(told.value)
    assert "\n" not in str(told.value)


def test_two_points_of_a_task_with_one_id_are_refused(tmp_path):
    assert len(read_points(file_of(tmp_path, GEN, TF | {"id": "a"}))) == 2  # of two tasks
    with pytest.raises(UserError, match=r"line 3: the id 'a' is that of line 1 already: give each point its own"):
        read_points(file_of(tmp_path, GEN, TF, GEN))


def test_a_subject_in_two_splits_is_refused(tmp_path):
    with pytest.raises(UserError, match=r"line 2: the subject 'a' is in split 'dev', and in 'test' on line 1"):
        read_points(file_of(tmp_path, GEN, TF | {"subject": "a", "split": "dev"}))


def test_a_file_that_is_absent_or_empty_is_refused(tmp_path):
    with pytest.raises(UserError, match=r"cannot read .*points.jsonl: No such file"):
        read_points(tmp_path / "points.jsonl")
    with pytest.raises(UserError, match="holds no points"):
        read_points(file_of(tmp_path, "", ""))


def test_points_that_could_not_be_read_are_not_written(tmp_path):
    path = tmp_path / "points.jsonl"
    good = Point("a", Task.GEN, "test", "a", Asked("Ada was born in", ("London",)))
    for bad in ([good, good], [Point("b", Task.GEN, "test", "b", Asked("Ada was born in", ()))]):
        with pytest.raises(UserError):
            write_points(path, bad)
        assert not list(tmp_path.iterdir())
