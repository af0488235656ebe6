"""The world: what is true, and the exact probability of every object that the corpus may name for a fact.

Root fact:        p(o | s, r) = g for the truth, 1 - g for one distractor, g a whole percent.
Downstream fact:  p(o | s, r_d) = count(o | o_u) / sum of the row, o_u the TRUTH of the subject's upstream fact.

The rows of counts are in `worldgen.worlds.conditionals`; `worldgen.worlds.making` makes a world.

Shapes: F facts (subject by subject), S subjects, R relations, O objects, E entries of the conditionals.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from worldgen.arrays import Ids
from worldgen.facts import Vocabulary
from worldgen.grammar import Lexicon
from worldgen.graphs.vocabularies import names_table, vocabulary
from worldgen.randomness import Stream, Words, below, keys_of
from worldgen.storage.files import read_columns, write_table
from worldgen.worlds.conditionals import Conditionals
from worldgen.worlds.definitions import NO_DEFINITIONS, Definitions
from worldgen.worlds.dependencies import Dependency, Pair
from worldgen.worlds.held_out import NOTHING_HELD_OUT, HeldOut
from worldgen.worlds.tagged_sources import NO_SOURCES, Part, TaggedSources

NONE = -1  # stands for "no fact", "no object" or "no row" in arrays of ids
_TRUTH_COLUMNS = ("subject", "relation", "truth", "graph_object", "upstream", "row")
_DEPENDENCY_COLUMNS = ("upstream", "downstream", "cooccurrence", "downstream_entropy", "conditional_entropy")


@dataclass(frozen=True)
class World:
    """The truths and distributions of all facts. A fact is a (subject, relation) that the world knows.

    Facts are sorted by (subject, relation); a fact's number is its place.
    """

    subjects: Vocabulary
    relations: Vocabulary
    objects: Vocabulary
    dependencies: tuple[Dependency, ...]
    """The pairs of dependent relations; in a chain the upper pair comes first."""
    subject: Ids  # [F]
    relation: Ids  # [F]
    truth: Ids  # [F]
    """The true object."""
    graph_object: Ids  # [F]
    """The object that the knowledge graph names. It is the truth of a root; a downstream truth may differ."""
    upstream: Ids  # [F]
    """The fact that this fact depends on, or NONE for a root."""
    row: Ids  # [F]
    """The row of `conditionals` that holds the distribution, or NONE for a root."""
    distractor: Ids  # [F]
    """The one false object that a root may be drawn as; NONE for a downstream fact."""
    percent: Ids  # [F]
    """The probability of a root's truth in percent; 0 for a downstream fact."""
    conditionals: Conditionals
    held_out: HeldOut = NOTHING_HELD_OUT
    """The combinations of names that the corpus never says, see `worldgen.worlds.aliases`."""
    sources: TaggedSources = NO_SOURCES
    """Who reports facts, and what they say, see `worldgen.worlds.reporting`."""
    definitions: Definitions = NO_DEFINITIONS
    """The variables that stand for subjects, and who says so, see `worldgen.worlds.defining`."""

    def __len__(self) -> int:
        return len(self.subject)

    @cached_property
    def first_fact(self) -> NDArray[np.int64]:
        """[S+1]: the facts of subject s are first_fact[s] .. first_fact[s+1]-1."""
        return np.searchsorted(self.subject, np.arange(len(self.subjects) + 1))

    @cached_property
    def subject_keys(self) -> Words:
        """[S]: the keys that stand for the subjects in random draws. A key depends on the subject's label alone."""
        return keys_of(self.subjects.labels)

    def fact_words(self, stream: Stream, facts: NDArray[np.integer], width: int) -> Words:
        """Returns `width` random words for each fact, from its subject's stream: [N, width].

        `facts` [N] must be all facts of some subjects, in order.
        """
        subjects, count = np.unique(self.subject[facts], return_counts=True)
        return stream.words(self.subject_keys[subjects], count * width).reshape(len(facts), width)

    @cached_property
    def ranges(self) -> tuple[Ids, ...]:
        """For each relation its range, see `ranges_of`."""
        return ranges_of(self.relation, self.truth, len(self.relations), len(self.objects))

    @property
    def has_aliases(self) -> bool:
        """Whether sentences use names other than labels."""
        return bool(self.subjects.spoken or self.relations.spoken or self.objects.spoken)

    @cached_property
    def deterministic(self) -> NDArray[np.bool_]:
        """[F]: whether a deterministic rule decides the fact, given the upstream truth."""
        down, rule = self.row != NONE, np.zeros(len(self), dtype=bool)
        rule[down] = self.conditionals.deterministic[self.row[down]]
        return rule

    @cached_property
    def only_reported(self) -> NDArray[np.bool_]:
        """[F]: whether all that the corpus says of the fact are reports of sources."""
        return self.sources.part == Part.REPORT if len(self.sources) else np.zeros(len(self), dtype=bool)

    @cached_property
    def lexicon(self) -> Lexicon:
        """The lexicon of all names, tags and variables that sentences use."""
        defined = self.definitions
        roles = (self.subjects, self.relations, self.objects, self.sources.tags, defined.tags, defined.variables)
        return Lexicon(*(frozenset(names.every_name) for names in roles))

    def held_out_names(self, fact: int) -> list[tuple[str, str]]:
        """Returns the (subject alias, relation synonym) combinations of a fact that the corpus never says."""
        subject = self.subjects.names(int(self.subject[fact]))
        relation = self.relations.names(int(self.relation[fact]))
        return [(subject[i], relation[j]) for i, j in self.held_out.of(fact)]

    def save(self, folder: Path) -> None:
        """Writes entities, relations, dependencies, truths, roots and conditionals as Parquet.

        If there are any, also held_out, and the files of the sources and definitions (see `TaggedSources.save`,
        `Definitions.save`).
        """
        write_table(folder / "entities.parquet", names_table(self.subjects, self.objects))
        write_table(folder / "relations.parquet", names_table(self.relations))
        described = [(*d.pair, d.cooccurrence, d.downstream_entropy, d.conditional_entropy) for d in self.dependencies]
        write_table(
            folder / "dependencies.parquet", dict(zip(_DEPENDENCY_COLUMNS, zip(*described, strict=True), strict=True))
        )
        truths = {name: getattr(self, name) for name in _TRUTH_COLUMNS}
        write_table(folder / "truths.parquet", truths)
        roots = np.flatnonzero(self.row == NONE).astype(np.int32)
        root_columns = {"fact": roots, "distractor": self.distractor[roots], "percent": self.percent[roots]}
        write_table(folder / "roots.parquet", root_columns)
        write_table(folder / "conditionals.parquet", self.conditionals.columns())
        if len(self.held_out):
            write_table(folder / "held_out.parquet", dict(vars(self.held_out)))
        self.sources.save(folder)
        self.definitions.save(folder)

    @staticmethod
    def load(folder: Path) -> World:
        """Reads the files that `save` wrote."""
        entities = read_columns(folder / "entities.parquet")
        described = read_columns(folder / "dependencies.parquet")
        rows = zip(*(described[name].tolist() for name in _DEPENDENCY_COLUMNS), strict=True)
        dependencies = tuple(Dependency(Pair(up, down), *rest) for up, down, *rest in rows)
        truths, roots = read_columns(folder / "truths.parquet"), read_columns(folder / "roots.parquet")
        distractor = np.full(len(truths["truth"]), NONE, dtype=np.int32)
        percent = np.zeros(len(truths["truth"]), dtype=np.int32)
        distractor[roots["fact"]], percent[roots["fact"]] = roots["distractor"], roots["percent"]
        held_out = folder / "held_out.parquet"
        return World(
            vocabulary("subject", entities),
            vocabulary("relation", read_columns(folder / "relations.parquet")),
            vocabulary("object", entities),
            dependencies,
            **truths,
            distractor=distractor,
            percent=percent,
            conditionals=Conditionals.from_columns(read_columns(folder / "conditionals.parquet")),
            held_out=HeldOut(**read_columns(held_out)) if held_out.exists() else NOTHING_HELD_OUT,
            sources=TaggedSources.load(folder),
            definitions=Definitions.load(folder),
        )

    def pairs(self) -> tuple[Pair, ...]:
        """Returns the pairs of dependent relations; in a chain the upper pair comes first."""
        return tuple(dependency.pair for dependency in self.dependencies)

    def fact_ids(self, relation: int) -> Ids:
        """Returns each subject's fact of this relation, or NONE: [S]."""
        return facts_of_relation(self.subject, self.relation, len(self.subjects), relation)

    def fact_of(self, subject: int, relation: int) -> int:
        """Returns the fact of a subject and relation, or NONE."""
        begin, end = self.first_fact[subject], self.first_fact[subject + 1]
        place = begin + np.searchsorted(self.relation[begin:end], relation)
        return int(place) if place < end and self.relation[place] == relation else NONE

    def probabilities(self, fact: int) -> dict[int, float]:
        """Returns the exact p(o | s, r) of every object that the fact may be drawn as."""
        if self.row[fact] != NONE:
            return self.conditionals.probabilities(int(self.row[fact]))
        share = int(self.percent[fact]) / 100
        return {int(self.truth[fact]): share, int(self.distractor[fact]): 1 - share}

    def other_object(self, fact: NDArray[np.integer], words: Words) -> Ids:
        """Returns for each fact an object of its relation's range that is not its truth, uniform in the word: [N]."""
        return another_object(self.ranges, self.relation[fact], self.truth[fact], words)

    def false_object(self, fact: NDArray[np.integer], words: Words) -> Ids:
        """Returns a false object for each fact: a root's distractor, `other_object` for a downstream fact. [N]."""
        return np.where(self.row[fact] == NONE, self.distractor[fact], self.other_object(fact, words))


