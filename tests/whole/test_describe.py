"""The description of a world: a second, slow computation checks each number."""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import miniature
import numpy as np
import pytest
import worlds
from hypothesis import given
from hypothesis import strategies as st

from worldgen.corpus.sentences import read_shards
from worldgen.corpus.wording import Wording
from worldgen.errors import UserError
from worldgen.evaluate.commands.world_reader import read_built_world
from worldgen.evaluate.inquiry.describe import Description, describe
from worldgen.evaluate.inquiry.describe_text import description_text
from worldgen.evaluate.inquiry.world_statistics import (
    facts_per_object,
    gini,
    pairs_of,
    popularity_of,
    relations_of,
    row_entropies,
)
from worldgen.evaluate.runs.config import override
from worldgen.evaluate.runs.presets import paper, tiny
from worldgen.evaluate.runs.run import Run, keeping_config
from worldgen.evaluate.runs.stage import carry_out
from worldgen.evaluate.stages import whole
from worldgen.evaluate.stages.world import CORPUS
from worldgen.grammar import Lexicon
from worldgen.worlds.world import NONE, World

WORLD = worlds.world()


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A run with a world and a corpus, and without tokens."""
    run = Run(tmp_path_factory.mktemp("describe") / "run", override(tiny(), [*miniature.SETTINGS]), quiet=True)
    run.folder.mkdir()
    with keeping_config(run):
        carry_out(run, CORPUS)
    return run


def described_run(run: Run) -> Description:
    """Returns the description of a run."""
    return describe(read_built_world(run.folder), run.config.world, run.config.corpus)


@pytest.fixture(scope="module")
def described(run: Run) -> Description:
    return described_run(run)


def test_sizes_are_the_counts_of_the_files(run: Run, described: Description) -> None:
    world, shards = World.load(run.folder / "world"), list(read_shards(run.folder / "corpus"))
    kinds = Counter(int(kind) for shard in shards for kind in shard.sentences.kind)
    upstream = sum(
        any(
            world.fact_of(int(world.subject[f]), pair.upstream) != NONE
            for pair in world.pairs() if pair.downstream == world.relation[f]
        )
        for f in range(len(world))
    )  # fmt: skip
    assert {size.name: size.here for size in described.sizes} == {
        "true atomic facts": len(world),
        "atomic sentences": kinds[0],
        "true/false sentences": kinds[1],
        "and/or/not sentences": kinds[2] + kinds[3] + kinds[4],
        "sentences": kinds.total(),
        "documents": sum(len(shard.documents) for shard in shards),
        "tokens": None,
        "subjects": len(set(world.subject.tolist())),
        "relations": len(world.relations),
        "objects": len(world.objects),
        "share of facts with a known upstream fact": pytest.approx(upstream / len(world), rel=1e-15),
    }
    for size in described.sizes:
        assert size.ratio == (None if size.here is None else size.here / size.paper)
        assert size.within is None
    assert not described.paper_sized


def test_a_run_of_the_papers_sizes_is_compared_within_five_percent(run: Run) -> None:
    pretended = run.config.model_copy(update={"world": paper().world, "corpus": paper().corpus})
    world = describe(read_built_world(run.folder), pretended.world, pretended.corpus)
    assert world.paper_sized
    for size in world.sizes:
        assert size.within is (None if size.here is None else abs(size.here / size.paper - 1) <= 0.05)
    text = description_text(world)
    assert "within 5%" in text
    assert any(line.split()[-1] == "NO" for line in text.splitlines() if line.startswith("  true atomic facts"))


def test_relations_and_relations_per_subject(described: Description, run: Run) -> None:
    world = World.load(run.folder / "world")
    facts = [(int(s), int(r), int(o)) for s, r, o in zip(world.subject, world.relation, world.truth, strict=True)]
    for r, relation in enumerate(described.relations):
        assert relation.label == world.relations[r]
        assert relation.facts == sum(fact[1] == r for fact in facts)
        assert relation.objects == len({fact[2] for fact in facts if fact[1] == r})
    assert {(r.upstream, r.label) for r in described.relations if r.upstream} == {
        (world.relations[pair.upstream], world.relations[pair.downstream]) for pair in world.pairs()
    }
    assert described.relations_per_subject == Counter(Counter(fact[0] for fact in facts).values())
    assert relations_of(world) == described.relations


def test_entropies_of_the_pairs_are_those_of_the_exact_distributions() -> None:
    for dependency, pair in zip(WORLD.dependencies, pairs_of(WORLD), strict=True):
        facts = [
            f for f in range(len(WORLD)) if WORLD.row[f] != NONE and WORLD.relation[f] == dependency.pair.downstream
        ]
        distributions = [WORLD.probabilities(f) for f in facts]
        entropies = [-sum(p * math.log2(p) for p in exact.values()) for exact in distributions]
        assert pair.facts == len(facts) > 100
        assert pair.conditions == len({int(WORLD.truth[WORLD.upstream[f]]) for f in facts})
        # Sums of a few hundred terms of size 1, each rounded at 1.1e-16.
        assert pair.world_entropy == pytest.approx(sum(entropies) / len(facts), abs=1e-12)
        assert pair.certain == pytest.approx(sum(len(exact) == 1 for exact in distributions) / len(facts), abs=1e-12)
        truths = [exact[int(WORLD.truth[f])] for f, exact in zip(facts, distributions, strict=True)]
        assert pair.truth_probability == pytest.approx(sum(truths) / len(facts), abs=1e-12)
        assert 0 < pair.conditional_entropy < pair.downstream_entropy
        assert pair.cooccurrence == dependency.cooccurrence


def test_no_row_has_a_negative_entropy() -> None:
    entropies = row_entropies(WORLD)
    assert len(entropies) == len(WORLD.conditionals)
    assert (entropies >= 0).all()
    assert ((entropies == 0) == (np.diff(WORLD.conditionals.start) == 1)).all()
    assert not np.signbit(entropies).any()


@given(st.lists(st.integers(1, 50), min_size=1, max_size=20))
def test_gini_is_the_mean_difference(counts: list[int]) -> None:
    n, mean = len(counts), Fraction(sum(counts), len(counts))
    exact = sum(abs(a - b) for a in counts for b in counts) / (2 * n * n * mean)
    # One division of whole numbers.
    assert gini(np.array(sorted(counts, reverse=True))) == pytest.approx(float(exact), abs=1e-15)


def test_popularity_counts_facts_of_objects() -> None:
    counts = Counter(WORLD.truth.tolist())
    popularity, by_rank = popularity_of(WORLD, WORLD.truth), sorted(counts.values(), reverse=True)
    assert facts_per_object(WORLD.truth).tolist() == by_rank
    assert popularity.objects == len(counts)
    assert popularity.top_percent_share == sum(by_rank[: round(len(counts) / 100)]) / len(WORLD)
    assert popularity.named_once == pytest.approx(sum(n == 1 for n in by_rank) / len(counts), rel=1e-15)
    assert list(popularity.most_popular.values()) == by_rank[:5]
    assert all(counts[WORLD.objects.id_of(label)] == n for label, n in popularity.most_popular.items())


def test_examples_are_sentences_of_the_corpus(described: Description, run: Run) -> None:
    world = World.load(run.folder / "world")
    lexicon = Lexicon(*(frozenset(names.labels) for names in (world.subjects, world.relations, world.objects)))
    said = {text for shard in read_shards(run.folder / "corpus") for text in Wording(world).texts(shard.sentences)}
    assert {kind for kind, _ in described.sentences} == {"atom", "stated", "not", "and", "or"}
    assert len(described.sentences) == 9  # a bare fact is never said to be false
    for _, text in described.sentences:
        assert text in said
        lexicon.parse(text)
    first = next(iter(read_shards(run.folder / "corpus")))
    sentences = Wording(world).texts(first.sentences)
    ids = first.documents.sentence[: first.documents.start[1]]
    assert described.document == " ".join(sentences[i] for i in ids)


def test_the_description_counts_what_the_graph_left_out(run: Run, tmp_path: Path) -> None:
    lines = [f"s{i}\tborn in\ttown {i % 3}\ns{i}\tworks as\tjob {i % 3}\n" for i in range(60)]
    lines += ["only one column\n", "s0\tborn in\ttown 2\n", "s1\tworks as\tis \n"]
    (tmp_path / "kg.tsv").write_text("".join(lines))
    settings = ["world.facts=60", "graph.min_cooccurrence=5", "graph.relations=2", "corpus.shuffles=1"]
    other = Run(tmp_path / "run", override(tiny(), [*settings, f"graph.source={tmp_path / 'kg.tsv'}"]), quiet=True)
    carry_out(other, CORPUS)
    text = description_text(described_run(other))
    assert "123 triples read, 120 facts of 60 subjects selected" in text
    assert "1  malformed lines" in text
    assert "2  further objects of a subject and relation" in text
    assert "nothing" not in text
    assert description_text(described_run(run)).endswith("nothing")


def test_the_description_of_a_world_with_all_options(run: Run, tmp_path: Path) -> None:
    """Every stage before the model runs with spoken aliases, certain dependents and rare facts."""
    options = ["world.aliases=1", "world.held_out_percent=50", "world.deterministic_percent=50"]
    options += ["corpus.rare_percent=50", "corpus.rare_draws=2"]
    other = Run(tmp_path / "run", override(tiny(), [*miniature.SETTINGS, *options]), quiet=True)
    whole.build(other)
    world, described = World.load(other.folder / "world"), described_run(other)
    spoken = sum(len(names.every_name) - len(names) for names in (world.subjects, world.relations, world.objects))
    assert (
        f"names: {spoken} aliases are spoken beside the labels, {len(world.held_out)} combinations"
        in description_text(described)
    )
    assert "more than the settings ask for" in description_text(described)
    assert len(world.held_out) > 10
    assert world.conditionals.deterministic.any()
    texts = [text for shard in read_shards(other.folder / "corpus") for text in Wording(world).texts(shard.sentences)]
    assert all(str(world.lexicon.parse(text)) for text in texts)
    said = [said for fact in range(len(world)) for said in world.held_out_names(fact)]
    assert not any(f"{subject} {relation} " in text for subject, relation in said[::10] for text in texts)
    assert "aliases are spoken" not in description_text(described_run(run))
    assert len(texts) < next(size.here or 0 for size in described_run(run).sizes if size.name == "sentences")


def test_a_run_without_a_corpus_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="not there or not finished"):
        read_built_world(tmp_path)


def test_the_command_prints_the_description_as_text_and_as_json(
    run: Run, described: Description, worldgen: Callable[..., tuple[int, str, str]]
) -> None:
    def printed(*arguments: object) -> str:
        code, out, _ = worldgen(*arguments)
        assert code == 0
        return out

    assert printed("describe", run.folder).rstrip("\n") == description_text(described)
    told = json.loads(printed("describe", run.folder, "--json"))
    assert told == json.loads(json.dumps(described.as_json()))
    out = run.folder.parent / "exported"
    told = json.loads(printed("export", run.folder, "--format", "txt", "--out", out, "--json"))
    assert told["documents"] == next(size.here for size in described.sizes if size.name == "documents")
    assert printed("export", run.folder, "--format", "txt", "--out", out, "--quiet") == f"{out}\n"
