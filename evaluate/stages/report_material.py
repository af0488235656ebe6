"""Reads from a run folder what the report page shows."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final

import pandas as pd

from worldgen.corpus.sentences import Sentences
from worldgen.errors import UserError
from worldgen.evaluate.asking.measure import read_measurements
from worldgen.evaluate.methods.tracing import averages, load_effects
from worldgen.evaluate.report.material import MeasuredMethod, PageSettings, ReportMaterial
from worldgen.evaluate.report.page import write_page
from worldgen.evaluate.runs.config import RunConfig, to_toml
from worldgen.evaluate.runs.load import load_world, read_scores
from worldgen.evaluate.statistics.bootstrap import Interval
from worldgen.evaluate.testbed.cases import load_cases
from worldgen.storage.files import read_columns
from worldgen.storage.manifests import Manifest, read_manifest

_STAGES: Final = ("graph", "world", "corpus", "tokens", "agent", "cases", "lm", "trace", "edits/*", "scores")


def write_report(run_folder: Path, config: RunConfig, methods: Sequence[str], folder: Path) -> None:
    """Writes folder/index.html and folder/figures/*.svg about a run whose `methods` are measured and scored.

    Raises UserError where the world, or the scores of a method, are missing.
    """
    write_page(read_report_material(run_folder, config, methods, finished_stages(run_folder)), folder)


def finished_stages(run_folder: Path) -> dict[str, Manifest]:
    """Returns the manifests of the finished stages by name ("world", "edits/lora", ...), in the order of the run."""
    folders = [folder for stage in _STAGES for folder in sorted(run_folder.glob(stage))]
    found = {str(folder.relative_to(run_folder)): read_manifest(folder) for folder in folders}
    return {name: manifest for name, manifest in found.items() if manifest is not None}


def read_report_material(
    run_folder: Path, config: RunConfig, methods: Sequence[str], manifests: Mapping[str, Manifest]
) -> ReportMaterial:
    """Returns what the page shows about a run whose `methods` are measured and scored.

    `manifests` are those of the stages that the page lists. Raises UserError where the world, or the scores of a
    method, are missing.
    """
    return ReportMaterial(
        world=load_world(run_folder),
        settings=PageSettings(
            seed=config.seed,
            cases=config.cases,
            edit=config.edit,
            score=config.score,
            examined_facts=config.pretrain.evaluation_facts,
            toml=to_toml(config),
        ),
        manifests=manifests,
        sentences=_sentences(run_folder / "corpus" / "sentences-00000.parquet"),
        history=_history(run_folder / "lm" / "training.parquet"),
        effects=_effects(run_folder / "trace", config),
        cases=load_cases(run_folder / "cases" / "cases.parquet") if methods else [],
        methods=list(_measured(run_folder, methods)),
    )


def _sentences(path: Path) -> Sentences | None:
    return Sentences.from_columns(read_columns(path)) if path.exists() else None


def _history(path: Path) -> pd.DataFrame | None:
    return pd.read_parquet(path) if path.exists() else None


def _effects(folder: Path, config: RunConfig) -> dict[tuple[str, str], list[Interval]] | None:
    if read_manifest(folder) is None:
        return None
    effects: dict[tuple[str, str], list[Interval]] = {}
    for site, interval in averages(load_effects(folder), config.score, config.seed):
        effects.setdefault((site.token, site.kind), []).append(interval)
    return effects


def _measured(run_folder: Path, methods: Sequence[str]) -> Iterator[MeasuredMethod]:
    scores = {score.method: score for score in read_scores(run_folder)}
    if unscored := [method for method in methods if method not in scores]:
        raise UserError(f"edits with {unscored[0]} are not scored yet: run `worldgen score {run_folder}` first")
    if not methods:
        return
    probes = pd.read_parquet(run_folder / "cases" / "probes.parquet")
    for method in methods:
        measured = read_measurements(run_folder / "edits" / method)
        replies = probes.merge(measured, on=["case", "name"], how="inner", validate="one_to_one")
        yield MeasuredMethod(scores[method], replies)
