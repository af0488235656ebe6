"""The world at a glance, in numbers: sizes beside the paper's, relations and pairs, the popularity of objects.

Everything comes from the run folder, as soon as the corpus is there. Shapes: F facts, O objects.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from worldgen.arrays import Ids
from worldgen.corpus.sentences import Kind, Sentences, Shard
from worldgen.corpus.wording import Wording
from worldgen.evaluate.runs.config import RunConfig, paper
from worldgen.evaluate.runs.load import finished, load_world
from worldgen.storage.manifests import read_manifest
from worldgen.worlds.world import NONE, World

# How far from the paper's a size may be.
TOLERANCE: Final = 0.05
# Tables 3 and 6 of the paper; the last is told in appendix A.1 step 3.
PAPER: Final[Mapping[str, float]] = {
    "true atomic facts": 100_000,
    "atomic sentences": 1_000_000,
    "true/false sentences": 1_000_000,
    "and/or/not sentences": 400_000,
    "sentences": 2_400_000,
    "documents": 1_260_000,
    "tokens": 204_000_000,
    "subjects": 47_000,
    "relations": 10,
    "objects": 20_000,
    "share of facts with a known upstream fact": 0.2,
}


@dataclass(frozen=True)
class Size:
    """A number of this run beside the paper's. `here` is None where the stage is not done; `within`, whether the
    two differ by at most TOLERANCE of the paper's, is None for a run that is not of the paper's sizes."""

    name: str
    here: float | None
    paper: float
    ratio: float | None
    within: bool | None


@dataclass(frozen=True)
class Relation:
    """A relation of the world: its facts, the distinct objects that are their truths, what it depends on (or "")."""

    label: str
    facts: int
    objects: int
    upstream: str


@dataclass(frozen=True)
class PairEntropies:
    """A dependent pair. Entropies in bits.

    In the whole graph: `cooccurrence` subjects have both, H(downstream), H(downstream | upstream). In the world:
    `facts` downstream facts have a known upstream one, with `conditions` different upstream truths; of their
    p(o | s, r) the mean entropy, the share that is certain (entropy 0), and the mean probability of the truth.
    """

    upstream: str
    downstream: str
    cooccurrence: int
    downstream_entropy: float
    conditional_entropy: float
    facts: int
    conditions: int
    world_entropy: float
    certain: float
    truth_probability: float


@dataclass(frozen=True)
class Popularity:
    """How unequally the facts fall on the objects that they name.

    Gini coefficient: 0 if each object has as many facts as any other, near 1 if one has them all.
    """

    objects: int
    top_percent_share: float
    named_once: float
    gini: float
    most_popular: dict[str, int]


@dataclass(frozen=True)
class Description:
    """What `worldgen describe` tells."""

    paper_sized: bool
    sizes: list[Size]
    relations: list[Relation]
    pairs: list[PairEntropies]
    relations_per_subject: dict[int, int]
    popularity_in_graph: Popularity
    popularity_of_truths: Popularity
    sentences: list[tuple[str, str]]
    document: str
    selection: dict[str, Any]
    aliases: dict[str, Any]


def describe(run_folder: Path, config: RunConfig) -> Description:
    """Describe a run of which the corpus is built. Raises UserError if it is not."""
    world, corpus = load_world(run_folder), Shard.load(finished(run_folder / "corpus"), 0)
    paper_sized = config.world.facts == paper().world.facts and config.corpus == paper().corpus
    per_subject = np.bincount(np.diff(world.first_fact))
    return Description(
        paper_sized=paper_sized,
        sizes=[_size(name, value, paper_sized) for name, value in _counted(run_folder, world).items()],
        relations=relations_of(world),
        pairs=pairs_of(world),
        relations_per_subject={n: int(subjects) for n, subjects in enumerate(per_subject) if subjects},
        popularity_in_graph=popularity_of(world, world.graph_object),
        popularity_of_truths=popularity_of(world, world.truth),
        sentences=example_sentences(world, corpus.sentences),
        document=_first_document(world, corpus),
        selection=json.loads((finished(run_folder / "graph") / "selection.json").read_text(encoding="utf-8")),
        aliases=_aliases(run_folder / "world" / "aliases.json"),
    )


def _aliases(report: Path) -> dict[str, Any]:
    """What the world stage says of its aliases, empty for a world without."""
    return json.loads(report.read_text(encoding="utf-8")) if report.exists() else {}


def relations_of(world: World) -> list[Relation]:
    """The relations in the order of their ids."""
    upstream = {pair.downstream: world.relations[pair.upstream] for pair in world.pairs()}
    facts = np.bincount(world.relation, minlength=len(world.relations)).tolist()
    objects = [len(np.unique(world.truth[world.relation == r])) for r in range(len(world.relations))]
    return [
        Relation(label, facts[r], objects[r], upstream.get(r, "")) for r, label in enumerate(world.relations.labels)
    ]


def pairs_of(world: World) -> list[PairEntropies]:
    """The dependent pairs, upper ends of chains first."""
    entropies, table = row_entropies(world), world.conditionals
    truth_probability = table.weight[table.mode_entry] / table.total
    pairs = []
    for dependency in world.dependencies:
        rows = world.row[(world.relation == dependency.pair.downstream) & (world.row != NONE)]
        upstream, downstream = (world.relations[end] for end in dependency.pair)
        of_facts = (entropies[rows], entropies[rows] == 0, truth_probability[rows])
        means = (float(values.mean()) if len(rows) else 0.0 for values in of_facts)
        in_graph = dependency.cooccurrence, dependency.downstream_entropy, dependency.conditional_entropy
        pairs.append(PairEntropies(upstream, downstream, *in_graph, len(rows), len(np.unique(rows)), *means))
    return pairs


def row_entropies(world: World) -> NDArray[np.float64]:
    """[C]: H = - sum_o p(o | r_d, r_u, o_u) log2 p(o | r_d, r_u, o_u) of each row of the world's conditionals."""
    table = world.conditionals
    if not len(table):
        return np.zeros(0)
    share = table.weight / np.repeat(table.total, np.diff(table.start))
    return np.abs(np.add.reduceat(share * np.log2(share), table.start[:-1]))