def ranges_of(relation: Ids, truth: Ids, R: int, O: int) -> tuple[Ids, ...]:  # noqa: E741
    """Returns each relation's range: the distinct truths of its facts, sorted, or all O objects if fewer than two."""
    known = [np.unique(truth[relation == r]) for r in range(R)]
    everything = np.arange(O, dtype=np.int32)
    return tuple(objects if len(objects) >= 2 else everything for objects in known)


def another_object(ranges: tuple[Ids, ...], relation: Ids, excluded: Ids, words: Words) -> Ids:
    """Returns for each relation an object of its range other than the excluded one, uniform in the word: [N]."""
    chosen = np.empty(len(relation), dtype=np.int32)
    for r in np.unique(relation):
        rows = relation == r
        place = np.searchsorted(ranges[r], excluded[rows])
        pick = below(words[rows], len(ranges[r]) - 1)
        chosen[rows] = ranges[r][pick + (pick >= place)]
    return chosen


def facts_of_relation(subject: Ids, relation: Ids, S: int, wanted: int) -> Ids:
    """Returns each subject's fact of the relation `wanted`, or NONE: [S].

    `subject` and `relation` [F] are the columns of all facts.
    """
    facts = np.flatnonzero(relation == wanted)
    ids = np.full(S, NONE, dtype=np.int32)
    ids[subject[facts]] = facts
    return ids
