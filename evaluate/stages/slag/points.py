"""The points of SLAG, and the model's beliefs about them before any update: RUN/slag/points and RUN/slag/base."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from worldgen.bayes.agent import Agent
from worldgen.evaluate.runs.load import finished, load_agent, load_world
from worldgen.evaluate.runs.run import Run
from worldgen.evaluate.runs.stage import Stage
from worldgen.evaluate.slag.points import Point, Split, Task
from worldgen.evaluate.slag.points_file import read_points, write_points
from worldgen.evaluate.slag.predictions import PointQuestions, Predictions, questions_of
from worldgen.evaluate.slag.updating.beam_labels import BEAM_SIZE
from worldgen.evaluate.slag.updating.model_questions import A_QUESTION_EACH, point_questions, predictions_from
from worldgen.evaluate.stages.language_model import LM
from worldgen.evaluate.stages.world import AGENT, TOKENS, WORLD
from worldgen.storage.files import read_columns, write_table, write_text
from worldgen.storage.manifests import read_manifest
from worldgen.worlds.world import World

if TYPE_CHECKING:
    from transformers import PreTrainedModel

    from worldgen.evaluate.asking.replies import Reader

POINTS_FILE = "points.jsonl"
REPLIES_FILE = "replies.parquet"
BEAMS_FILE = "beams.parquet"


def _make_points(run: Run, folder: Path) -> Mapping[str, Any]:
    """Draws the points of the world, with exact labels. counts.json says what could not be made, and why."""
    from worldgen.evaluate.slag.making.world_points import world_points

    world = load_world(run.folder)
    agent = load_agent(run.folder, world, run.config.agent)
    points, report = world_points(world, agent, run.config.slag, run.config.seed, tuple(Task))
    write_points(folder / POINTS_FILE, points)
    write_text(folder / "counts.json", json.dumps(report.as_dict(), indent=1, ensure_ascii=False) + "\n")
    return {"points": len(points)}


_POINT_SETTINGS = tuple(
    f"slag.{key}"
    for key in (
        "points", "split_percents", "paraphrases", "alternatives", "neutral", "target_credence", "margin",
        "soft_answers",
    )
)  # fmt: skip
POINTS = Stage(
    "slag/points", _make_points, (POINTS_FILE, "counts.json"), settings=("seed", "agent", *_POINT_SETTINGS),
    reads=(WORLD, AGENT),
)  # fmt: skip


def _ask_the_model(run: Run, folder: Path) -> Mapping[str, Any]:
    """Asks the model, before any update, everything about every point."""
    from worldgen.evaluate.asking.answers import AnswerReader
    from worldgen.lm.model import load_model
    from worldgen.lm.tokenizer import load_tokenizer

    objects = load_world(run.folder).objects
    points = read_points(run.folder / POINTS.name / POINTS_FILE)
    reader = AnswerReader(load_tokenizer(run.folder / TOKENS.name / "tokenizer"), objects)
    model = load_model(run.folder / LM.name / "final", run.torch_device)
    return {"questions": write_replies(folder / REPLIES_FILE, model, reader, points, frozenset(objects.labels))}


def write_replies(
    file: Path, model: PreTrainedModel, reader: Reader, points: Sequence[Point], objects: Container[str]
) -> int:
    """Asks a model everything about some points and writes its replies; returns the number of questions."""
    from worldgen.evaluate.asking.replies import ask

    questions = [question for case, point in enumerate(points) for question in point_questions(case, point, objects)]
    replies = ask(model, reader, questions)
    write_table(file, {"probability": replies.probability, "answer": replies.answer})
    return len(questions)


BASE = Stage("slag/base", _ask_the_model, (REPLIES_FILE,), reads=(WORLD, TOKENS, POINTS, LM))


def _search_beams(run: Run, folder: Path) -> Mapping[str, Any]:
    """Writes the beam of every GEN point: the objects that the model holds most probable, in their order."""
    from worldgen.evaluate.asking.answers import AnswerReader
    from worldgen.lm.model import load_model
    from worldgen.lm.tokenizer import load_tokenizer

    points = [point for point in read_points(run.folder / POINTS.name / POINTS_FILE) if point.task is Task.GEN]
    reader = AnswerReader(load_tokenizer(run.folder / TOKENS.name / "tokenizer"), load_world(run.folder).objects)
    model = load_model(run.folder / LM.name / "final", run.torch_device)
    beams = reader.beams(model, [point.main.prompt for point in points], BEAM_SIZE)
    rows = [(point.id, answer) for point, beam in zip(points, beams, strict=True) for answer in beam]
    write_table(folder / BEAMS_FILE, {"point": [id_ for id_, _ in rows], "answer": [answer for _, answer in rows]})
    return {"points": len(points)}


BEAM = Stage("slag/beam", _search_beams, (BEAMS_FILE,), reads=(WORLD, TOKENS, POINTS, LM))


def read_beams(run: Run) -> dict[str, list[str]]:
    """Returns the beam of each GEN point by its id. Raises UserError where no beam was searched for."""
    columns, beams = read_columns(finished(run.folder / BEAM.name) / BEAMS_FILE), defaultdict(list)
    for point, answer in zip(columns["point"].tolist(), columns["answer"].tolist(), strict=True):
        beams[point].append(answer)
    return beams


def world_of(run: Run) -> World | None:
    """Returns the world that the points are about; None for points from somebody's file."""
    manifest = read_manifest(run.folder / POINTS.name)
    from_a_file = manifest is not None and "points" in manifest.inputs and "world" not in manifest.inputs
    return None if from_a_file else load_world(run.world or run.folder)


def world_and_agent(run: Run) -> tuple[World, Agent] | None:
    """Returns the world that the points are about with its agent; None for points from somebody's file."""
    world = world_of(run)
    return None if world is None else (world, load_agent(run.world or run.folder, world, run.config.agent))


@dataclass(frozen=True)
class Believed:
    """The points of one task with the model's predictions for them before any update."""

    questions: PointQuestions
    predictions: Predictions

    @property
    def points(self) -> tuple[Point, ...]:
        """The points, in the order of the file."""
        return self.questions.points

    @property
    def main(self) -> dict[str, tuple[str, bool]]:
        """The main prediction of each point by its id, and whether it is right."""
        said, right = (values[self.questions.main] for values in (self.predictions.text, self.predictions.right))
        return {point.id: (str(said[i]), bool(right[i])) for i, point in enumerate(self.points)}

    def of_split(self, split: Split) -> Believed:
        """Returns the points of one split with their predictions."""
        lengths = [sum(1 for _ in questions_of(point)) for point in self.points]
        chosen = np.repeat([point.split == split for point in self.points], lengths)
        some = tuple(point for point in self.points if point.split == split)
        return Believed(PointQuestions(some), self.predictions.take(np.flatnonzero(chosen)))


def believed(run: Run, task: Task) -> Believed:
    """Returns the points of a task with the model's predictions. Raises UserError where nobody has asked it yet."""
    points = read_points(run.folder / POINTS.name / POINTS_FILE)
    files = sorted(finished(run.folder / BASE.name).glob("replies*.parquet"))
    several = [read_columns(file) for file in files]
    replies = {name: np.concatenate([part[name] for part in several]) for name in several[0]}
    lengths = [A_QUESTION_EACH * sum(1 for _ in questions_of(point)) for point in points]
    chosen = np.repeat([point.task is task for point in points], lengths)
    questions = PointQuestions(tuple(point for point in points if point.task is task))
    probability, answer = replies["probability"][chosen], replies["answer"][chosen].tolist()
    return Believed(questions, predictions_from(task, questions.asked, probability, answer))