def ranked(objects: Ids) -> NDArray[np.int64]:
    """[objects that are named]: how many facts name each, the most popular first; `objects` [F]."""
    counts = np.bincount(objects)
    return np.sort(counts[counts > 0])[::-1]


def gini(counts: NDArray[np.int64]) -> float:
    """sum_ij |c_i - c_j| / (2 n^2 mean(c)) of the counts c_1 .. c_n, sorted from the largest."""
    n, place = len(counts), np.arange(1, len(counts) + 1)
    return float(((n + 1 - 2 * place) * counts).sum() / (n * counts.sum()))


def popularity_of(world: World, objects: Ids) -> Popularity:
    """The popularity of the objects [F] that the world's facts name."""
    counts, per_object = ranked(objects), np.bincount(objects)
    top = max(1, round(len(counts) / 100))
    best = np.argsort(-per_object, kind="stable")[:5].tolist()
    return Popularity(
        objects=len(counts),
        top_percent_share=float(counts[:top].sum() / counts.sum()),
        named_once=float((counts == 1).mean()),
        gini=gini(counts),
        most_popular={world.objects[i]: int(per_object[i]) for i in best if per_object[i]},
    )


def example_sentences(world: World, sentences: Sentences) -> list[tuple[str, str]]:
    """(kind, text): of each kind the first that is labelled true and the first that is labelled false, if any."""
    wording = Wording(world)
    examples = []
    for kind in Kind:
        for truth in (True, False):
            first = np.flatnonzero((sentences.kind == kind) & (sentences.truth == truth))[:1]
            examples += [(kind.name.lower(), text) for text in wording.texts(sentences.where(first))]
    return examples


def _first_document(world: World, corpus: Shard) -> str:
    ids = corpus.documents.sentence[: corpus.documents.start[1]] - corpus.first_sentence
    return " ".join(Wording(world).texts(corpus.sentences.where(ids)))


def _counted(run_folder: Path, world: World) -> dict[str, float | None]:
    """This run's sizes by the names of PAPER."""
    corpus, tokens = (read_manifest(run_folder / stage) for stage in ("corpus", "tokens"))
    assert corpus is not None
    rows = corpus.rows
    return {
        "true atomic facts": len(world),
        "atomic sentences": rows["atom"],
        "true/false sentences": rows["stated"],
        "and/or/not sentences": rows["and"] + rows["or"] + rows["not"],
        "sentences": rows["sentences"],
        "documents": rows["documents"],
        "tokens": tokens.rows["tokens"] if tokens else None,
        "subjects": len(world.subjects),
        "relations": len(world.relations),
        "objects": len(world.objects),
        "share of facts with a known upstream fact": float((world.upstream != NONE).mean()),
    }


def _size(name: str, here: float | None, paper_sized: bool) -> Size:
    ratio = None if here is None else here / PAPER[name]
    within = abs(ratio - 1) <= TOLERANCE if paper_sized and ratio is not None else None
    return Size(name, here, PAPER[name], ratio, within)
