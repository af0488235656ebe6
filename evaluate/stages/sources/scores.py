"""The tables of trust, by model and by method: RUN/sources/scores."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from worldgen.evaluate.asking.measurements import read_costs, read_measurements
from worldgen.evaluate.runs.load import finished_trust, load_world
from worldgen.evaluate.runs.run import Run
from worldgen.evaluate.runs.stage import Stage
from worldgen.evaluate.sources.cases import KINDS, SourceCase, load_cases
from worldgen.evaluate.sources.said import (
    SaidOfCases,
    of_what_follows,
    said_after,
    said_before,
    said_by_mind,
    said_by_the_credulous,
)
from worldgen.evaluate.sources.scoring import (
    NOBODY,
    TRUST_FILE,
    TRUST_METRICS,
    Plan,
    TrustScores,
    as_table,
    heard_scores,
    trust_scores,
)
from worldgen.evaluate.sources.trials import REQUESTED, TAGGED
from worldgen.evaluate.stages.sources.heard import HEARD, heard
from worldgen.evaluate.stages.sources.requests import CASES, CASES_FILE
from worldgen.evaluate.stages.world import WORLD
from worldgen.evaluate.statistics.block_bootstrap import Resampling
from worldgen.storage.files import write_text
from worldgen.storage.manifests import Inputs, read_manifest
from worldgen.worlds.world import NONE


def _score(run: Run, folder: Path) -> Mapping[str, Any]:
    """Scores what the model made of reports, the references, and every method that has made the requests."""
    plan = Plan(Resampling(run.config.score.bootstrap_samples, run.config.score.confidence, "sample"), run.config.seed)
    tags = load_world(run.folder).sources.tags.labels
    rows = [*_of_reports(run, tags, plan), *_of_requests(run, (*tags, NOBODY), plan)]
    write_text(folder / TRUST_FILE, json.dumps([row.as_json() for row in rows], indent=1) + "\n")
    write_text(folder / "trust.csv", as_table(rows).to_csv(index=False))
    return {"rows": len(rows)}


def _of_reports(run: Run, tags: tuple[str, ...], plan: Plan) -> Iterator[TrustScores]:
    """Yields what the model made of the reports that the corpus tells, and the rational mind."""
    columns = heard(run.folder)
    of = columns["fact"], columns["source"]
    believed = columns["believed"]
    yield heard_scores("model", *of, (columns[REQUESTED], columns[TAGGED], believed), tags, plan)
    yield heard_scores("rational mind", *of, (believed, believed * float("nan"), believed), tags, plan)


def _of_requests(run: Run, tags: tuple[str, ...], plan: Plan) -> Iterator[TrustScores]:
    """Yields the references and the methods, for each kind of facts."""
    cases = load_cases(run.folder / CASES.name / CASES_FILE)
    stages = finished_trust(run.folder)
    methods = [name.rpartition("/")[2] for name in stages]
    measured = {method: read_measurements(run.folder / name) for method, name in zip(methods, stages, strict=True)}
    told = [("rational mind", said_by_mind(cases)), ("believes everybody", said_by_the_credulous(cases))]
    told += [("before", said_before(cases, measured[methods[0]]))] if methods else []
    told += [(method, said_after(cases, measured[method])) for method in methods]
    for who, its, said in _by_kind(cases, told):
        cost = _cost(run, who, its) if who in methods else None
        yield trust_scores(who, its, said, tags, plan, cost)


def _by_kind(
    cases: list[SourceCase], told: list[tuple[str, SaidOfCases]]
) -> Iterator[tuple[str, list[SourceCase], SaidOfCases]]:
    """Yields (who, the cases, what is said of them) for each kind of facts, then for what follows from them."""
    for kind in KINDS:
        chosen = np.array([case.kind == kind for case in cases], dtype=bool)
        for who, said in told if chosen.any() else ():
            yield who, [case for case in cases if case.kind == kind], said.where(chosen)
    for who, said in told if any(case.downstream != NONE for case in cases) else ():
        if not np.isnan(said.downstream).all():
            yield who, *of_what_follows(cases, said)


def _cost(run: Run, method: str, cases: list[SourceCase]) -> dict[str, float]:
    """Returns the mean steps, operations and seconds of an edit."""
    costs = read_costs(run.folder / "sources" / "edits" / method).set_index("case")
    its = costs.loc[[case.number for case in cases]]
    return {name: float(its[name].mean()) for name in ("steps", "flops", "seconds")}


def _what_is_scored(run: Run) -> Inputs:
    """The metrics, and the hash of what each method's edits were made of."""
    manifests = {name: read_manifest(run.folder / name) for name in finished_trust(run.folder)}
    hashes = {name: manifest.inputs_hash for name, manifest in manifests.items() if manifest}
    return {"metrics": [metric.name for metric in TRUST_METRICS]} | hashes


SCORES = Stage(
    "sources/scores", _score, (TRUST_FILE, "trust.csv"), settings=("seed", "score"), reads=(WORLD, HEARD, CASES),
    also=_what_is_scored, cheap=True,
)  # fmt: skip
