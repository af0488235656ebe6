"""Belief graphs: RUN/slag/flips/METHOD has the replies after every flip, RUN/slag/graph/METHOD the graph."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, Final

from worldgen.errors import UserError
from worldgen.evaluate.asking.measurements import ChunkedFiles
from worldgen.evaluate.methods.methods import METHODS, Method
from worldgen.evaluate.runs.config import override
from worldgen.evaluate.runs.load import load_agent, load_world
from worldgen.evaluate.runs.run import Run
from worldgen.evaluate.runs.stage import Stage, make_stage
from worldgen.evaluate.slag.graphs.comparison import edge_table
from worldgen.evaluate.slag.graphs.drawn import drawn_graph, truths
from worldgen.evaluate.slag.graphs.files import node_table, write_graph
from worldgen.evaluate.slag.graphs.flips import changed_by_flips, flip_blocks, graph_of_flips
from worldgen.evaluate.slag.graphs.nodes import Node, entailed_nodes, nodes_of
from worldgen.evaluate.slag.graphs.rational import rational_graph
from worldgen.evaluate.slag.graphs.text import graph_as_text
from worldgen.evaluate.slag.points import Task
from worldgen.evaluate.slag.updating.measured_blocks import trials_of
from worldgen.evaluate.stages.language_model import LM, make_with_trace
from worldgen.evaluate.stages.slag.points import BASE, POINTS, believed
from worldgen.evaluate.stages.slag.updates import tasks_of
from worldgen.evaluate.stages.testbed import EDIT_FILES, NEEDED
from worldgen.evaluate.stages.world import AGENT, TOKENS, WORLD
from worldgen.evaluate.statistics.block_bootstrap import Resampling
from worldgen.randomness import generator
from worldgen.storage.files import write_text

_MOST_BY_ITSELF: Final = 300
_QUESTIONS_AT_ONCE: Final = 100_000  # statements asked about in a folder of flips: so many are held at once


@dataclass(frozen=True)
class Wanted:
    """Which nodes a belief graph is to have."""

    points: int | None = None
    """How many test points of TF, drawn at random; None: all, at most 300."""
    entailed: bool = False
    """Whether what follows from them is a node too."""


def draw_graph(run: Run, method: Method, wanted: Wanted) -> Path:
    """Makes the points, asks the model about them, flips every node, draws the graphs; returns their folder.

    Raises UserError, before any flip, for a method that cannot flip, without TF points, and for more than there are.
    """
    _check_method(run, method, wanted)
    for stage in (POINTS, BASE):
        make_stage(run, stage)
    there = sum(point.split == "test" for point in believed(run, Task.TF).points)
    if not there:
        raise UserError("there are no test points of TF: a belief graph needs some, raise slag.points")
    if (wanted.points or 0) > there:
        raise UserError(f"--points {wanted.points}: there are {there} test points of TF, ask for fewer or for all")
    wanted = replace(wanted, points=wanted.points or min(there, _MOST_BY_ITSELF))
    its_run = until_the_flip(tuned(run, method), method)
    flipping = flips(method, its_run, wanted)
    make_with_trace(its_run, flipping)
    drawn = graph(method, wanted, flipping)
    make_stage(its_run, drawn)
    return run.folder / drawn.name


def tuned(run: Run, method: Method) -> Run:
    """Returns the run with the settings that `update` found best on dev points; as it is, where it has not tuned."""
    found = run.folder / "slag" / "tune" / f"{method.name}-{run.config.slag.protocol}.json"
    if not found.exists():
        return run
    return replace(run, config=override(run.config, json.loads(found.read_text())["best"]["settings"]))


def until_the_flip(run: Run, method: Method) -> Run:
    """Returns the run in which a method that takes steps stops once the model predicts the flipped label.

    That is `stop = predicted` where a method has it, else a probability of the label above 1/2.
    """
    for setting in (f"{method.section}.stop=predicted", f"{method.section}.stop_probability=0.5"):
        if setting.partition("=")[0] in method.settings:
            return replace(run, config=override(run.config, [setting]))
    return run


def flips(method: Method, run: Run, wanted: Wanted) -> Stage:
    """Returns the stage in which a method flips every node, and the model is asked about all of them."""
    needed = tuple(NEEDED[need] for need in method.needs(getattr(run.config, method.section)))
    return Stage(
        f"slag/flips/{method.name}",
        partial(_flip, method=method, wanted=wanted),
        tuple(f"*{pattern}" for pattern in EDIT_FILES),
        settings=("seed", "model_seed", *method.settings),
        reads=(WORLD, AGENT, TOKENS, POINTS, BASE, LM, *needed),
        also=lambda _: {"method": method.name, **asdict(wanted)},
        resumes=True,
    )


def graph(method: Method, wanted: Wanted, flipping: Stage) -> Stage:
    """Returns the stage of the graphs and their statistics."""
    return Stage(
        f"slag/graph/{method.name}", partial(_draw, wanted=wanted, flipping=flipping),
        ("*.parquet", "*.csv", "statistics.*", "beliefs.graphml"), settings=("seed", "score"), reads=(flipping,),
        also=lambda _: asdict(wanted), cheap=True,
    )  # fmt: skip


def _check_method(run: Run, method: Method, wanted: Wanted) -> None:
    if method.name == "none" or Task.TF not in tasks_of(run, method):
        able = ", ".join(
            name
            for name, each in METHODS.items()
            if name != "none" and not each.is_trained and Task.TF in tasks_of(run, each)
        )
        raise UserError(f"{method.name} cannot flip a belief, because it makes no statement false: take {able}")
    if wanted.entailed and method.section in ("rome", "memit"):
        raise UserError(f"{method.name} needs one subject in a statement: leave --entailed out, or take another method")


def _nodes(run: Run, wanted: Wanted) -> list[Node]:
    """Returns the nodes: random test points of TF, then what follows from them."""
    assert wanted.points is not None
    world, test = load_world(run.folder), believed(run, Task.TF).of_split("test")
    chosen = generator(run.config.seed, "slag graph nodes").permutation(len(test.points))[: wanted.points]
    every = nodes_of(world, test.questions, test.predictions)
    nodes = [every[i] for i in chosen.tolist()]
    if wanted.entailed:
        agent, target = load_agent(run.folder, world, run.config.agent), run.config.slag.target_credence
        of_chosen = {node.point.id for node in nodes}
        follows = entailed_nodes(world, agent, test.questions, test.predictions, target)
        nodes += [node for node in follows if node.point.id.partition(" entailed ")[0] in of_chosen]
    return nodes


def _flip(run: Run, folder: Path, method: Method, wanted: Wanted) -> Mapping[str, Any]:
    """Flips every node in the run's model, some at a time."""
    from worldgen.evaluate.asking.answers import AnswerReader
    from worldgen.evaluate.asking.measure import measure
    from worldgen.evaluate.stages.workbench import workbench_of

    nodes, bench = _nodes(run, wanted), workbench_of(run, method, folder, None)
    reader, editor = AnswerReader(bench.tokenizer, bench.world.objects), method.make(bench)
    at_once = max(1, _QUESTIONS_AT_ONCE // len(nodes))
    for first in range(0, len(nodes), at_once):
        trials = trials_of(flip_blocks(nodes, first, min(first + at_once, len(nodes))), bench.world, bench.seed)
        files = ChunkedFiles(folder / f"{first:07d}", run.config.slag.chunk_points)
        measure(bench.model, editor, reader, trials, files, run.quiet)
    return {"nodes": len(nodes)}


def _draw(run: Run, folder: Path, wanted: Wanted, flipping: Stage) -> Mapping[str, Any]:
    """Draws the model's graph and the rational one, and writes them with their statistics."""
    nodes, world = _nodes(run, wanted), load_world(run.folder)
    folders = sorted((run.folder / flipping.name).glob("[0-9]*"))
    M, flipped = graph_of_flips(changed_by_flips(nodes, folders), len(nodes))
    rational = rational_graph(world, load_agent(run.folder, world, run.config.agent), nodes)
    write_graph(folder, node_table(nodes, M, flipped, rational), edge_table(M, rational, truths(nodes)[0]))
    score = run.config.score
    resampling = Resampling(score.bootstrap_samples, score.confidence, "sample")
    drawn = drawn_graph(nodes, M, flipped, rational, resampling, generator(run.config.seed, "slag graph statistics"))
    write_text(folder / "statistics.json", json.dumps(drawn.as_json(), indent=1) + "\n")
    write_text(folder / "statistics.txt", graph_as_text(drawn) + "\n")
    return {"nodes": drawn.model.nodes, "edges": drawn.model.edges, "rational_edges": drawn.rational.edges}
