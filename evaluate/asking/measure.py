"""Asking the model: every case before its edit and after, one tidy row a probe; resumable by chunks of editions.

A chunk's file is complete or absent, so a killed run goes on at the next unfinished chunk.
"""

from __future__ import annotations

import itertools
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import torch
from tqdm import tqdm

from worldgen.evaluate.asking.answers import AnswerReader
from worldgen.evaluate.testbed.questions import Probe
from worldgen.evaluate.testbed.sites import SITES
from worldgen.lm.allocator import keep_freed_memory
from worldgen.lm.editions import Edition, Editor, Request
from worldgen.lm.out_of_memory import work_that_fits
from worldgen.lm.score import log_probabilities
from worldgen.randomness import generator
from worldgen.storage.files import write_table
from worldgen.storage.machine import peak_memory


@dataclass(frozen=True)
class Replies:
    """A model's replies to some probes: probabilities (NaN for an answer probe) and answers ("" for the rest)."""

    probability: np.ndarray  # [P], float64
    answer: list[str]


@dataclass(frozen=True)
class Trial:
    """An edition to be made, and the probes of all its cases, which are then asked of it."""

    edition: Edition
    probes: list[Probe]


def ask(model: Any, reader: AnswerReader, probes: Sequence[Probe], editions: Sequence[int] | None = None) -> Replies:
    """Ask a model every probe, each kind in one go; editions[i] is asked the i-th, see `worldgen.lm.score`."""
    probability = np.full(len(probes), np.nan)
    answer = [""] * len(probes)
    of = np.zeros(len(probes), dtype=int) if editions is None else np.asarray(editions)
    scored = [i for i, probe in enumerate(probes) if not probe.asks_for_answer]
    free = [i for i, probe in enumerate(probes) if probe.asks_for_answer]
    ways = [(i, (probes[i].prompt, way)) for i in scored for way in _ways_to_say(reader, probes[i])]
    asked = np.array([i for i, _ in ways], dtype=int)
    logs = log_probabilities(model, reader.tokenizer, [pair for _, pair in ways], editions=of[asked].tolist())
    probability[scored] = np.bincount(asked, np.exp(logs), minlength=len(probes))[scored]
    said = reader.answers(model, [probes[i].prompt for i in free], of[free].tolist())
    for i, answered in zip(free, said, strict=True):
        answer[i] = answered
    return Replies(probability, answer)


def _ways_to_say(reader: AnswerReader, probe: Probe) -> tuple[str, ...]:
    """The continuations whose probabilities add up to the probe's: an object by each of its names."""
    is_object = probe.name.partition("/")[0] in SITES
    return reader.ways_to_say(probe.target) if is_object else (probe.target,)


def measure(
    model: Any, editor: Editor, reader: AnswerReader, trials: Sequence[Trial], chunk: int, folder: Path, quiet: bool
) -> None:
    """Probe, edit, probe, restore for every edition; write measurements-*.parquet and costs-*.parquet into `folder`.

    A chunk is `chunk` editions. The editor's batches lie within a chunk, so which editions share a batch depends on
    the config alone, unless memory ran out: then, and only then, may an interrupted run's probabilities differ
    from a whole one's in the last bits of float32.
    """
    keep_freed_memory()
    chunks = enumerate(trials[i : i + chunk] for i in range(0, len(trials), chunk))
    missing = [(number, members) for number, members in chunks if not all(f.exists() for f in _files(folder, number))]
    done = len(trials) - sum(len(members) for _, members in missing)
    work = _Work(model, editor, reader)
    with tqdm(total=len(trials), initial=done, desc="edit", unit="edit", disable=quiet) as progress:
        for number, members in missing:
            measurements, costs = _files(folder, number)
            rows, cost = work.chunk(members, progress)
            write_table(costs, cost)
            write_table(measurements, rows)


def _files(folder: Path, number: int) -> tuple[Path, Path]:
    """Where a chunk's measurements and its costs lie."""
    return folder / f"measurements-{number:05d}.parquet", folder / f"costs-{number:05d}.parquet"


def read_measurements(folder: Path) -> Any:
    """All measured rows of a method, as a pandas frame sorted as the probes are."""
    return pq.read_table(sorted(folder.glob("measurements-*.parquet"))).to_pandas()


def read_costs(folder: Path) -> Any:
    """What each edition cost, as a pandas frame: `case` is its first one, `requests` how many it holds.

    It is empty where nobody knows: see `worldgen.evaluate.asking.other_programs`.
    """
    files = sorted(folder.glob("costs-*.parquet"))
    return (pq.read_table(files) if files else pa.table({})).to_pandas()


