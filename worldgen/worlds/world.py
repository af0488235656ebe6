"""The world: what is true, and the exact probability of every object that the corpus may name.

Root fact:        p(o | s, r) = g for the truth, 1 - g for one distractor, g a whole percent.
Downstream fact:  p(o | s, r_d) = count(o | o_u) / sum of the row, o_u the TRUTH of the subject's upstream fact.

Shapes: F facts (subject by subject), S subjects, R relations, O objects, E entries of the conditionals.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from worldgen.arrays import Ids
from worldgen.errors import UserError
from worldgen.facts import Vocabulary
from worldgen.grammar import Lexicon
from worldgen.graphs.graph import KnowledgeGraph
from worldgen.graphs.vocabularies import names_table, vocabulary
from worldgen.randomness import Stream, Words, below, keys_of
from worldgen.settings import WorldConfig
from worldgen.storage.files import read_columns, write_table
from worldgen.worlds.conditionals import SEEN_NOWHERE, Conditionals
from worldgen.worlds.dependencies import Dependency, Pair, find_dependencies
from worldgen.worlds.held_out import NOTHING_HELD_OUT, HeldOut

NONE = -1
_TRUTH_COLUMNS = ("subject", "relation", "truth", "graph_object", "upstream", "row")
_DEPENDENCY_COLUMNS = ("upstream", "downstream", "cooccurrence", "downstream_entropy", "conditional_entropy")


@dataclass(frozen=True)
class World:
    """Frozen truths and distributions of the facts that are known of the world's subjects.

    Facts are sorted by (subject, relation). `upstream[f]` is the fact that fact f depends on, or NONE for a
    root; `row[f]` its row of the conditionals, or NONE; `distractor` and `percent` are a root's second object
    and the truth's probability in percent (NONE and 0 downstream). `graph_object` is what the graph says.
    `held_out` are combinations of names that the corpus never says, see `worldgen.worlds.aliases`.
    """

    subjects: Vocabulary
    relations: Vocabulary
    objects: Vocabulary
    dependencies: tuple[Dependency, ...]
    subject: Ids  # [F]
    relation: Ids  # [F]
    truth: Ids  # [F]
    graph_object: Ids  # [F]
    upstream: Ids  # [F]
    row: Ids  # [F]
    distractor: Ids  # [F]
    percent: Ids  # [F]
    conditionals: Conditionals
    held_out: HeldOut = NOTHING_HELD_OUT

    def __len__(self) -> int:
        return len(self.subject)

    @cached_property
    def first_fact(self) -> NDArray[np.int64]:
        """[S+1]: the facts of subject s are first_fact[s] .. first_fact[s+1]-1."""
        return np.searchsorted(self.subject, np.arange(len(self.subjects) + 1))

    @cached_property
    def subject_keys(self) -> Words:
        """[S]: what stands for a subject in random draws; a function of its label alone."""
        return keys_of(self.subjects.labels)

    def fact_words(self, stream: Stream, facts: NDArray[np.integer], width: int) -> Words:
        """[N, width]: words of each of some subjects' facts (all of theirs, in order), of its subject's stream."""
        subjects, count = np.unique(self.subject[facts], return_counts=True)
        return stream.words(self.subject_keys[subjects], count * width).reshape(len(facts), width)

    @cached_property
    def ranges(self) -> tuple[Ids, ...]:
        """For each relation the objects that its facts may name, sorted: at least two, else all objects."""
        return ranges_of(self.relation, self.truth, len(self.relations), len(self.objects))

    @property
    def has_aliases(self) -> bool:
        """Whether sentences use other names than labels."""
        return bool(self.subjects.spoken or self.relations.spoken or self.objects.spoken)

    @cached_property
    def deterministic(self) -> NDArray[np.bool_]:
        """[F]: the facts that a deterministic rule decides, given the upstream truth."""
        down, rule = self.row != NONE, np.zeros(len(self), dtype=bool)
        rule[down] = self.conditionals.deterministic[self.row[down]]
        return rule

    @cached_property
    def lexicon(self) -> Lexicon:
        """All names of everything."""
        return Lexicon(*(frozenset(names.every_name) for names in (self.subjects, self.relations, self.objects)))

    def held_out_names(self, fact: int) -> list[tuple[str, str]]:
        """The (subject alias, relation synonym) combinations of a fact that the corpus never says."""
        subject = self.subjects.names(int(self.subject[fact]))
        relation = self.relations.names(int(self.relation[fact]))
        return [(subject[i], relation[j]) for i, j in self.held_out.of(fact)]

    def save(self, folder: Path) -> None:
        """Write entities, relations, dependencies, truths, roots, conditionals and what is held out as Parquet."""
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

    @staticmethod
    def load(folder: Path) -> World:
        """Read what `save` wrote."""
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
        )

    def pairs(self) -> tuple[Pair, ...]:
        """The dependent relations, upper ends of chains first."""
        return tuple(dependency.pair for dependency in self.dependencies)

    def fact_ids(self, relation: int) -> Ids:
        """[S]: each subject's fact of this relation, or NONE."""
        return _fact_ids(self.subject, self.relation, len(self.subjects), relation)

    def fact_of(self, subject: int, relation: int) -> int:
        """The fact of a subject and relation, or NONE."""
        begin, end = self.first_fact[subject], self.first_fact[subject + 1]
        place = begin + np.searchsorted(self.relation[begin:end], relation)
        return int(place) if place < end and self.relation[place] == relation else NONE

    def probabilities(self, fact: int) -> dict[int, float]:
        """Every object that fact may be drawn as, with its exact p(o | s, r)."""
        if self.row[fact] != NONE:
            return self.conditionals.probabilities(int(self.row[fact]))
        share = int(self.percent[fact]) / 100
        return {int(self.truth[fact]): share, int(self.distractor[fact]): 1 - share}

    def other_object(self, fact: NDArray[np.integer], words: Words) -> Ids:
        """[N]: for each fact an object of its relation's range that is not its truth, uniform in the word."""
        return another(self.ranges, self.relation[fact], self.truth[fact], words)

    def false_object(self, fact: NDArray[np.integer], words: Words) -> Ids:
        """[N]: a false object: the root's distractor, or another object of the range for a downstream fact."""
        return np.where(self.row[fact] == NONE, self.distractor[fact], self.other_object(fact, words))


