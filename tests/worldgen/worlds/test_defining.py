"""Who is defined by whom: the subsets of table 1 with their sizes, and what is drawn and what is not."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import worlds
from corpora import ALARM
from definition_worlds import SWEEP, TABLE_1, defined, reported_and_defined
from hypothesis import assume, given
from hypothesis import strategies as st
from scipy import stats

from worldgen.errors import UserError
from worldgen.settings import DefinitionsConfig
from worldgen.unspeakable import words_of
from worldgen.worlds.defining import told_facts, with_definitions
from worldgen.worlds.definitions import NO_DEFINITIONS, Definitions, Role, Subset
from worldgen.worlds.world import NONE, World


@st.composite
def configs(draw: st.DrawFn) -> DefinitionsConfig:
    """Any definitions that the settings allow."""
    K, newcomers = draw(st.integers(1, 4)), draw(st.integers(0, 2))
    parts = draw(st.sampled_from([(50, 10, 10, 16, 6), (40, 0, 20, 20, 0), (10, 10, 10, 30, 20), (0, 50, 0, 40, 0)]))
    names = ("defined_percent", "undefined_percent", "unreplaced_percent", "told_percent", "unseen_percent")
    return DefinitionsConfig(
        reliabilities=tuple(draw(st.lists(st.sampled_from((0, 0.3, 0.8, 1)), min_size=K, max_size=K))),
        newcomers=newcomers,
        entities=draw(st.sampled_from([0, 60, 150])),
        newcomer_percent=8 if newcomers else 0,
        order=draw(st.sampled_from(["TAE", "EAT"])),
        **dict(zip(names, parts, strict=True)),
    )


def drawn(config: DefinitionsConfig, seed: int = 0) -> World:
    """The world with definitions; a single wrong definition of a tag is not asked for."""
    try:
        return defined(config, seed)
    except UserError as error:
        assume("a single definition" not in str(error))
        raise


@given(configs(), st.integers(0, 3))
def test_every_part_has_its_share_and_every_tag_as_many_definitions(config: DefinitionsConfig, seed: int) -> None:
    world = drawn(config, seed)
    d, K = world.definitions, len(config.reliabilities)
    N = config.entities or int((np.diff(world.first_fact) >= 2).sum())
    newcomer = d.tag >= K
    parts = {
        "defined_percent": (d.role == Role.DEFINED, K),
        "undefined_percent": (d.role == Role.UNDEFINED, 1),
        "unreplaced_percent": (d.role == Role.UNREPLACED, 1),
        "told_percent": ((d.role == Role.TOLD) & ~newcomer, K),
        "newcomer_percent": ((d.role == Role.TOLD) & newcomer, config.newcomers or 1),
        "unseen_percent": (d.role == Role.UNSEEN, 1),
    }
    for name, (mine, tags) in parts.items():
        asked = N * config.percents[name] // 100
        assert mine.sum() == asked - asked % tags
        if tags > 1:
            assert set(np.bincount(d.tag[mine] - d.tag[mine].min(initial=99))) <= {mine.sum() // tags}
    for k, reliability in enumerate(config.reliabilities):
        mine = (d.role == Role.DEFINED) & (d.tag == k)
        assert d.right[mine].sum() == int(reliability * mine.sum() + 0.5)
    assert d.right[d.role == Role.TOLD].all()
    assert sum(len(rows) for rows in d.subsets.values()) == len(d)


@given(configs(), st.integers(0, 3))
def test_a_wrong_definition_names_another_entity_of_its_subset(config: DefinitionsConfig, seed: int) -> None:
    d = drawn(config, seed).definitions
    for subset, rows in d.subsets.items():
        if subset.tag is None:
            assert (d.stated[rows] == NONE).all()
        else:
            assert sorted(d.stated[rows]) == d.subject[rows].tolist()  # a bijection
            assert (d.stated[rows] == d.subject[rows]).all() if subset.right else not d.right[rows].any()


def test_derangements_are_uniform() -> None:
    """Four wrong definitions: each of the nine derangements is as frequent as another."""
    config = DefinitionsConfig(reliabilities=(0,), entities=8, undefined_percent=0, unreplaced_percent=0,
                               told_percent=0, newcomers=0, newcomer_percent=0, unseen_percent=0)  # fmt: skip
    counts: dict[tuple[int, ...], int] = {}
    for seed in range(900):
        d = with_definitions(worlds.world(), config, seed).definitions
        assert len(d) == 4
        order = tuple(d.subject.tolist().index(s) for s in d.stated.tolist())
        counts[order] = counts.get(order, 0) + 1
    assert len(counts) == 9
    assert stats.chisquare(list(counts.values())).pvalue > ALARM


def test_variables_belong_to_all_but_unreplaced_entities_and_are_words_of_their_own() -> None:
    world = reported_and_defined()
    d = world.definitions
    assert (np.diff(d.subject) > 0).all()
    assert ((d.variable == NONE) == (d.role == Role.UNREPLACED)).all()
    assert d.variable[d.variable != NONE].tolist() == list(range(len(d.variables)))
    assert d.variable[d.row_of_variable].tolist() == list(range(len(d.variables)))
    names = {*d.variables.labels, *d.tags.labels, *world.sources.tags.labels}
    assert len(names) == len(d.variables) + len(d.tags) + len(world.sources)
    lexicon = world.lexicon
    assert not names & words_of(lexicon.subjects | lexicon.relations | lexicon.objects)
    assert {len(name) for name in d.variables.labels} == {5}
    assert {len(name) for name in d.tags.labels} == {6}


def test_one_fact_of_each_entity_of_stage_1_is_held_out() -> None:
    world = reported_and_defined()
    d = world.definitions
    for subject, held_out, stage in zip(d.subject.tolist(), d.held_out.tolist(), d.stage.tolist(), strict=True):
        facts = told_facts(world, subject)
        assert len(facts) >= 2
        assert not world.only_reported[facts].any()
        assert (held_out in facts) == (stage == 1)
    assert (d.held_out[d.stage == 2] == NONE).all()
    relations = world.relation[d.held_out[d.stage == 1]]
    assert len(np.unique(relations)) == 4


def test_the_seed_of_stage_2_deals_the_same_entities_again() -> None:
    """Stage 1 stays as it is; the entities of stage 2 are the same, in other subsets."""
    one, other = (defined(TABLE_1.model_copy(update={"stage2_seed": seed})).definitions for seed in (5, 6))
    first = one.stage == 1
    assert (one.stage == other.stage).all()
    assert one.variables == other.variables
    for name in ("subject", "role", "tag", "stated", "held_out"):
        np.testing.assert_array_equal(getattr(one, name)[first], getattr(other, name)[first])
    np.testing.assert_array_equal(one.subject, other.subject)
    changed = (one.role != other.role) | (one.tag != other.tag)
    assert changed[~first].sum() > 5
    same = defined(TABLE_1.model_copy(update={"stage2_seed": 0})).definitions
    np.testing.assert_array_equal(same.tag, defined().definitions.tag)


def test_alpha_moves_entities_between_right_and_wrong_alone() -> None:
    """The sweep's entities, parts and tags do not depend on alpha, and right definitions stay right as it rises."""
    alphas = (0.5, 0.6, 0.75, 0.9, 0.95, 1)
    swept = [defined(TABLE_1.model_copy(update={"reliabilities": (a, 1 - a)})).definitions for a in alphas]
    for lower, higher in pairwise(swept):
        for name in ("subject", "role", "tag", "variable", "held_out"):
            np.testing.assert_array_equal(getattr(lower, name), getattr(higher, name))
        good, bad = ((lower.role == Role.DEFINED) & (lower.tag == k) for k in (0, 1))
        assert (lower.right[good] <= higher.right[good]).all()
        assert (lower.right[bad] >= higher.right[bad]).all()
    assert {d.name_of(s) for s in swept[0].subsets for d in swept[:1]} >= {"D9incons QA9", "D10cons QA10"}