def make_trials(
    probes: Iterable[Probe],
    requests_per_edition: int,
    seed: int,
    weights: Mapping[int, float] | None = None,
    subjects: Mapping[int, str] | None = None,
) -> list[Trial]:
    """The cases in editions of so many, in order; what is left at the end is a smaller one.

    `weights[case]` is what its request is worth, 1 where none are given; `subjects[case]` whom it is about.
    """
    names = subjects or {}
    by_case = [list(group) for _, group in itertools.groupby(probes, key=lambda probe: probe.case)]
    trials = []
    for start in range(0, len(by_case), requests_per_edition):
        cases = by_case[start : start + requests_per_edition]
        first = cases[0][0].case
        requests = tuple(
            request_of(asked, (weights or {}).get(asked[0].case, 1.0), names.get(asked[0].case, "")) for asked in cases
        )
        edition = Edition(requests, case_seed(seed, first), str(first))
        trials.append(Trial(edition, [probe for asked in cases for probe in asked]))
    return trials


def request_of(probes: Sequence[Probe], weight: float = 1.0, subject: str = "") -> Request:
    """The edit that a case's probes go with."""
    asked = next(probe for probe in probes if probe.name == "s1r1/requested")
    return Request(asked.prompt, asked.target, weight, subject=subject)


def case_seed(seed: int, case: int) -> int:
    """The seed of what an editor draws for an edition, by its first case."""
    return int(generator(seed, f"edit {case}").integers(2**63))


@dataclass
class _Work:
    """What a run of the measurements goes on with; `halvings` is how often memory ran out."""

    model: Any
    editor: Editor
    reader: AnswerReader
    halvings: int = 0

    def chunk(self, trials: Sequence[Trial], progress: tqdm) -> tuple[dict[str, Any], dict[str, Any]]:
        """The rows of a chunk's probes, and of its editions' costs."""
        every = [probe for trial in trials for probe in trial.probes]
        before = ask(self.model, self.reader, every)
        after: list[Replies] = []
        costs: list[dict[str, Any]] = []
        done, allowed = 0, self.editor.at_once([trial.edition for trial in trials])
        while done < len(trials):
            measured, size = self._batch_that_fits(trials[done:], allowed)
            after.append(measured[0])
            costs += measured[1]
            done += size
            progress.update(size)
        rows = {
            "case": [probe.case for probe in every],
            "name": [probe.name for probe in every],
            "before": before.probability,
            "after": np.concatenate([replies.probability for replies in after]),
            "answer_before": before.answer,
            "answer_after": [said for replies in after for said in replies.answer],
        }
        return rows, {name: [cost[name] for cost in costs] for name in costs[0]}

    def _batch_that_fits(
        self, trials: Sequence[Trial], allowed: int
    ) -> tuple[tuple[Replies, list[dict[str, Any]]], int]:
        """Edits and asks as many of the first trials as fit; returns what `_batch` says of them, and how many they are.

        They are `allowed` trials, halved as often as memory has run out.
        """

        def size() -> int:
            return min(max(1, allowed >> self.halvings), len(trials))

        def smaller(_: int) -> int:
            self.halvings += 1
            return size()

        return work_that_fits(lambda number: self._batch(trials[:number]), size(), smaller)

    def _batch(self, trials: Sequence[Trial]) -> tuple[Replies, list[dict[str, Any]]]:
        editions, begun = [trial.edition for trial in trials], time.perf_counter()
        with self.editor.edit(self.model, editions) as edited:
            seconds = (time.perf_counter() - begun) / len(editions)
            probes = [probe for trial in trials for probe in trial.probes]
            of = [number for number, trial in enumerate(trials) for _ in trial.probes]
            replies = ask(edited, self.reader, probes, of)
        return replies, [
            {
                "case": trial.probes[0].case,
                "requests": len(trial.edition.requests),
                "steps": len(cost.losses),
                "flops": cost.flops,
                "seconds": seconds,
                "peak_bytes": _peak_bytes(self.model),
                "losses": list(cost.losses),
            }
            for trial, cost in zip(trials, edited.costs, strict=True)
        ]


def _peak_bytes(model: Any) -> int:
    """The most memory held so far: the device's where the model is on one, else the process's."""
    device = model.lm_head.weight.device
    return torch.cuda.max_memory_allocated(device) if device.type == "cuda" else peak_memory()
