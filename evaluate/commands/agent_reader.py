"""Reads from a run folder the agent, and the sentences behind its beliefs.

This file imports neither pandas nor scipy nor torch: they take longer to import than the answer takes.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from worldgen.corpus.sentences import sentences_naming
from worldgen.evaluate.inquiry.explain import CorpusExtract, LineageStep
from worldgen.evaluate.inquiry.minds import EditWeight, Minds, revised
from worldgen.evaluate.runs.config import RunConfig
from worldgen.evaluate.runs.load import finished, load_agent, load_world


def read_minds(run_folder: Path, config: RunConfig, edits: Sequence[str], weight: EditWeight) -> Minds:
    """Returns the agent of a run before and after edits. Raises UserError for an edit that cannot be read."""
    world = load_world(run_folder)
    return revised(world, load_agent(run_folder, world, config.agent), edits, weight)


def read_corpus_extract(run_folder: Path, config: RunConfig, lineage: Sequence[LineageStep]) -> CorpusExtract:
    """Returns the sentences of a run's corpus that name facts of the lineage."""
    sentences = sentences_naming(finished(run_folder / "corpus"), [step.fact for step in lineage])
    return CorpusExtract(sentences, config.corpus.shuffles)
