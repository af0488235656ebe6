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
from worldgen.evaluate.runs.load import load_agent, load_world
from worldgen.evaluate.runs.run import Run
from worldgen.evaluate.runs.stage import Stage
from worldgen.evaluate.slag.making.dependence import dependence_of
from worldgen.evaluate.slag.points import Split, Task
from worldgen.evaluate.slag.random_sets import draw_random_sets
from worldgen.evaluate.slag.updating.beam_labels import beam_labels, updates_to_labels
from worldgen.evaluate.slag.updating.block_labels import labelled_after
from worldgen.evaluate.slag.updating.blocks import Block, PointUpdate, blocks_of, updates_of, wrong_points
from worldgen.evaluate.slag.updating.measured_blocks import trials_of
from worldgen.evaluate.stages.language_model import LM
from worldgen.evaluate.stages.slag.points import BASE, BEAM, POINTS, believed, read_beams
from worldgen.evaluate.stages.testbed import EDIT_FILES, NEEDED
from worldgen.evaluate.stages.world import AGENT, TOKENS, WORLD
from worldgen.randomness import generator


def updates(method: Method, run: Run, r: int, split: Split = "test", name: str | None = None) -> Stage:
    """Returns the stage in which a method updates points, r at a time, and the model is asked before and after.

    `name` is the stage's folder, by default RUN/slag/updates/METHOD/PROTOCOL-R.
    """
    needed = tuple(NEEDED[need] for need in method.needs(getattr(run.config, method.section)))
    beam = (BEAM,) if run.config.slag.protocol == "beam" else ()
    return Stage(
        name or f"slag/updates/{method.name}/{run.config.slag.protocol}-{r}",
        partial(_update, method=method, r=r, split=split),
        EDIT_FILES,
        settings=("seed", "model_seed", *_UPDATE_SETTINGS, *method.settings),
        reads=(WORLD, AGENT, TOKENS, POINTS, BASE, LM, *beam, *needed),
        also=lambda _: {"method": method.name, "r": r, "split": split},
        resumes=True,
    )


UPDATE_KEYS = ("protocol", "random_gen", "random_tf", "most_updates")
_UPDATE_SETTINGS = tuple(f"slag.{key}" for key in UPDATE_KEYS)


def _update(run: Run, folder: Path, method: Method, r: int, split: Split) -> Mapping[str, Any]:
    """Makes every block's updates in a model of its own, and asks its questions before and after."""
    from worldgen.evaluate.asking.answers import AnswerReader
    from worldgen.evaluate.asking.measure import measure
    from worldgen.evaluate.stages.workbench import workbench_of

    config = run.config.slag
    mode = "single" if r == 1 else "sequential"
    edit = run.config.edit.model_copy(update={"mode": mode, "requests": r, "keep_adapters": False})
    its_run = replace(run, config=run.config.model_copy(update={"edit": edit}))
    asked = numbers_of_updates(run, method, split)
    check_enough(asked, r)
    of_tasks = (block for task in asked for block in blocks_of_task(run, task, r, split))
    # Files tell one block from another by its number, those of two tasks too.
    blocks = [replace(block, number=number) for number, block in enumerate(of_tasks)]
    bench = workbench_of(its_run, method, folder, None)
    trials = trials_of(blocks, bench.world, bench.seed)
    reader = AnswerReader(bench.tokenizer, bench.world.objects)
    files = ChunkedFiles(folder, max(1, config.chunk_points // r))
    measure(bench.model, method.make(bench), reader, trials, files, run.quiet)
    return {"blocks": len(blocks)} | {points_to_update(task): number for task, number in asked.items()}


def points_to_update(task: Task) -> str:
    """Returns the name under which a stage's manifest counts the points of a task that could be updated."""
    return f"{task.value}_points"


def numbers_of_updates(run: Run, method: Method, split: Split) -> dict[Task, int]:
    """Returns how many points a method can update of each of its tasks."""
    return {task: len(asked_updates(run, task, split)) for task in tasks_of(run, method)}


def check_enough(asked: Mapping[Task, int], r: int) -> None:
    """Raises UserError where no task has r points to update together."""
    if max(asked.values()) < r:
        have = " and ".join(f"{task.value} has {number}" for task, number in asked.items())
        raise UserError(f"no {r} points can be updated together, {have}: give a smaller slag.r, or more slag.points")


def tasks_of(run: Run, method: Method) -> tuple[Task, ...]:
    """Returns the tasks that a method can update. One that asks the agent makes facts: no statement false."""
    asks_the_agent = "agent" in method.needs(getattr(run.config, method.section))
    return (Task.GEN,) if asks_the_agent else tuple(Task)


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
    world = load_world(run.folder)
    random = draw_random_sets(before.points, members, size, run.config.seed, dependence_of(world).all_downstream)
    blocks = blocks_of(asked, r, [tuple(before.points[i] for i in places) for places in random.sets])
    if r == 1:  # the labels of points are those after their own update
        return blocks
    return labelled_after(world, load_agent(run.folder, world, run.config.agent), blocks, config)


def asked_updates(run: Run, task: Task, split: Split) -> list[PointUpdate]:
    """Returns the updates of one task's points that the model answers wrongly, in random order."""
    config, seed = run.config.slag, run.config.seed
    before = believed(run, task).of_split(split)
    said = {id_: answer for id_, (answer, _) in before.main.items()}
    wrong = wrong_points(before.points, {id_: right for id_, (_, right) in before.main.items()})
    draw = generator(seed, f"slag {task.value} {split} updates")
    chosen = [wrong[i] for i in draw.permutation(len(wrong))[: config.most_updates]]
    if config.protocol == "beam" and task is Task.GEN:
        world = load_world(run.folder)
        agent = load_agent(run.folder, world, run.config.agent)
        return updates_to_labels(world, agent, config, seed, beam_labels(chosen, read_beams(run), said, draw))
    return updates_of(chosen, config.protocol, said, draw)