def test_subsets_have_the_papers_names_where_there_are_as_many_tags() -> None:
    d = defined().definitions
    names = ["D1cons QA1", "D2incons QA2", "QA3", "QA4", "D5cons", "D6cons", "D8cons", "QA7"]
    assert [d.name_of(subset) for subset in d.subsets] == names
    six = defined(TABLE_1.model_copy(update={"reliabilities": (1, 0.9, 0.5), "order": "TAE"})).definitions
    assert six.name_of(Subset(Role.DEFINED, 1, False)) == f"defined by {six.tags[1]}, wrong"
    assert six.name_of(Subset(Role.UNSEEN, None, None)) == "unseen"


def test_the_rest_of_the_world_does_not_change() -> None:
    world, plain = defined(), worlds.world()
    for name in World.__dataclass_fields__:
        if name != "definitions":
            assert getattr(world, name) is getattr(plain, name)
    assert plain.definitions is NO_DEFINITIONS


@pytest.mark.parametrize("config", [TABLE_1, SWEEP])
def test_a_world_is_saved_and_read_back(config: DefinitionsConfig, tmp_path: Path) -> None:
    world = reported_and_defined(config)
    world.save(tmp_path)
    assert_equal(World.load(tmp_path).definitions, world.definitions)
    worlds.world().save(tmp_path / "plain")
    assert World.load(tmp_path / "plain").definitions is NO_DEFINITIONS
    assert not list((tmp_path / "plain").glob("definition*"))


def assert_equal(one: Definitions, other: Definitions) -> None:
    for name in Definitions.__dataclass_fields__:
        a, b = getattr(one, name), getattr(other, name)
        if isinstance(a, np.ndarray):
            assert a.dtype == b.dtype, name
            np.testing.assert_array_equal(a, b)
        else:
            assert a == b, name


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"entities": 500}, r"^definitions.entities is 500, but only 155 subjects of this world have two facts .*"),
        (
            {"entities": 10},
            r"^definitions.told_percent: 16% of 10 entities are 1, too few for each of 2 tags: raise .*",
        ),
        ({"entities": 15}, r"^definitions.unseen_percent: 6% of 15 entities are 0, too few: raise it, or .*"),
        ({"variable_letters": 1}, r"^136 variables need a name each, but only \d+ words of 1 letters are free: .*"),
        ({"reliabilities": (1,) * 30, "tag_letters": 1, "told_percent": 0}, "^31 tags need a name each, but only .*"),
        ({"reliabilities": (0.97, 0)}, r"^a single definition of tag 0 would be wrong, .* there is no other entity .*"),
    ],
)
def test_what_cannot_be_is_told_in_one_line(changes: dict[str, object], message: str) -> None:
    with pytest.raises(UserError, match=message) as caught:
        defined(DefinitionsConfig(**TABLE_1.model_dump() | changes))
    assert "\n" not in str(caught.value)
