"""Asking the model: every case before its edit and after, one tidy row a probe; resumable by chunks of cases.

A chunk's file is complete or absent, so a killed run goes on at the next unfinished chunk.
"""

from __future__ import annotations

import itertools
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
from tqdm import tqdm

from evaluate.answers import AnswerReader
from evaluate.probes import Probe
from lm.editors.request import Editor, Request
from lm.score import log_probabilities
from worldgen.files import write_table
from worldgen.manifest import peak_memory
from worldgen.randomness import generator


@dataclass(frozen=True)
class Replies:
    """A model's replies to some probes: probabilities (NaN for an answer probe) and answers ("" for the rest)."""

    probability: np.ndarray  # [P], float64
    answer: list[str]


def ask(model: Any, reader: AnswerReader, probes: Sequence[Probe]) -> Replies:
    """Ask a model every probe, each kind in one batch."""
    probability = np.full(len(probes), np.nan)
    answer = [""] * len(probes)
    scored = [i for i, probe in enumerate(probes) if not probe.asks_for_answer]
    free = [i for i, probe in enumerate(probes) if probe.asks_for_answer]
    pairs = [(probes[i].prompt, probes[i].target) for i in scored]
    probability[scored] = np.exp(log_probabilities(model, reader.tokenizer, pairs))
    for i, said in zip(free, reader.answers(model, [probes[i].prompt for i in free]), strict=True):
        answer[i] = said
    return Replies(probability, answer)


def measure(
    model: Any, editor: Editor, reader: AnswerReader, probes: Iterable[Probe], chunk_cases: int, seed: int,
    folder: Path, quiet: bool,
) -> None:  # fmt: skip
    """Probe, edit, probe, restore for every case; write measurements-*.parquet and costs-*.parquet into `folder`."""
    by_case = [list(group) for _, group in itertools.groupby(probes, key=lambda probe: probe.case)]
    chunks = [by_case[i : i + chunk_cases] for i in range(0, len(by_case), chunk_cases)]
    with tqdm(total=len(by_case), desc="edit", unit="case", disable=quiet) as progress:
        for number, chunk in enumerate(chunks):
            measurements, costs = folder / f"measurements-{number:05d}.parquet", folder / f"costs-{number:05d}.parquet"
            if not (measurements.exists() and costs.exists()):
                rows, cost = _measure_chunk(model, editor, reader, chunk, seed, progress)
                write_table(costs, cost)
                write_table(measurements, rows)
            else:
                progress.update(len(chunk))


def read_measurements(folder: Path) -> Any:
    """All measured rows of a method, as a pandas frame sorted as the probes are."""
    return pq.read_table(sorted(folder.glob("measurements-*.parquet"))).to_pandas()


def read_costs(folder: Path) -> Any:
    """What each case's edit cost, as a pandas frame."""
    return pq.read_table(sorted(folder.glob("costs-*.parquet"))).to_pandas()


def request_of(probes: Sequence[Probe]) -> Request:
    """The edit that a case's probes go with."""
    asked = next(probe for probe in probes if probe.name == "s1r1/requested")
    return Request(asked.prompt, asked.target)


def case_seed(seed: int, case: int) -> int:
    """The seed of what an editor draws for one case."""
    return int(generator(seed, f"edit {case}").integers(2**63))


def _measure_chunk(
    model: Any, editor: Editor, reader: AnswerReader, chunk: list[list[Probe]], seed: int, progress: tqdm
) -> tuple[dict[str, Any], dict[str, Any]]:
    before = ask(model, reader, [probe for probes in chunk for probe in probes])
    after, costs = [], []
    for probes in chunk:
        case, begun = probes[0].case, time.perf_counter()
        with editor.edit(model, request_of(probes), case_seed(seed, case)) as edited:
            seconds = time.perf_counter() - begun
            after.append(ask(edited.model, reader, probes))
        costs.append((case, len(edited.losses), edited.flops, seconds, peak_memory(), list(edited.losses)))
        progress.update()
    every = [probe for probes in chunk for probe in probes]
    rows = {
        "case": [probe.case for probe in every],
        "name": [probe.name for probe in every],
        "before": before.probability,
        "after": np.concatenate([replies.probability for replies in after]),
        "answer_before": before.answer,
        "answer_after": [said for replies in after for said in replies.answer],
    }
    names = ("case", "steps", "flops", "seconds", "peak_bytes", "losses")
    return rows, dict(zip(names, map(list, zip(*costs, strict=True)), strict=True))