def ranges_of(relation: Ids, truth: Ids, R: int, O: int) -> tuple[Ids, ...]:  # noqa: E741
    """For each of R relations its truths, sorted; all O objects where there are fewer than two."""
    known = [np.unique(truth[relation == r]) for r in range(R)]
    everything = np.arange(O, dtype=np.int32)
    return tuple(objects if len(objects) >= 2 else everything for objects in known)


def another(ranges: tuple[Ids, ...], relation: Ids, excluded: Ids, words: Words) -> Ids:
    """[N]: an object of each relation's range that is not the excluded one, uniform in the word."""
    chosen = np.empty(len(relation), dtype=np.int32)
    for r in np.unique(relation):
        rows = relation == r
        place = np.searchsorted(ranges[r], excluded[rows])
        pick = below(words[rows], len(ranges[r]) - 1)
        chosen[rows] = ranges[r][pick + (pick >= place)]
    return chosen


def make_world(graph: KnowledgeGraph, config: WorldConfig, seed: int) -> World:
    """Choose subjects in random order until `config.facts` facts are reached, and give every fact its distribution.

    Raises UserError when the graph has fewer facts (it says how many there are) or a single object.
    """
    if len(graph) < config.facts:
        raise UserError(
            f"the graph offers {len(graph)} facts of {len(graph.subjects)} subjects, {config.facts} are asked for: "
            f"lower world.facts or give a larger graph"
        )
    if len(graph.objects) < 2:
        raise UserError("this graph has a single object: nothing can be uncertain, give a larger graph")
    dependencies = tuple(find_dependencies(graph, config.pairs))
    chosen, subject, relation, graph_object = _choose(graph, config.facts, seed)
    conditionals = Conditionals.from_graph(graph, [d.pair for d in dependencies], config.mode_percent)
    truth, upstream, row = _settle_truths(
        graph, dependencies, conditionals, len(chosen), subject, relation, graph_object
    )
    roots = np.flatnonzero(row == NONE)
    distractor, percent = _draw_roots(graph, config, seed, chosen, subject, relation, truth, roots)
    conditionals, row = conditionals.used_by(row)
    conditionals = conditionals.with_rules(_rules(graph, conditionals, config.deterministic_percent, seed))
    occurring = [truth, graph_object, distractor[roots], conditionals.upstream_object, conditionals.object]
    objects = np.unique(np.concatenate(occurring))
    objects = objects[objects >= 0]
    renumber = np.full(len(graph.objects) + 1, NONE, dtype=np.int32)
    renumber[objects] = np.arange(len(objects), dtype=np.int32)
    return World(
        graph.subjects.take(chosen), graph.relations, graph.objects.take(objects), dependencies,
        subject, relation, renumber[truth], renumber[graph_object], upstream, row, renumber[distractor], percent,
        conditionals.renumbered(renumber),
    )  # fmt: skip


