"""Updates of beliefs by any method: RUN/slag/updates/METHOD/PROTOCOL-R."""

from __future__ import annotations

from collections.abc import Mapping
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
from worldgen.evaluate.slag.updating.blocks import Block, blocks_of, updates_of, wrong_points
from worldgen.evaluate.stages.slag.points import believed, world_of
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
    return Stage(
        name or f"slag/updates/{method.name}/{run.config.slag.protocol}-{r}",
        partial(_update, method=method, r=r, split=split, measured=sources.measure),
        EDIT_FILES,
        settings=("seed", "model_seed", *_UPDATE_SETTINGS, *method.settings),
        reads=(*sources.reads, *needed),
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
    of_tasks = (block for task in tasks_of(run, method) for block in blocks_of_task(run, task, r, split))
    # The files tell blocks apart by their numbers, and both tasks count from 0.
    blocks = [replace(block, number=number) for number, block in enumerate(of_tasks)]
    if not blocks:
        raise too_few_points(run, r)
    measured(its_run, method, blocks, ChunkedFiles(folder, max(1, config.chunk_points // r)))
    return {"blocks": len(blocks)}


def too_few_points(run: Run, r: int) -> UserError:
    """Returns the error of fewer points than are to be updated together."""
    wanted = "with alternatives" if run.config.slag.protocol == "changing" else "that the model gets wrong"
    return UserError(f"no {r} points can be updated together: give a smaller r (slag.r), or more points {wanted}")


def nothing_to_tune_on(method: Method) -> UserError:
    """Returns the error of a method that is to be tuned without dev points to update."""
    return UserError(
        f"{method.name} cannot be tuned: the model gets no point of the split dev wrong; give more, or take the "
        "settings as they are: --set 'slag.grids=[]'"
    )


def tasks_of(run: Run, method: Method) -> tuple[Task, ...]:
    """Returns the tasks that a method can update. One that asks the agent makes facts: no statement false."""
    asks_the_agent = "agent" in method.needs(getattr(run.config, method.section))
    return (Task.GEN,) if asks_the_agent else tuple(Task)


def blocks_of_task(run: Run, task: Task, r: int, split: Split) -> list[Block]:
    """Returns the blocks of r updates of one task: of the points that the model answers wrongly, in random order."""
    config, seed = run.config.slag, run.config.seed
    before = believed(run, task).of_split(split)
    main = before.main
    wrong = wrong_points(before.points, {id_: right for id_, (_, right) in main.items()})
    draw = generator(seed, f"slag {task.value} {split} updates")
    chosen = [wrong[i] for i in draw.permutation(len(wrong))[: config.most_updates]]
    asked = updates_of(chosen, config.protocol, {id_: said for id_, (said, _) in main.items()}, draw)
    if len(asked) < r:
        return []
    place = {point.id: number for number, point in enumerate(before.points)}
    count = len(asked) // r
    members = [[place[update.point.id] for update in asked[i * r : (i + 1) * r]] for i in range(count)]
    size = config.random_gen if task is Task.GEN else config.random_tf
    world = world_of(run)
    downstream = dependence_of(world).all_downstream if world else {}
    random = draw_random_sets(before.points, members, size, seed, downstream)
    return blocks_of(asked, r, [tuple(before.points[i] for i in places) for places in random.sets])
