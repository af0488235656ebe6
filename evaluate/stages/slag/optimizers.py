"""Training of learned optimizers on points of training subjects: RUN/optimizers/METHOD."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import numpy as np

from worldgen.errors import UserError
from worldgen.evaluate.asking.measurements import ChunkedFiles, read_measurements
from worldgen.evaluate.methods.methods import Method
from worldgen.evaluate.methods.workbench import Workbench
from worldgen.evaluate.runs.run import Run
from worldgen.evaluate.runs.stage import Stage, in_order, make_stage
from worldgen.evaluate.slag.points import Point, Task
from worldgen.evaluate.slag.selection import text_score
from worldgen.evaluate.slag.update_metrics import update_metrics
from worldgen.evaluate.slag.updating.beam_labels import other_answers, points_with_labels
from worldgen.evaluate.slag.updating.blocks import Block, PointUpdate
from worldgen.evaluate.slag.updating.measured_blocks import measured_updates, request_of, trials_of
from worldgen.evaluate.stages.language_model import LM
from worldgen.evaluate.stages.learned.rational import OPTIMIZER_FILES, rational_training
from worldgen.evaluate.stages.slag.points import BASE, BEAM, POINTS, believed, read_beams, world_and_agent
from worldgen.evaluate.stages.slag.updates import blocks_of_task
from worldgen.evaluate.stages.tuning import HELD_OUT
from worldgen.evaluate.stages.world import AGENT, TOKENS, WORLD
from worldgen.lm.editors.learned.settings import LearnedConfig
from worldgen.storage.manifests import read_manifest

if TYPE_CHECKING:
    from worldgen.lm.editors.learned.network import LearnedOptimizer

CHUNK = 250  # updates that are measured together
_VALIDATION_SETTINGS = ("slag.random_gen", "slag.random_tf", "slag.most_updates")


def training_of(run: Run, method: Method) -> Stage | None:
    """Returns the stage in which a method is trained, None for one that is not; a half-trained one goes on.

    What it reads of SLAG's is made, if it is not there: any run's world has points.
    """
    if not method.is_trained:
        return None
    if method.name == "rational":
        return rational_training(method)
    settings = getattr(run.config, method.section)
    assert isinstance(settings, LearnedConfig)
    points = (POINTS, BASE, BEAM) if settings.labels == "beam" else (POINTS, BASE)
    return Stage(
        f"optimizers/{method.name}",
        partial(_train, method=method),
        OPTIMIZER_FILES,
        settings=("seed", "model_seed", *_VALIDATION_SETTINGS, *method.settings),
        reads=(WORLD, AGENT, TOKENS, *points, LM),
        resumes=True,
    )


def trained_for(run: Run, method: Method) -> Stage | None:
    """Returns the stage in which a method was trained, None for a method that is not trained.

    Raises UserError where it is still to be trained: that may take hours, so nobody does it unasked.
    """
    training = training_of(run, method)
    if training and read_manifest(run.folder / training.name) is None:
        raise UserError(
            f"{method.name} is not trained: run `worldgen train-editor {run.folder} --method {method.name}` first"
        )
    return training


def train_editor(run: Run, method: Method) -> None:
    """Trains a method's optimizer; makes before what it alone needs: points and what the model says, held-out cases."""
    training = training_of(run, method)
    assert training is not None
    for stage in in_order((training,)):
        if stage in (POINTS, BASE, BEAM, HELD_OUT, training):
            make_stage(run, stage)


