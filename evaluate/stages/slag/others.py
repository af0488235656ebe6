"""SLAG on points of somebody's own, on a model of somebody's own, or on both: RUN/slag/with/NAME.

That folder is a small run within the run: its stages have the names of the run's own (slag/points, slag/base, ...). Its
name says the points and the model, and ends with a hash of both, so that others never meet in one folder.
"""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from worldgen.errors import UserError
from worldgen.evaluate.asking.measurements import ChunkedFiles
from worldgen.evaluate.methods.methods import METHODS, Method
from worldgen.evaluate.methods.workbench import AnyModelBench
from worldgen.evaluate.runs.load import finished
from worldgen.evaluate.runs.run import Run
from worldgen.evaluate.runs.stage import Stage, check_made_with, make_stage
from worldgen.evaluate.slag.points import Asked, Point, Task
from worldgen.evaluate.slag.points_file import read_points
from worldgen.evaluate.slag.updating.blocks import Block, PointUpdate
from worldgen.evaluate.slag.updating.measured_blocks import trials_of
from worldgen.evaluate.stages.language_model import LM
from worldgen.evaluate.stages.slag.points import BASE, POINTS, POINTS_FILE, write_replies
from worldgen.evaluate.stages.slag.sources import OWN, Measure, Sources
from worldgen.evaluate.stages.slag.tuning import grid_points
from worldgen.evaluate.stages.slag.updates import check_enough, nothing_to_tune_on
from worldgen.evaluate.stages.world import TOKENS, WORLD
from worldgen.storage.files import sha256, write_bytes
from worldgen.storage.manifests import Inputs, inputs_text, read_manifest

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerFast

    from worldgen.evaluate.slag.any_model_predictions import ModelReader
    from worldgen.evaluate.slag.updating.point_reader import PointReader

_POINTS_A_FILE: Final = 250
"""A killed asking loses the replies about so many points at most."""
_LONGEST: Final = 40
"""The most letters of a folder's name that the points and the model each have."""


def sources_of(run: Run, points: Path | None, model: str | None, method: Method | None = None) -> tuple[Run, Sources]:
    """Returns the run in whose folder beliefs are detected, or updated by a method, and its sources (`sources_for`).

    Raises UserError, before anything is written, where there is nothing to update or to tune on, and for labels from
    the beam of the run's own.
    """
    return sources_for(run, points, model, method, partial(_check_counts, run, method) if method else lambda _: None)


def sources_for(
    run: Run, points: Path | None, model: str | None, method: Method | None, check: Callable[[Sequence[Point]], None]
) -> tuple[Run, Sources]:
    """Returns the run in whose folder a measurement lies, and its sources: the run itself where both are its own.

    `check` raises UserError for points that cannot be measured. Raises UserError, before anything is written, for a
    points file or a model that is at fault, for a model that cannot be asked the points, and for a method that updates
    none but the run's own.
    """
    if points is None and model is None:
        return run, OWN
    if method is not None and method.make_for_any is None:
        able = ", ".join(name for name, each in METHODS.items() if each.make_for_any)
        needs = (
            "is trained for the run's own model on its own points"
            if method.is_trained
            else ("needs the run's own points and model")
        )
        raise UserError(f"{method.name} {needs}: with --model or --points take {able}")
    asked, given = _AskedModel.of(run, model), _points_of(run, points)
    check(given.points)
    return _prepared(run, given, asked, _name(points, model))


@dataclass(frozen=True)
class _GivenPoints:
    """Points in a file."""

    file: Path
    points: tuple[Point, ...]
    identity: Inputs


@dataclass(frozen=True)
class _AskedModel:
    """A model that is asked points, loaded once when it is asked for."""

    source: str
    identity: Inputs
    load: Callable[[], tuple[PreTrainedModel, PreTrainedTokenizerFast]]
    new_tokens: int
    own: Run | None
    """The run whose model it is; None for a model of somebody's own."""

    @staticmethod
    def of(run: Run, source: str | None) -> _AskedModel:
        """Returns the model in a folder or of an id; None for the run's own.

        Raises UserError where there is none.
        """
        new_tokens = run.config.slag.new_tokens
        if source is None:
            stages = (TOKENS, LM)
            for stage in stages:
                check_made_with(run.folder / stage.name, stage.inputs(run))
            made = {stage.name: read_manifest(run.folder / stage.name) for stage in stages}
            files = {name: manifest.files for name, manifest in made.items() if manifest}
            hashes = {
                f"{name}/{file}": its
                for name, of in files.items()
                for file, its in of.items()
                if file.startswith(("final/", "tokenizer/"))
            }
            identity = _model_identity(hashes, new_tokens)
            return _AskedModel("the run's", identity, cache(partial(_load_own, run)), new_tokens, run)
        from worldgen.lm.any_causal_model import files_of

        identity = _model_identity(files_of(source), new_tokens)
        return _AskedModel(source, identity, cache(partial(_load_other, source, run.torch_device)), new_tokens, None)

    @property
    def reader(self) -> ModelReader:
        """Reads its answers as free text."""
        from worldgen.evaluate.slag.any_model_predictions import ModelReader

        return ModelReader(self.load()[1], self.new_tokens)

    def reader_of(self, points: Sequence[Point]) -> PointReader:
        """Reads its replies to everything about these points."""
        from worldgen.evaluate.slag.updating.point_reader import PointReader

        return PointReader.of(self.reader, points)


def _model_identity(files: Mapping[str, str], new_tokens: int) -> Inputs:
    return {"model": dict(files), "new_tokens": new_tokens}


