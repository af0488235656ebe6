"""The record that the page is drawn from: the report stage reads it from a run folder, the page only draws it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pandas as pd

from worldgen.corpus.sentences import Sentences
from worldgen.evaluate.report.graphs.material import GraphMaterial
from worldgen.evaluate.report.learned.trained_optimizer import TrainedOptimizer
from worldgen.evaluate.settings import CasesConfig, EditConfig, ScoreConfig
from worldgen.evaluate.slag.scoring import BeliefScores
from worldgen.evaluate.sources.scoring import TrustScores
from worldgen.evaluate.statistics.interval import Interval
from worldgen.evaluate.testbed.cases import Case
from worldgen.evaluate.testbed.scores import MethodScores
from worldgen.storage.manifests import Manifest
from worldgen.worlds.world import World


@dataclass(frozen=True)
class PageSettings:
    """The settings of a run that the page mentions; `toml` is the complete config."""

    seed: int
    cases: CasesConfig
    edit: EditConfig
    score: ScoreConfig
    examined_facts: int  # the setting pretrain.evaluation_facts
    toml: str


@dataclass(frozen=True)
class MeasuredMethod:
    """An editing method's scores and replies."""

    scores: MethodScores
    replies: pd.DataFrame
    """A row for each probe: the columns of probes.parquet, and the model's probabilities and answers to it."""


@dataclass(frozen=True)
class GridPoint:
    """Settings of an update method that were tried on dev points."""

    settings: Sequence[str]
    scores: Mapping[str, float | None]
    """The selection scores by their names (`SELECTION_SCORES`); None where there is none."""


@dataclass(frozen=True)
class TunedMethod:
    """An update method's grid: all that was tried, and which point was chosen."""

    name: str
    """The method and the protocol: "ft-correcting"."""
    points: Sequence[GridPoint]
    chosen: GridPoint


@dataclass(frozen=True)
class BeliefMaterial:
    """The scores of SLAG."""

    detection: Sequence[BeliefScores]
    updates: Sequence[BeliefScores]
    success: pd.DataFrame
    """A row for each bin of consistency, of each method's single updates of a task: `CONSISTENCY_COLUMNS`."""
    tuned: Sequence[TunedMethod]


@dataclass(frozen=True)
class ReportMaterial:
    """Everything that the page shows of a run; a part that the run does not have is None or empty."""

    world: World
    settings: PageSettings
    manifests: Mapping[str, Manifest]
    """The finished stages by name ("world", "edits/lora", ...), in the order in which the page lists them."""
    sentences: Sentences | None
    """The first shard of the corpus."""
    history: pd.DataFrame | None
    """The training's history, a row for each step."""
    effects: Mapping[tuple[str, str], Sequence[Interval]] | None
    """Causal tracing: for each (token, kind of site) the mean effect at each layer."""
    cases: Sequence[Case]
    methods: Sequence[MeasuredMethod]
    beliefs: BeliefMaterial | None
    graphs: Sequence[GraphMaterial]
    optimizers: Sequence[TrainedOptimizer]
    trust: Sequence[TrustScores]
    """The trust of the model and of the methods in each source."""
