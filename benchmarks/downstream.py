"""The three readings of downstream facts (`agent.downstream`), counted over the requests of a run. Prints a table.

    worldgen build runs/tiny --preset tiny
    python benchmarks/downstream.py runs/tiny
    python benchmarks/downstream.py runs/tiny --kappa 1 --kappa 30          # these kappa of `own` instead

The requests are those of the run's cases. Half of them contradict the truth. Where one contradicts an upstream fact,
the run drew it so that it changes the downstream answer of the run's agent, if an object could be found that does. So
the table also has the share for other objects, drawn at random. The weight of an edit is n' by the reading throughout.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import click
import numpy as np

from worldgen.bayes.agent import Agent
from worldgen.bayes.batch.beliefs import ask_beliefs
from worldgen.bayes.batch.edit_sets import EditSets
from worldgen.bayes.batch.edit_weights import ask_weights
from worldgen.bayes.batch.queries import Queries
from worldgen.bayes.reading import PAPER, Reading
from worldgen.bayes.sparse import Integers
from worldgen.evaluate.commands.options import existing_config
from worldgen.evaluate.runs.load import finished, load_agent, load_world
from worldgen.evaluate.testbed.cases import Case, load_cases
from worldgen.worlds.world import World

HEADINGS = ("reading", "requests", "downstream", "not believed", "lowest belief", "median n'", "run's", "any object")


@click.command()
@click.argument("run", type=click.Path(path_type=Path, file_okay=False))
@click.option("--kappa", "kappas", multiple=True, type=float, default=(1, 10, 100, 1000, 10_000), show_default=True)
def main(run: Path, kappas: tuple[float, ...]) -> None:
    """Print a row for each reading of the downstream facts of a run; `--kappa` are those of `own`."""
    config, world = existing_config(run), load_world(run)
    cases = load_cases(finished(run / "cases") / "cases.parquet")
    click.echo("| " + " | ".join(HEADINGS) + " |\n" + "|---" * len(HEADINGS) + "|")
    for reading in (PAPER, Reading("edits"), *(Reading("own", kappa) for kappa in kappas)):
        settings = {"downstream": reading.name, "kappa": reading.kappa}
        agent = load_agent(run, world, config.agent.model_copy(update=settings))
        row = [reading.text, *row_of(world, agent, cases, config.cases.target_credence)]
        click.echo("| " + " | ".join(row) + " |")


def row_of(world: World, agent: Agent, cases: Sequence[Case], target: float) -> list[str]:
    """The numbers of a reading: how the requests are believed, and how many upstream edits change what follows."""
    subject, relation, requested = np.array([case.request for case in cases]).T
    weights = ask_weights(agent, subject, relation, requested, target)
    asked = Queries(subject, relation, EditSets.one_each(subject, relation, requested, weights))
    downstream, _ = asked.dependence(agent)
    beliefs = ask_beliefs(agent, asked)
    contradictions = [case for case in cases if case.downstream and not case.reinforces]
    columns = [[case.subject, case.relation, case.requested, case.relation2] for case in contradictions]
    return [
        str(len(cases)),
        str(int(downstream.sum())),
        str(int((beliefs.modes != requested)[downstream].sum())),
        f"{beliefs.at(requested[:, None])[downstream, 0].min():.3f}",
        f"{np.median(weights[downstream]):.0f}",
        changing(agent, np.array(columns).T, target),
        changing(agent, any_objects(world, len(cases)), target),
    ]


def changing(agent: Agent, edits: Integers, target: float) -> str:
    """How many of these edits change the agent's answer about the fact below.

    Shapes: edits [4, N]: the subject, relation and object of an edit, and the relation that depends on it.
    """
    subject, above, objects, below = edits
    weights = ask_weights(agent, subject, above, objects, target)
    sets = EditSets.none(len(subject)), EditSets.one_each(subject, above, objects, weights)
    before, after = (ask_beliefs(agent, Queries(subject, below, some)).modes for some in sets)
    return f"{(before != after).sum()} of {len(subject)} ({(before != after).mean():.3f})"


def any_objects(world: World, most: int) -> Integers:
    """Edits as `changing` takes them: of the upstream facts of `most` random downstream facts, to other objects."""
    rng = np.random.default_rng(0)
    rows = []
    for fact in rng.permutation(np.flatnonzero(world.upstream >= 0))[:most].tolist():
        above = int(world.upstream[fact])
        objects = world.ranges[int(world.relation[above])]
        other = rng.choice(objects[objects != world.truth[above]])
        rows.append([world.subject[fact], world.relation[above], other, world.relation[fact]])
    return np.array(rows, dtype=np.int64).T


if __name__ == "__main__":
    main()
