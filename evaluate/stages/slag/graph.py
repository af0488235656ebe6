"""Belief graphs: RUN/slag/flips/NAME has the replies after every flip, RUN/slag/graph/NAME the graph.

NAME is the method's, with "-gen" behind it for a graph of GEN points.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, Final

from worldgen.errors import UserError
from worldgen.evaluate.methods.methods import METHODS, Method
from worldgen.evaluate.runs.config import override
from worldgen.evaluate.runs.run import Run
from worldgen.evaluate.runs.stage import Stage, make_stage
from worldgen.evaluate.slag.graphs.comparison import edge_table
from worldgen.evaluate.slag.graphs.drawn import drawn_graph, write_drawn_graph
from worldgen.evaluate.slag.graphs.files import node_table, write_graph
from worldgen.evaluate.slag.graphs.flips import flipped_beliefs, graph_of_flips
from worldgen.evaluate.slag.graphs.nodes import Node, entailed_nodes, nodes_of
from worldgen.evaluate.slag.graphs.rational import rational_graph
from worldgen.evaluate.slag.graphs.text import graph_as_text
from worldgen.evaluate.slag.points import Point, Task
from worldgen.evaluate.stages.language_model import make_with_trace
from worldgen.evaluate.stages.slag.flipping import FlipWork, flip_all
from worldgen.evaluate.stages.slag.optimizers import trained_for
from worldgen.evaluate.stages.slag.others import sources_for
from worldgen.evaluate.stages.slag.points import believed, world_and_agent
from worldgen.evaluate.stages.slag.sources import Sources
from worldgen.evaluate.stages.slag.updates import tasks_of
from worldgen.evaluate.stages.testbed import EDIT_FILES, NEEDED
from worldgen.evaluate.statistics.block_bootstrap import Resampling
from worldgen.randomness import generator
from worldgen.storage.files import write_text

_MOST_BY_ITSELF: Final = 300


@dataclass(frozen=True)
class Wanted:
    """Which nodes a belief graph is to have."""

    points: int | None = None
    """How many test points, drawn at random; None: all, at most 300."""
    entailed: bool = False
    """Whether what follows from them is a node too (TF)."""
    task: Task = Task.TF

    @property
    def inputs(self) -> dict[str, object]:
        """What decides a stage; the task only where it is not TF, because runs of before do not name it."""
        of_task = {} if self.task is Task.TF else {"task": self.task.value}
        return {"points": self.points, "entailed": self.entailed, **of_task}

    def name(self, method: Method) -> str:
        """Returns the name of a method's graph."""
        return method.name if self.task is Task.TF else f"{method.name}-{self.task.value}"


@dataclass(frozen=True)
class Given:
    """A points file and a model of somebody's own; None for the run's."""

    points: Path | None = None
    model: str | None = None


def draw_graph(run: Run, method: Method, wanted: Wanted, given: Given = Given()) -> Path:
    """Makes the points, asks the model about them, flips every node, draws the graphs; returns their folder.

    Raises UserError, before any flip, for a method that cannot flip or is not trained, without points of the task, and
    for more than there are.
    """
    _check_method(run, method, wanted)
    training = trained_for(run, method)
    enough = partial(_check_points, wanted, "give more in your file")
    its_run, sources = sources_for(run, given.points, given.model, method, enough)
    for stage in (sources.points, sources.base):
        make_stage(its_run, stage)
    there = _every_node(its_run, wanted)
    _check_points(wanted, "raise slag.points", [node.point for node in there])
    wanted = replace(wanted, points=wanted.points or min(len(there), _MOST_BY_ITSELF))
    its_run = until_the_flip(tuned(its_run, method), method)
    if training:
        sources = replace(sources, reads=(*sources.reads, training))
    work = FlipWork(replace(run, config=its_run.config), method.name, given.points, given.model)
    flipping = flips(method, its_run, wanted, sources, work)
    with closing(run.engine):
        make_with_trace(its_run, flipping)
    drawn = graph(method, wanted, flipping)
    make_stage(its_run, drawn)
    return its_run.folder / drawn.name


def tuned(run: Run, method: Method) -> Run:
    """Returns the run with the settings that `update` found best on dev points; as it is, where it has not tuned."""
    found = run.folder / "slag" / "tune" / f"{method.name}-{run.config.slag.protocol}.json"
    if not found.exists():
        return run
    return replace(run, config=override(run.config, json.loads(found.read_text())["best"]["settings"]))


def until_the_flip(run: Run, method: Method) -> Run:
    """Returns the run in which a method that takes steps stops once the model predicts the flipped label.

    That is `stop = predicted` where a method has it, else a probability of the label above 1/2. A learned optimizer
    stops by itself.
    """
    for setting in (f"{method.section}.stop=predicted", f"{method.section}.stop_probability=0.5"):
        if setting.partition("=")[0] in method.settings:
            return replace(run, config=override(run.config, [setting]))
    return run