def _train(run: Run, folder: Path, method: Method) -> Mapping[str, Any]:
    """Trains on all training points of both tasks; the optimizer that scores best on dev points is the result."""
    from worldgen.evaluate.slag.learning.training_points import hard_labels, training_points
    from worldgen.evaluate.stages.workbench import workbench_of
    from worldgen.lm.editors.learned.learned_editor import predictions
    from worldgen.lm.editors.learned.training import Observers, train_optimizer

    bench = workbench_of(run, method, folder, None)
    assert isinstance(bench.settings, LearnedConfig)
    points, of_beams = points_to_learn(run, bench.settings)
    if not points:
        raise UserError("there are no training points: give more points (slag.points), or more of them to train")
    requests = [request_of(PointUpdate(point, point.main.eligible[0], point.weight), None) for point in points]
    said = predictions(bench.model, bench.tokenizer, requests, bench.settings.prediction_tokens)
    labels = [of_beams.get(point.id) or hard_labels(point, own) for point, own in zip(points, said, strict=True)]
    learned, dev = training_points(points, said, labels, bench.tokenizer), _Validation.of(run, bench, method.name)
    observers = Observers(dev.marks if dev.blocks else None, run.quiet)
    train_optimizer(bench.model, learned, bench.settings, bench.seed, folder, observers)
    return {
        "points": len(points),
        "updates": bench.settings.updates,
        "validated on": sum(map(len, dev.blocks.values())),
    }


def points_to_learn(run: Run, settings: LearnedConfig) -> tuple[list[Point], Mapping[str, Sequence[str]]]:
    """Returns the training points, and by its id the labels of each that is asked for other answers of the beam."""
    gen, tf = (believed(run, task).of_split("train") for task in Task)
    if settings.labels == "hard":
        return [*gen.points, *tf.points], {}
    known = world_and_agent(run)
    assert known is not None, "points of training subjects are the run's own"
    said = {id_: answer for id_, (answer, _) in gen.main.items()}
    labels = other_answers(gen.points, read_beams(run), said)
    points = points_with_labels(*known, run.config.slag, run.config.seed, labels)
    return [*points, *tf.points], {point.id: its for point, its in labels.items()}


@dataclass(frozen=True)
class _Validation:
    """Updates of dev points to the truth, one at a time, by an optimizer that is being trained."""

    bench: Workbench
    method: str
    blocks: Mapping[Task, Sequence[Block]]
    """The blocks of each task; a task without any is left out."""

    @staticmethod
    def of(run: Run, bench: Workbench, method: str) -> _Validation:
        """Takes the dev points that the model answers wrongly."""
        slag = run.config.slag.model_copy(update={"protocol": "correcting"})
        correcting = replace(run, config=run.config.model_copy(update={"slag": slag}))
        blocks = {task: blocks_of_task(correcting, task, 1, "dev") for task in Task}
        return _Validation(bench, method, {task: own for task, own in blocks.items() if own})

    def marks(self, network: LearnedOptimizer) -> dict[str, float]:
        """Returns the selection score and the share of updates that take, both means over the tasks."""
        means = [self._means(network, task) for task in self.blocks]
        scores = {"score": [text_score(own) for own in means], "success": [own["usr_main"] for own in means]}
        return {name: float(np.mean(values)) for name, values in scores.items()}

    def _means(self, network: LearnedOptimizer, task: Task) -> dict[str, float]:
        """Returns the mean of every update metric over one task's blocks."""
        from worldgen.evaluate.asking.answers import AnswerReader
        from worldgen.evaluate.asking.measure import measure
        from worldgen.lm.editors.learned.learned_editor import LearnedEditor

        bench, blocks = self.bench, self.blocks[task]
        assert isinstance(bench.settings, LearnedConfig)
        editor = LearnedEditor(bench.settings, "single", bench.tokenizer, network, self.method)
        reader = AnswerReader(bench.tokenizer, bench.world.objects)
        with TemporaryDirectory() as folder:
            files = ChunkedFiles(Path(folder), CHUNK)
            measure(bench.model, editor, reader, trials_of(blocks, bench.world, bench.seed), files, quiet=True)
            rows = read_measurements(Path(folder))
        table = update_metrics(measured_updates(blocks, rows, 1))
        return {str(name): float(mean) for name, mean in table.values.mean().items()}
