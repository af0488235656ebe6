"""Updates of beliefs by any method: RUN/slag/updates/METHOD/PROTOCOL-R."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from worldgen.errors import UserError
from worldgen.evaluate.asking.measurements import ChunkedFiles
from worldgen.evaluate.methods.methods import Method
from worldgen.evaluate.runs.run import Run
from worldgen.evaluate.runs.stage import Stage
from worldgen.evaluate.slag.making.dependence import dependence_of
from worldgen.evaluate.slag.points import Split, Task
from worldgen.evaluate.slag.random_sets import draw_random_sets
from worldgen.evaluate.slag.updating.beam_labels import beam_labels, updates_to_labels
from worldgen.evaluate.slag.updating.block_labels import labelled_after
from worldgen.evaluate.slag.updating.blocks import Block, PointUpdate, blocks_of, updates_of, wrong_points
from worldgen.evaluate.stages.slag.points import BEAM, believed, read_beams, world_and_agent, world_of
from worldgen.evaluate.stages.slag.sources import OWN, Measure, Sources
from worldgen.evaluate.stages.testbed import EDIT_FILES, NEEDED
from worldgen.randomness import generator


def updates(
    method: Method, run: Run, r: int, split: Split = "test", name: str | None = None, sources: Sources = OWN
) -> Stage:
    """Returns the stage in which a method updates points, r at a time, and the model is asked before and after.

    `name` is the stage's folder, by default RUN/slag/updates/METHOD/PROTOCOL-R.
    """
    needed = tuple(NEEDED[need] for need in method.needs(getattr(run.config, method.section)))
    beam = (BEAM,) if run.config.slag.protocol == "beam" else ()
    return Stage(
        name or f"slag/updates/{method.name}/{run.config.slag.protocol}-{r}",
        partial(_update, method=method, r=r, split=split, measured=sources.measure),
        EDIT_FILES,
        settings=("seed", "model_seed", *_UPDATE_SETTINGS, *method.settings),
        reads=(*sources.reads, *beam, *needed),
        also=lambda _: {"method": method.name, "r": r, "split": split, **sources.identity},
        resumes=True,
    )


UPDATE_KEYS = ("protocol", "random_gen", "random_tf", "most_updates")
_UPDATE_SETTINGS = tuple(f"slag.{key}" for key in UPDATE_KEYS)


def _update(run: Run, folder: Path, method: Method, r: int, split: Split, measured: Measure) -> Mapping[str, Any]:
    """Makes every block's updates in a model of its own, and asks its questions before and after."""
    config = run.config.slag
    mode = "single" if r == 1 else "sequential"
    edit = run.config.edit.model_copy(update={"mode": mode, "requests": r, "keep_adapters": False})
    its_run = replace(run, config=run.config.model_copy(update={"edit": edit}))
    asked = {task: len(its) for task, its in asked_of_tasks(run, method, split).items()}
    check_enough(its_run, asked, (r,))
    of_tasks = (block for task in asked for block in blocks_of_task(run, task, r, split))
    # Files tell one block from another by its number, those of two tasks too.
    blocks = [replace(block, number=number) for number, block in enumerate(of_tasks)]
    measured(its_run, method, blocks, ChunkedFiles(folder, max(1, config.chunk_points // r)))
    return {"blocks": len(blocks)} | {points_to_update(task): number for task, number in asked.items()}


def points_to_update(task: Task) -> str:
    """Returns the name under which a stage's manifest counts the points of a task that could be updated."""
    return f"{task.value}_points"


def asked_of_tasks(run: Run, method: Method, split: Split) -> dict[Task, list[PointUpdate]]:
    """Returns the updates that can be asked of a method, of each of its tasks."""
    return {task: asked_updates(run, task, split) for task in tasks_of(run, method)}


def check_enough(run: Run, asked: Mapping[Task, int], rs: Sequence[int]) -> None:
    """Raises UserError for an r for which no task has points enough to update together."""
    for r in rs:
        if max(asked.values()) < r:
            have = " and ".join(f"{task.value} has {number}" for task, number in asked.items())
            more = "points with alternatives" if run.config.slag.protocol == "changing" else "points"
            raise UserError(
                f"no {r} points can be updated together, {have}: give a smaller slag.r, or more {more} (slag.points, "
                "or your file)"
            )


def nothing_to_tune_on(method: Method) -> UserError:
    """Returns the error of a method that is to be tuned without dev points to update."""
    return UserError(
        f"{method.name} cannot be tuned: the model gets no point of the split dev wrong; give more, or take the "
        "settings as they are: --set 'slag.grids=[]'"
    )


def tasks_of(run: Run, method: Method) -> tuple[Task, ...]:
    """Returns the tasks that a method can update. One that asks the agent makes facts: no statement false."""
    return (Task.GEN,) if method.asks_the_agent(getattr(run.config, method.section)) else tuple(Task)


def blocks_of_task(run: Run, task: Task, r: int, split: Split) -> list[Block]:
    """Returns the blocks of r updates of one task: of the points that the model answers wrongly, in random order."""
    config = run.config.slag
    asked, before = asked_updates(run, task, split), believed(run, task).of_split(split)
    if len(asked) < r:
        return []
    place = {point.id: number for number, point in enumerate(before.points)}
    count = len(asked) // r
    members = [[place[update.point.id] for update in asked[i * r : (i + 1) * r]] for i in range(count)]
    size = config.random_gen if task is Task.GEN else config.random_tf
    world = world_of(run)
    downstream = dependence_of(world).all_downstream if world else {}
    random = draw_random_sets(before.points, members, size, run.config.seed, downstream)
    blocks = blocks_of(asked, r, [tuple(before.points[i] for i in places) for places in random.sets])
    known = world_and_agent(run) if r > 1 else None
    # At r = 1 the labels of points are those after their own update. Nothing says what another one may change outside
    # our world.
    return labelled_after(*known, blocks, config) if known else blocks


def asked_updates(run: Run, task: Task, split: Split) -> list[PointUpdate]:
    """Returns the updates of one task's points that the model answers wrongly, in random order."""
    config, seed = run.config.slag, run.config.seed
    before = believed(run, task).of_split(split)
    said = {id_: answer for id_, (answer, _) in before.main.items()}
    wrong = wrong_points(before.points, {id_: right for id_, (_, right) in before.main.items()})
    draw = generator(seed, f"slag {task.value} {split} updates")
    chosen = [wrong[i] for i in draw.permutation(len(wrong))[: config.most_updates]]
    if config.protocol == "beam" and task is Task.GEN:
        known = world_and_agent(run)
        assert known is not None, "the command refuses labels from the beam without a world"
        return updates_to_labels(*known, config, seed, beam_labels(chosen, read_beams(run), said, draw))
    return updates_of(chosen, config.protocol, said, draw)