def flips(method: Method, run: Run, wanted: Wanted, sources: Sources, work: FlipWork) -> Stage:
    """Returns the stage in which a method flips every node, and the model is asked about all of them."""
    needed = tuple(NEEDED[need] for need in method.needs(getattr(run.config, method.section)))
    return Stage(
        f"slag/flips/{wanted.name(method)}",
        partial(_flip, sources=sources, work=work, wanted=wanted),
        tuple(f"*{pattern}" for pattern in EDIT_FILES),
        settings=("seed", "model_seed", *method.settings),
        reads=(*sources.reads, *needed),
        also=lambda _: {"method": method.name, **wanted.inputs, **sources.identity},
        resumes=True,
    )


def graph(method: Method, wanted: Wanted, flipping: Stage) -> Stage:
    """Returns the stage of the graphs and their statistics."""
    return Stage(
        f"slag/graph/{wanted.name(method)}", partial(_draw, wanted=wanted, flipping=flipping),
        ("*.parquet", "*.csv", "statistics.*", "beliefs.graphml"), settings=("seed", "score"), reads=(flipping,),
        also=lambda _: wanted.inputs, cheap=True,
    )  # fmt: skip


def _check_method(run: Run, method: Method, wanted: Wanted) -> None:
    if method.name == "none" or wanted.task not in tasks_of(run, method):
        able = ", ".join(
            name for name, each in METHODS.items() if name != "none" and wanted.task in tasks_of(run, each)
        )
        why = ", because it makes no statement false" if wanted.task is Task.TF else ""
        raise UserError(f"{method.name} cannot flip a belief{why}: take {able}")
    if wanted.entailed and wanted.task is Task.GEN:
        raise UserError("--entailed makes statements nodes, and --task gen has none: leave one of them out")
    if wanted.entailed and method.section in ("rome", "memit"):
        raise UserError(f"{method.name} needs one subject in a statement: leave --entailed out, or take another method")


def _check_points(wanted: Wanted, remedy: str, points: Sequence[Point]) -> None:
    """Raises UserError where fewer of the points can be nodes than are wanted, or none."""
    there = sum(point.split == "test" and point.task is wanted.task for point in points)
    kind = f"test points of {wanted.task.name}" + ("" if wanted.task is Task.TF else " with an alternative")
    if not there:
        raise UserError(f"there are no {kind}: a belief graph needs some, {remedy}")
    if (wanted.points or 0) > there:
        raise UserError(f"--points {wanted.points}: there are {there} {kind}, ask for fewer or for all")


def _every_node(run: Run, wanted: Wanted) -> list[Node]:
    """Returns a node for every test point of the task that can be flipped."""
    test = believed(run, wanted.task).of_split("test")
    return nodes_of(test.points, test.questions, test.predictions, generator(run.config.seed, "slag graph flips"))


def _nodes(run: Run, wanted: Wanted) -> list[Node]:
    """Returns the nodes: random test points, then what follows from them."""
    assert wanted.points is not None
    every = _every_node(run, wanted)
    chosen = generator(run.config.seed, "slag graph nodes").permutation(len(every))[: wanted.points]
    nodes = [every[i] for i in chosen.tolist()]
    known = world_and_agent(run) if wanted.entailed else None
    if known:
        target, of_chosen = run.config.slag.target_credence, {node.point.id for node in nodes}
        test = believed(run, wanted.task).of_split("test")
        follows = entailed_nodes(*known, test.questions, test.predictions, target)
        nodes += [node for node in follows if node.point.id.partition(" entailed ")[0] in of_chosen]
    return nodes


def _flip(run: Run, folder: Path, sources: Sources, work: FlipWork, wanted: Wanted) -> Mapping[str, Any]:
    """Flips every node in the model, some at a time; the engine's workers share them out."""
    nodes = _nodes(run, wanted)
    flip_all(run, sources, work, nodes, folder)
    return {"nodes": len(nodes)}


def _draw(run: Run, folder: Path, wanted: Wanted, flipping: Stage) -> Mapping[str, Any]:
    """Draws the model's graph and the rational one, and writes them with their statistics."""
    nodes, known = _nodes(run, wanted), world_and_agent(run)
    folders = sorted((run.folder / flipping.name).glob("[0-9]*"))
    M, updated = graph_of_flips(flipped_beliefs(nodes, folders), nodes)
    R = rational_graph(*known, nodes) if known else None
    write_graph(folder, node_table(nodes, M, updated, R), edge_table(M, R))
    score = run.config.score
    resampling = Resampling(score.bootstrap_samples, score.confidence, "sample")
    drawn = drawn_graph(nodes, M, R, resampling, generator(run.config.seed, "slag graph statistics"))
    write_drawn_graph(folder / "statistics.json", drawn)
    write_text(folder / "statistics.txt", graph_as_text(drawn) + "\n")
    rational = {"rational_edges": drawn.rational.edges} if drawn.rational else {}
    return {"nodes": drawn.model.nodes, "edges": drawn.model.edges, **rational}
