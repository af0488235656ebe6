"""How fast the agent that learns whom to trust is: fitting reports, one question under an edit. Prints JSON.

    python benchmarks/trust.py                                    # 100,000 reports by 6 sources over 50,000 facts
    python benchmarks/trust.py --reports 10000 --facts 5000

Both models get the same reports. Those of the first half of the facts are about known truths (Model A), or about facts
with ten untagged sentences (Model B); of the others nothing else is known. Each fact has reports of one source, as many
as come out, read as independent; each source errs with a chance of its own. Seconds are wall clock, beside them the
processor's; memory is the most this process has held, in bytes, so far. The check: Model A learns the chances of right
reports to within five standard errors. (To Model B a report can be genuine and still not name the truth.)
"""

from __future__ import annotations

import json
import statistics
import time
from collections.abc import Callable
from typing import Any

import click
import numpy as np

from worldgen.bayes import fitting
from worldgen.bayes.evidence import evidence_from_lines
from worldgen.bayes.trust.genuine import Genuine, uniform_background
from worldgen.bayes.trust.priors import Priors
from worldgen.bayes.trust.reliability import Betas
from worldgen.bayes.trust.reports import Report, Reports
from worldgen.bayes.trust.trust import Trust, fit
from worldgen.bayes.trust.truth import Truth
from worldgen.randomness import generator
from worldgen.storage.machine import peak_memory

RIGHT = np.array([0.95, 0.9, 0.75, 0.5, 0.25, 0.1])
OBJECTS, SENTENCES, QUESTIONS = 50, 10, 300


@click.command()
@click.option("--facts", default=50_000, show_default=True, type=click.IntRange(2))
@click.option("--reports", default=100_000, show_default=True, type=click.IntRange(1))
def main(facts: int, reports: int) -> None:
    """Measure both models."""
    draw = generator(0, "benchmark of trust")
    truth = draw.integers(OBJECTS, size=facts)
    fact = draw.integers(facts, size=reports)
    source = draw.integers(len(RIGHT), size=facts)[fact]
    other = (truth[fact] + draw.integers(1, OBJECTS, size=reports)) % OBJECTS
    said = Reports.of(len(RIGHT), fact, source, np.where(draw.random(reports) < RIGHT[source], truth[fact], other))
    is_known = np.arange(facts) < facts // 2
    models: dict[str, Callable[[], Truth | Genuine]] = {
        "A": lambda: Truth(Priors.known(np.where(is_known, truth, -1), OBJECTS)),
        "B": lambda: _genuine(truth, is_known),
    }
    click.echo(json.dumps([measured(name, make(), said, draw) for name, make in models.items()], indent=1))


def _genuine(truth: np.ndarray, is_known: np.ndarray) -> Genuine:
    """Returns Model B over an agent that has read ten sentences of each known fact; every fact is a subject's own."""
    told = np.flatnonzero(is_known)
    count = np.full(len(told), SENTENCES)
    evidence = evidence_from_lines(told, np.zeros_like(told), truth[told], 3 * count, np.zeros_like(told), count)
    agent = fitting.fit(evidence, OBJECTS, 1, [], 1 / OBJECTS)
    facts = np.arange(len(truth))
    return Genuine(agent, facts, np.zeros_like(facts), uniform_background(OBJECTS, 1))


def measured(name: str, model: Truth | Genuine, said: Reports, draw: np.random.Generator) -> dict[str, Any]:
    """Returns every figure of one model. Fails where Model A has not learned the chances of right reports."""
    trust, seconds, cpu = _timed(lambda: fit(model, said, Betas.uniform(said.K), "independent"))
    learned = trust.mean_reliabilities()
    heard = np.bincount(said.source, weights=said.count, minlength=said.K) / 2  # by half of the facts at least
    if name == "A" and (np.abs(learned - RIGHT) > 5 * np.sqrt(RIGHT * (1 - RIGHT) / heard) + 2 / OBJECTS).any():
        raise click.ClickException(f"model {name} learned {learned.round(3).tolist()}, not {RIGHT.tolist()}")
    questions = [_timed(lambda: _ask(trust, draw, len(model.groups())))[1] for _ in range(QUESTIONS)]
    return {
        "model": name,
        "facts": len(model.groups()),
        "reports": int(said.count.sum()),
        "sources": said.K,
        "fit_seconds": round(seconds, 3),
        "fit_cpu_seconds": round(cpu, 3),
        "question_ms_median": round(statistics.median(questions) * 1e3, 3),
        "question_ms_p99": round(statistics.quantiles(questions, n=100)[98] * 1e3, 3),
        "peak_bytes": peak_memory(),
        "learned": learned.round(4).tolist(),
    }


def _ask(trust: Trust, draw: np.random.Generator, facts: int) -> float:
    """Asks for one object of a random fact, after its source has said so."""
    fact, object_ = int(draw.integers(facts)), int(draw.integers(OBJECTS))
    (source, *_) = (*trust.reports.of_facts([fact]).source.tolist(), 0)
    return trust.credence(fact, object_, [Report(fact, source, object_)])


def _timed(work: Callable[[], Any]) -> tuple[Any, float, float]:
    begun, begun_cpu = time.perf_counter(), time.process_time()
    result = work()
    return result, time.perf_counter() - begun, time.process_time() - begun_cpu


if __name__ == "__main__":
    main()
