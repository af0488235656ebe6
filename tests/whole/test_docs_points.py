"""docs/points-files.md: its example lines can be read, its tables name every field, its commands are there."""

import json
import re
import shlex
from pathlib import Path

import click
import pytest
from command_line import exit_code_of
from small_causal_models import model_of, tokenizer_of

from worldgen.cli import cli
from worldgen.errors import UserError
from worldgen.evaluate.slag import points_file
from worldgen.evaluate.slag.converters.formats import FORMATS
from worldgen.evaluate.slag.points import Task
from worldgen.evaluate.slag.points_file import read_points

TEXT = (Path(__file__).parents[2] / "docs" / "points-files.md").read_text()


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", TEXT, re.DOTALL | re.MULTILINE)


def example_lines() -> list[str]:
    """Every object of the page's JSON blocks as one line."""
    decoder, lines = json.JSONDecoder(), []
    for block in blocks("json"):
        rest = block
        while rest.strip():
            value, end = decoder.raw_decode(rest.lstrip())
            lines.append(json.dumps(value))
            rest = rest.lstrip()[end:]
    return lines


def fields_after(text: str) -> set[str]:
    """The fields in the first column of the table that follows a text."""
    table = re.split(r"\n\n", TEXT.split(text, 1)[1].lstrip("\n"), maxsplit=1)[0]
    rows = [line.split("|")[1] for line in table.splitlines() if line.startswith("| `")]
    return {name for row in rows for name in re.findall(r"`(\w+)`", row)}


def test_the_example_lines_are_points(tmp_path):
    path = tmp_path / "points.jsonl"
    path.write_text("\n".join(example_lines()))
    points = read_points(path)
    assert [(point.id, point.task) for point in points] == [
        ("a1", Task.GEN), ("b1", Task.TF), ("a2", Task.GEN), ("b2", Task.TF),
    ]  # fmt: skip
    assert [entailed.when for entailed in points[2].entailed] == ["York", "Lyon"]


def test_the_program_of_the_page_measures_a_model(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    Path("points.jsonl").write_text("\n".join(example_lines()))
    tokenizer = tokenizer_of("pieces", bos=True)
    tokenizer.save_pretrained("path/or/id")
    model_of("gpt2", len(tokenizer)).save_pretrained("path/or/id")
    exec(blocks("python")[0], {})
    printed = capsys.readouterr().out
    assert re.search(r"^accuracy +0\.\d+$", printed, re.MULTILINE)
    assert re.search(r"^consistency +\d\.\d+$", printed, re.MULTILINE)


def test_the_commands_of_the_page_measure_a_model(tmp_path, monkeypatch):
    """The page's points are all of the split test: its update is not tuned here."""
    monkeypatch.chdir(tmp_path)
    Path("points.jsonl").write_text("\n".join(example_lines()))
    tokenizer = tokenizer_of("pieces", bos=True)
    tokenizer.save_pretrained("path/or/id")
    model_of("gpt2", len(tokenizer)).save_pretrained("path/or/id")
    for line in blocks("sh")[0].splitlines():
        _, *arguments = shlex.split(line)
        assert exit_code_of(*arguments, "--set", "slag.grids=[]", "--set", "ft.steps=1", "--quiet") == 0
    (folder,) = Path("runs/mine/slag/with").glob("points+id-*")
    assert {path.name for path in (folder / "slag").iterdir()} == {"points", "base", "updates", "scores"}


@pytest.mark.parametrize(
    ("heading", "line"),
    [
        ("With all that belongs to a point", points_file._PointLine),
        ("A paraphrase:", points_file._ParaphraseLine),
        ("An entailed question:", points_file._EntailedLine),
        ("A neutral question:", points_file._NeutralLine),
    ],
)
def test_each_table_names_the_fields_of_its_object(heading, line):
    after = TEXT.split(heading, 1)[1]
    start = after.index("| field |")
    assert fields_after(heading + after[:start]) == set(line.model_fields)


def test_the_errors_read_as_the_page_says(tmp_path):
    good, wrong = example_lines()[0], json.loads(example_lines()[2])
    wrong["entailed"][1]["when"] = "Rome"
    lines = [{"paraphrase": []}, {"task": "tf", "labels": ["yes"]}, {}]
    path = tmp_path / "points.jsonl"
    for line in [*(json.loads(good) | line for line in lines), wrong]:
        path.write_text(f"{good}\n{json.dumps(line)}")
        with pytest.raises(UserError) as told:
            read_points(path)
        reason = str(told.value).partition("line 2: ")[2]
        assert reason in blocks("text")[0]


def test_the_formats_and_options_of_the_command_are_in_the_page():
    command = cli.commands["convert-points"]
    formats = command.params[0].type
    assert isinstance(formats, click.Choice)
    assert list(formats.choices) == list(FORMATS)
    assert all(f"worldgen convert-points {name} " in "".join(blocks("sh")) for name in FORMATS)
    options = [option for parameter in command.params for option in parameter.opts if option.startswith("--")]
    table = TEXT.split("| option |", 1)[1]
    assert [option for option in options if f"| `{option}" not in table] == []
