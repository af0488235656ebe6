"""The three readings of downstream facts (`agent.downstream`), counted over the requests of a run. Prints a table.

    worldgen build runs/tiny --preset tiny
    python benchmarks/downstream.py runs/tiny
    python benchmarks/downstream.py runs/tiny --kappa 1 --kappa 30          # these kappa of `own` instead

The requests are drawn anew for each reading, with the seed and the settings of the run. A contradiction of an upstream
fact is drawn so that it changes the downstream answer, if an object can be found that does (`cases`); so the table also
has the share for other objects, drawn at random and the same for every reading. The weight of an edit is n' throughout.
"""

from __future__ import annotations

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
from worldgen.evaluate.runs.load import load_agent, load_world
from worldgen.evaluate.settings import CasesConfig
from worldgen.evaluate.testbed.cases import make_cases
from worldgen.worlds.world import World

HEADINGS = (
    "reading", "requests", "downstream", "not believed", "lowest belief", "median n'", "drawn: change",
    "any object: change",
)  # fmt: skip


@click.command()
@click.argument("run", type=click.Path(path_type=Path, file_okay=False))
@click.option("--kappa", "kappas", multiple=True, type=float, default=(1, 10, 100, 1000, 10_000), show_default=True)
def main(run: Path, kappas: tuple[float, ...]) -> None:
    """Print a row for each reading of the downstream facts of a run; `--kappa` are those of `own`."""
    config, world = existing_config(run), load_world(run)
    click.echo("| " + " | ".join(HEADINGS) + " |\n" + "|---" * len(HEADINGS) + "|")
    for reading in (PAPER, Reading("edits"), *(Reading("own", kappa) for kappa in kappas)):
        settings = {"downstream": reading.name, "kappa": reading.kappa}
        agent = load_agent(run, world, config.agent.model_copy(update=settings))
        row = row_of(world, agent, config.cases, config.seed)
        click.echo("| " + " | ".join([reading.text, *row]) + " |")


def row_of(world: World, agent: Agent, config: CasesConfig, seed: int) -> list[str]:
    """The numbers of a reading: its requests, and what the agent makes of them."""
    cases = make_cases(world, agent, config, seed)
    subject, relation, requested = np.array([case.request for case in cases]).T
    weights = ask_weights(agent, subject, relation, requested, config.target_credence)
    asked = Queries(subject, relation, EditSets.one_each(subject, relation, requested, weights))
    downstream, _ = asked.dependence(agent)
    beliefs = ask_beliefs(agent, asked)
    credence = beliefs.at(requested[:, None])[:, 0]
    contradictions = [case for case in cases if case.downstream and not case.reinforces]
    drawn = sum(case.downstream_changes for case in contradictions)
    changing, random = changed_by_any_object(world, agent, config, seed)
    return [
        str(len(cases)),
        str(int(downstream.sum())),
        str(int((beliefs.modes != requested)[downstream].sum())),
        f"{credence[downstream].min():.3f}",
        f"{np.median(weights[downstream]):.0f}",
        f"{drawn} of {len(contradictions)} ({drawn / len(contradictions):.3f})",
        f"{changing} of {random} ({changing / random:.3f})",
    ]


def changed_by_any_object(world: World, agent: Agent, config: CasesConfig, seed: int) -> tuple[int, int]:
    """How many edits of upstream facts change the downstream answer, and how many edits there are.

    The edits are about the upstream facts of `config.cases` random downstream facts, each to a random other object of
    its relation.
    """
    rng, upstream = np.random.default_rng(seed), world.upstream
    facts = rng.permutation(np.flatnonzero(upstream >= 0))[: config.cases]
    subject, below = world.subject[facts].astype(np.int64), world.relation[facts].astype(np.int64)
    above = world.relation[upstream[facts]].astype(np.int64)
    objects = other_objects(world, upstream[facts], rng)
    weights = ask_weights(agent, subject, above, objects, config.target_credence)
    before = ask_beliefs(agent, Queries(subject, below, EditSets.none(len(facts)))).modes
    after = ask_beliefs(agent, Queries(subject, below, EditSets.one_each(subject, above, objects, weights))).modes
    return int((before != after).sum()), len(facts)


def other_objects(world: World, facts: Integers, rng: np.random.Generator) -> Integers:
    """A random object of each fact's relation, other than the truth."""
    found = []
    for fact in facts.tolist():
        objects = world.ranges[int(world.relation[fact])]
        found.append(int(rng.choice(objects[objects != world.truth[fact]])))
    return np.array(found, dtype=np.int64)


if __name__ == "__main__":
    main()