def _load_own(run: Run) -> tuple[PreTrainedModel, PreTrainedTokenizerFast]:
    from worldgen.lm.model import load_model
    from worldgen.lm.tokenizer import load_tokenizer

    model = load_model(run.folder / LM.name / "final", run.torch_device)
    return model, load_tokenizer(run.folder / TOKENS.name / "tokenizer")


def _load_other(source: str, device: str) -> tuple[PreTrainedModel, PreTrainedTokenizerFast]:
    """Loads a model of somebody's own, in float32 at least: in 16 bits, rounding would take away a small update."""
    from worldgen.lm.any_causal_model import load_causal

    model, tokenizer = load_causal(source, device)
    return (model.float() if model.dtype.itemsize < 4 else model), tokenizer


def _points_of(run: Run, path: Path | None) -> _GivenPoints:
    """Returns the points in a file; None for those of the run's world, which are made where they are not yet."""
    if path is None:
        make_stage(run, POINTS)
        file, world = run.folder / POINTS.name / POINTS_FILE, read_manifest(finished(run.folder / WORLD.name))
        assert world is not None
        made_of = POINTS.inputs(run) | {"points": sha256(file), "world": world.inputs_hash}
        return _GivenPoints(file, tuple(read_points(file)), made_of)
    given = _GivenPoints(path, tuple(read_points(path)), {"points": sha256(path)})
    if not any(point.split == "test" for point in given.points):
        raise UserError(f"{path} has no point of the split test: those are measured")
    return given


def _check_counts(run: Run, method: Method, points: Sequence[Point]) -> None:
    """Raises UserError for what is sure before the model is asked: too few points for an r, none to tune on."""
    if run.config.slag.protocol == "beam":
        raise UserError(
            "slag.protocol=beam needs the run's own points and model: with --model or --points take correcting or "
            "changing"
        )
    check_enough(run, Counter(point.task for point in points if point.split == "test"), run.config.slag.r)
    if grid_points(run, method) and not any(point.split == "dev" for point in points):
        raise nothing_to_tune_on(method)


def _name(points: Path | None, model: str | None) -> str:
    """Returns the beginning of a folder's name, of letters, digits and . _ - +."""
    parts = [points.stem if points else "", Path(model).resolve().name if model else ""]
    safe = [re.sub(r"[^A-Za-z0-9._-]+", "_", part).strip("._-")[:_LONGEST] for part in parts]
    return "+".join(filter(None, safe)) or "other"


def _prepared(run: Run, given: _GivenPoints, asked: _AskedModel, name: str) -> tuple[Run, Sources]:
    from worldgen.evaluate.slag.model_faults import check_model

    identity = {**given.identity, **asked.identity}
    mark = hashlib.sha256(inputs_text(identity).encode()).hexdigest()[:10]
    its_run = replace(run, folder=run.folder / "slag" / "with" / f"{name}-{mark}")
    if "world" in given.identity:
        its_run = replace(its_run, world=run.folder)
    points = Stage(POINTS.name, partial(_copy, given=given), POINTS.writes, also=lambda _: given.identity)
    base = Stage(
        BASE.name, partial(_ask, given=given, asked=asked), ("replies-*.parquet",), reads=(points,),
        also=lambda _: identity, resumes=True,
    )  # fmt: skip
    if read_manifest(its_run.folder / BASE.name) is None:
        check_model(asked.load()[0], asked.reader, given.points)
    check = partial(_check_updates, asked)
    return its_run, Sources(points, base, (points, base), _measuring(given, asked), identity, check)


def _copy(_: Run, folder: Path, given: _GivenPoints) -> Mapping[str, Any]:
    """Copies the points file, so that the results stay with the points that they are about."""
    write_bytes(folder / POINTS_FILE, given.file.read_bytes())
    return {"points": len(given.points), "file": str(given.file)}


def _ask(run: Run, folder: Path, given: _GivenPoints, asked: _AskedModel) -> Mapping[str, Any]:
    """Asks the model, before any update, everything about every point."""
    model, _ = asked.load()
    for first in range(0, len(given.points), _POINTS_A_FILE):
        file, some = folder / f"replies-{first:07d}.parquet", given.points[first : first + _POINTS_A_FILE]
        if not file.exists():
            write_replies(file, model, asked.reader_of(some), some, ())
            run.say(f"asked about {first + len(some):,} of {len(given.points):,} points")
    return {"points": len(given.points), "model": asked.source}


def _measuring(given: _GivenPoints, asked: _AskedModel) -> Measure:
    def measured(run: Run, method: Method, blocks: Sequence[Block], files: ChunkedFiles) -> None:
        """Makes every block's updates; the run's own model goes the run's own, faster way."""
        from worldgen.evaluate.asking.measure import measure
        from worldgen.evaluate.stages.workbench import workbench_of

        trials = trials_of(blocks, None, run.config.training_seed)
        reader = asked.reader_of(given.points)
        if asked.own is not None:
            bench = workbench_of(replace(run, folder=asked.own.folder), method, files.folder, None)
            measure(bench.model, method.make(bench), reader, trials, files, run.quiet)
            return
        model, tokenizer = asked.load()
        assert method.make_for_any is not None, "the command refuses other methods"
        editor = method.make_for_any(
            AnyModelBench(getattr(run.config, method.section), run.config.edit, model, tokenizer)
        )
        measure(model, editor, reader, trials, files, run.quiet)

    return measured


def _check_updates(asked: _AskedModel, updates: Sequence[PointUpdate]) -> None:
    from worldgen.evaluate.slag.model_faults import check_requests

    requests = [(update.point.id, Asked(update.point.main.prompt, (update.label,))) for update in updates
                if update.point.task is Task.GEN]  # fmt: skip
    check_requests(asked.reader, requests)
