"""`worldgen convert-points`: its file, its output and its exit codes."""

import json
from functools import partial

import pytest
from public_lines import FEVER, LEAP_OF_THOUGHT, ZSRE, json_lines, wikidata5m_folder

from worldgen.evaluate.slag.points_file import read_points


@pytest.fixture
def convert(worldgen):
    """Returns what runs the command and returns its exit code, stdout and stderr."""
    return partial(worldgen, "convert-points")


def source_of(tmp_path, format_):
    lines = {"zsre": ZSRE, "fever": FEVER, "leap-of-thought": LEAP_OF_THOUGHT}
    if format_ == "wikidata5m":
        return wikidata5m_folder(tmp_path / "in")
    return json_lines(tmp_path / "in.jsonl", *lines[format_])


@pytest.mark.parametrize(
    ("format_", "number", "prompt"),
    [
        ("zsre", 3, "Ada Lind plays where?"),
        ("fever", 2, '"A lion is a fox." is'),
        ("leap-of-thought", 2, '"A mint is a herb." is'),
        ("wikidata5m", 4, "Tom Reed has relation 'educated at' to"),
    ],
)
def test_each_format_becomes_a_file_of_points(convert, tmp_path, format_, number, prompt):
    out = tmp_path / "out" / "points.jsonl"
    code, printed, _ = convert(format_, source_of(tmp_path, format_), out)
    points = read_points(out)
    assert code == 0
    assert printed.splitlines()[0] == f"{number} test"
    assert printed.splitlines()[-1] == str(out)
    assert len(points) == number
    assert prompt in [point.main.prompt for point in points]


def test_the_json_object_says_what_was_left_out(convert, tmp_path):
    out = tmp_path / "points.jsonl"
    source = source_of(tmp_path, "leap-of-thought")
    code, printed, _ = convert("leap-of-thought", source, out, "--json", "--shares", "0/100/0")
    assert code == 0
    assert json.loads(printed) == {
        "file": str(out),
        "points": 2,
        "splits": {"dev": 2},
        "left_out": {
            "no implicit rule that says 'is a' and is always true": 3,
            "a claim that its rule has already": 1,
        },
    }


def test_the_template_makes_the_prompts(convert, tmp_path):
    out = tmp_path / "points.jsonl"
    convert("zsre", source_of(tmp_path, "zsre"), out, "--template", "Q: {} A:", "--count", 1)
    (point,) = read_points(out)
    assert point.main.prompt.startswith("Q: ")
    assert point.main.prompt.endswith(" A:")


@pytest.mark.parametrize(
    ("line", "options", "reason"),
    [
        ("not JSON", [], "line 3: no JSON"),
        (FEVER[0], [], "line 3: the id '33078' is that of line 1 already"),
        ("", ["--template", "no gap"], "must hold {} once"),
        ("", ["--shares", "80"], "three numbers"),
        ("", ["--count", 9], "9 points are asked for, and the file gives 2"),
    ],
)
def test_a_mistake_is_told_in_one_line_and_nothing_is_written(convert, tmp_path, line, options, reason):
    source, out = json_lines(tmp_path / "in.jsonl", *FEVER, line), tmp_path / "points.jsonl"
    out.write_text("kept\n")
    code, printed, told = convert("fever", source, out, *options)
    assert (code, printed) == (2, "")
    assert reason in told
    assert told.count("\n") == 1
    assert out.read_text() == "kept\n"


def test_a_file_that_gives_no_points_is_refused(convert, tmp_path):
    source = json_lines(tmp_path / "in.jsonl", LEAP_OF_THOUGHT[1])
    code, _, told = convert("leap-of-thought", source, tmp_path / "points.jsonl")
    assert code == 2
    assert "gives no points: 1 left out: no implicit rule" in told
    assert not (tmp_path / "points.jsonl").exists()
