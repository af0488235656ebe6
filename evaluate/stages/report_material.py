"""Reads from a run folder what the report page shows."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

import pandas as pd

from worldgen.corpus.sentences import Sentences
from worldgen.errors import UserError
from worldgen.evaluate.asking.measurements import read_measurements
from worldgen.evaluate.methods.tracing import averages, load_effects
from worldgen.evaluate.report.material import MeasuredMethod, PageSettings, ReportMaterial
from worldgen.evaluate.report.page import write_page
from worldgen.evaluate.runs.config import RunConfig, to_toml
from worldgen.evaluate.runs.load import finished_trust, load_world
from worldgen.evaluate.runs.run import Run
from worldgen.evaluate.runs.stage import in_order
from worldgen.evaluate.sources.scoring import TRUST_FILE, TrustScores, read_trust_scores
from worldgen.evaluate.stages.belief_material import (
    belief_stages,
    read_belief_material,
    read_graphs,
    read_optimizers,
)
from worldgen.evaluate.stages.language_model import EXAM, LM, TRACE
from worldgen.evaluate.stages.testbed import CASES, SCORES
from worldgen.evaluate.stages.world import CORPUS, TOKENS
from worldgen.evaluate.statistics.interval import Interval
from worldgen.evaluate.testbed.cases import load_cases
from worldgen.evaluate.testbed.scores import read_scores
from worldgen.storage.files import read_columns
from worldgen.storage.manifests import Manifest, read_manifest

_TRUST: Final = "sources/scores"


def write_report(run: Run, methods: Sequence[str], folder: Path) -> None:
    """Writes folder/index.html and folder/figures/*.svg about a run whose `methods` are measured and scored.

    Raises UserError where the world, or the scores of a method, are missing.
    """
    write_page(read_report_material(run, methods), folder)


def finished_stages(run_folder: Path, methods: Sequence[str]) -> dict[str, Manifest]:
    """Returns the manifests of the finished stages by name ("world", "edits/lora", ...), in the order of the run."""
    names = [stage.name for stage in in_order((TOKENS, CASES, EXAM, TRACE))]
    names += [*(f"edits/{method}" for method in methods), SCORES.name, *belief_stages(run_folder)]
    names += ["sources/heard", "sources/cases", *finished_trust(run_folder), _TRUST]
    found = {name: read_manifest(run_folder / name) for name in names}
    return {name: manifest for name, manifest in found.items() if manifest is not None}


def read_report_material(run: Run, methods: Sequence[str]) -> ReportMaterial:
    """Returns what the page shows about a run whose `methods` are measured and scored.

    Raises UserError where the world, or the scores of a method, are missing.
    """
    config = run.config
    return ReportMaterial(
        world=load_world(run.folder),
        settings=PageSettings(
            seed=config.seed,
            cases=config.cases,
            edit=config.edit,
            score=config.score,
            examined_facts=config.pretrain.evaluation_facts,
            toml=to_toml(config),
        ),
        manifests=finished_stages(run.folder, methods),
        sentences=_sentences(run.folder / CORPUS.name / "sentences-00000.parquet"),
        history=_history(run.folder / LM.name / "training.parquet", run.folder / EXAM.name / "coherence.parquet"),
        effects=_effects(run.folder / TRACE.name, config),
        cases=load_cases(run.folder / CASES.name / "cases.parquet") if methods else [],
        methods=list(_measured(run.folder, methods)),
        beliefs=read_belief_material(run.folder),
        graphs=read_graphs(run.folder),
        optimizers=read_optimizers(run.folder),
        trust=_trust(run.folder / _TRUST),
    )


def _trust(folder: Path) -> list[TrustScores]:
    return read_trust_scores(folder / TRUST_FILE) if read_manifest(folder) is not None else []


def _sentences(path: Path) -> Sentences | None:
    return Sentences.from_columns(read_columns(path)) if path.exists() else None


def _history(training: Path, compared: Path) -> pd.DataFrame | None:
    """The training's history, with the distance from the agent where the model has been compared with it."""
    if not training.exists():
        return None
    history = pd.read_parquet(training)
    return history.merge(pd.read_parquet(compared), "left", on=["step", "tokens"]) if compared.exists() else history


def _effects(folder: Path, config: RunConfig) -> dict[tuple[str, str], list[Interval]] | None:
    if read_manifest(folder) is None:
        return None
    effects: dict[tuple[str, str], list[Interval]] = {}
    for site, interval in averages(load_effects(folder), config.score, config.seed):
        effects.setdefault((site.token, site.kind), []).append(interval)
    return effects


def _measured(run_folder: Path, methods: Sequence[str]) -> Iterator[MeasuredMethod]:
    scores = {score.method: score for score in read_scores(run_folder / "scores")}
    if unscored := [method for method in methods if method not in scores]:
        raise UserError(f"edits with {unscored[0]} are not scored yet: run `worldgen score {run_folder}` first")
    if not methods:
        return
    probes = pd.read_parquet(run_folder / "cases" / "probes.parquet")
    for method in methods:
        measured = read_measurements(run_folder / "edits" / method)
        replies = probes.merge(measured, on=["case", "name"], how="inner", validate="one_to_one")
        yield MeasuredMethod(scores[method], replies)