def _choose(graph: KnowledgeGraph, facts: int, seed: int) -> tuple[list[int], Ids, Ids, Ids]:
    """The chosen subjects in the order drawn, and their facts as columns, subjects numbered anew."""
    keys = keys_of(graph.subjects.labels)
    order = np.argsort(Stream(seed, "subjects").words(keys, np.ones(len(keys), dtype=np.int64)), kind="stable")
    facts_of = np.bincount(graph.subject, minlength=len(graph.subjects))
    enough = int(np.searchsorted(np.cumsum(facts_of[order]), facts)) + 1
    chosen = order[:enough]
    new_id = np.full(len(graph.subjects), NONE, dtype=np.int32)
    new_id[chosen] = np.arange(len(chosen), dtype=np.int32)
    rows = np.flatnonzero(new_id[graph.subject] != NONE)
    rows = rows[np.lexsort((graph.relation[rows], new_id[graph.subject[rows]]))]
    return chosen.tolist(), new_id[graph.subject[rows]], graph.relation[rows], graph.object[rows]


def _settle_truths(
    graph: KnowledgeGraph, dependencies: tuple[Dependency, ...], conditionals: Conditionals, S: int,
    subject: Ids, relation: Ids, graph_object: Ids,
) -> tuple[Ids, Ids, Ids]:  # fmt: skip
    """Truths from the top of the chains down: the graph's object for a root, else the mode of the row."""
    truth = graph_object.copy()
    upstream = np.full(len(subject), NONE, dtype=np.int32)
    row = np.full(len(subject), NONE, dtype=np.int32)
    for number, dependency in enumerate(dependencies):
        up = _fact_ids(subject, relation, S, dependency.pair.upstream)
        down = _fact_ids(subject, relation, S, dependency.pair.downstream)
        facts, upstream_facts = down[(up != NONE) & (down != NONE)], up[(up != NONE) & (down != NONE)]
        upstream[facts] = upstream_facts
        row[facts] = conditionals.rows_of(number, truth[upstream_facts])
        truth[facts] = conditionals.mode[row[facts]]
    return truth, upstream, row


def _rules(graph: KnowledgeGraph, conditionals: Conditionals, percent: int, seed: int) -> NDArray[np.bool_]:
    """[C]: the rows that become deterministic rules: of each dependency's U upstream objects percent U / 100, rounded
    to the nearest (a half up), those whose labels' words are the least. The row of SEEN_NOWHERE never is one."""
    rules = np.zeros(len(conditionals), dtype=bool)
    for dependency in np.unique(conditionals.dependency):
        rows = np.flatnonzero((conditionals.dependency == dependency) & (conditionals.upstream_object != SEEN_NOWHERE))
        keys = keys_of(graph.objects[i] for i in conditionals.upstream_object[rows])
        words = Stream(seed, "rules").words(keys, np.ones(len(keys), dtype=np.int64))
        rules[rows[np.argsort(words, kind="stable")[: (percent * len(rows) + 50) // 100]]] = True
    return rules


def _draw_roots(
    graph: KnowledgeGraph, config: WorldConfig, seed: int, chosen: list[int],
    subject: Ids, relation: Ids, truth: Ids, roots: NDArray[np.integer],
) -> tuple[Ids, Ids]:  # fmt: skip
    """Distractor and percent of every root fact; NONE and 0 elsewhere."""
    keys = keys_of(graph.subjects[i] for i in chosen)
    # Two words a relation, so that a fact's draws do not depend on the subject's other facts.
    R = len(graph.relations)
    words = Stream(seed, "roots").words(keys, np.full(len(keys), 2 * R)).reshape(len(keys), R, 2)
    word = words[subject[roots], relation[roots]]
    ranges = ranges_of(relation, truth, R, len(graph.objects))
    distractor = np.full(len(subject), NONE, dtype=np.int32)
    percent = np.zeros(len(subject), dtype=np.int32)
    distractor[roots] = another(ranges, relation[roots], truth[roots], word[:, 0])
    low, high = config.root_percent_low, config.root_percent_high
    percent[roots] = low + below(word[:, 1], high - low + 1)
    return distractor, percent


def _fact_ids(subject: Ids, relation: Ids, S: int, wanted: int) -> Ids:
    facts = np.flatnonzero(relation == wanted)
    ids = np.full(S, NONE, dtype=np.int32)
    ids[subject[facts]] = facts
    return ids
