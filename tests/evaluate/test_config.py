"""The config: whole, frozen, checked, and told in one line where it is wrong."""

import itertools
import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from worldgen.errors import UserError
from worldgen.evaluate.runs import config as cfg
from worldgen.evaluate.runs.config import RunConfig, field_names, from_toml, load, load_of_run, override, to_toml
from worldgen.evaluate.runs.presets import PRESETS, tiny
from worldgen.settings import WorldConfig


@pytest.mark.parametrize("name", PRESETS)
def test_presets_survive_toml(name: str) -> None:
    preset = PRESETS[name]()
    assert from_toml(to_toml(preset), "test") == preset


def test_the_paper_preset_is_the_default() -> None:
    assert PRESETS["paper"]() == RunConfig() == from_toml("", "test")


def test_presets_ask_for_what_the_issue_says() -> None:
    tiny, paper = PRESETS["tiny"](), PRESETS["paper"]()
    assert (tiny.world.facts, tiny.graph.relations, tiny.pretrain.hidden, tiny.pretrain.layers) == (600, 4, 128, 4)
    assert (paper.world.facts, paper.graph.relations, paper.graph.max_triples) == (100_000, 10, 2_000_000)
    assert (paper.corpus.draws, paper.corpus.min_truths, paper.corpus.complex_per_subject) == (10, 6, 20)
    assert paper.graph.excluded_relations == ("P735", "P131")
    assert paper.graph.excluded_entities == ("Q16521", "Q5")


@given(st.integers(0, 2**63 - 1), st.integers(1, 10**6), st.lists(st.text(min_size=1).filter(str.isprintable)))
def test_any_config_survives_toml(seed: int, facts: int, pairs: list[str]) -> None:
    config = RunConfig(seed=seed, world=WorldConfig(facts=facts, pairs=tuple(pairs)))
    assert from_toml(to_toml(config), "test") == config


def test_a_config_is_frozen() -> None:
    with pytest.raises(ValidationError):
        RunConfig().seed = 1  # type: ignore[misc]


def test_override_sets_numbers_texts_lists_and_flags() -> None:
    settings = [
        "seed=7", "world.facts=12", "graph.source=/data/my graph", 'world.pairs=["a -> b", "c -> d"]',
        "graph.strict=true", "pretrain.learning_rate=1e-3", "tokens.tokenizer=words",
    ]  # fmt: skip
    config = override(RunConfig(), settings)
    assert (config.seed, config.world.facts, config.graph.source) == (7, 12, "/data/my graph")
    assert config.world.pairs == ("a -> b", "c -> d")
    assert config.graph.strict is True
    assert (config.pretrain.learning_rate, config.tokens.tokenizer) == (1e-3, "words")
    assert override(RunConfig(), []) == RunConfig()
    assert override(RunConfig(), ["seed=1", "seed=2"]).seed == 2


def test_a_list_needs_no_brackets() -> None:
    config = override(RunConfig(), ["slag.r=1,2, 100", "trajectory.steps=7", 'world.pairs="a -> b"'])
    assert (config.slag.r, config.trajectory.steps, config.world.pairs) == ((1, 2, 100), (7,), ("a -> b",))


def test_an_effort_stands_for_several_settings_and_explicit_ones_win() -> None:
    """Whatever their order is. "full" is what the preset has, so it undoes "quick"."""
    quick = override(tiny(), ["belief.effort=quick"])
    changed = {name: value for name, value in quick.belief if value != getattr(tiny().belief, name)}
    assert changed == {"steps": 20, "learning_rate": 2e-2, "joined": 0, "kept": 0}
    assert override(quick, ["belief.effort=full"]) == tiny()
    for settings in itertools.permutations(["belief.effort=quick", "belief.steps=7", "belief.rank=2"]):
        assert override(tiny(), settings).belief == quick.belief.model_copy(update={"steps": 7, "rank": 2})


def test_an_effort_that_nobody_knows_is_refused() -> None:
    with pytest.raises(UserError, match=r"^--set belief\.effort=fast: choose from full, quick$"):
        override(tiny(), ["belief.effort=fast"])
    with pytest.raises(UserError, match=r"there is no setting .ft\.effort."):
        override(tiny(), ["ft.effort=quick"])


def test_every_field_name_can_be_set_to_what_it_is() -> None:
    plain = RunConfig().model_dump(mode="json")
    for key in field_names():
        section, _, name = key.rpartition(".")
        value = (plain[section] if section else plain)[name]
        assert override(RunConfig(), [f"{key}={json.dumps(value)}"]) == RunConfig()


@pytest.mark.parametrize(
    ("setting", "expected"),
    [
        ("world.fact=6", "did you mean 'world.facts'?"),
        ("facts=6", "did you mean 'world.facts'?"),
        ("graph=6", "there is no setting 'graph'"),
        ("zzzzzzzz=6", "see `worldgen config` for the fields"),
        ("world.facts", "write it as section.field=value"),
        ("world.facts=many", "world.facts"),
        ("world.facts=0", "world.facts"),
        ("world.facts=1.5", "world.facts"),
        ("graph.relations=3", "an odd number"),
        ("corpus.min_truths=11", "more than the 10 draws"),
        ("corpus.rare_draws=11", "rare_draws is 11, more than the 10 draws"),
        ("world.held_out_percent=10", "no aliases are in use: set world.aliases too"),
        ("corpus.complex_per_subject=7", "corpus.complex_per_subject"),
        ("world.root_percent_low=101", "world.root_percent_low"),
        ("world.root_percent_high=59", "root_percent_low is 60, more than root_percent_high, 59"),
        ("world.mode_percent=100", "world.mode_percent"),
        ("tokens.tokenizer=letters", "tokens.tokenizer"),
        ("pretrain.layers=0", "pretrain.layers"),
        ("cases.target_credence=nan", "cases.target_credence"),
        ("agent.kappa=2", "kappa is 2.0, but downstream is edits: only own has a kappa"),
        ("agent.kappa=0", "agent.kappa"),
        ("agent.downstream=root", "agent.downstream"),
        ("seed=-1", "seed"),
        ("world.pairs=a -> b", "world.pairs"),
    ],
)
def test_a_bad_setting_is_one_clear_line(setting: str, expected: str) -> None:
    with pytest.raises(UserError) as raised:
        override(RunConfig(), [setting])
    assert expected in str(raised.value)
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("world = [", "my.toml is not TOML"),
        ("[world]\nfact = 6", "there is no setting 'world.fact', did you mean 'world.facts'?"),
        ("[wrold]\nfacts = 6", "there is no setting 'wrold'"),
        ("world = 3", "my.toml: world:"),
        ("[graph]\nrelations = 5", "my.toml: graph: relations is 5, an odd number"),
    ],
)
def test_a_bad_file_is_one_clear_line(text: str, expected: str) -> None:
    with pytest.raises(UserError) as raised:
        from_toml(text, "my.toml")
    assert expected in str(raised.value)
    assert "\n" not in str(raised.value)


def test_load_reads_a_file_and_says_why_it_cannot(tmp_path: Path) -> None:
    path = tmp_path / "run.toml"
    path.write_text("seed = 3\n[world]\nfacts = 6\n")
    assert load(path) == RunConfig(seed=3, world=cfg.WorldConfig(facts=6))
    path.write_bytes(b"seed = 3 # \xff")
    with pytest.raises(UserError, match="cannot read the config"):
        load(path)
    with pytest.raises(UserError, match="cannot read the config"):
        load(tmp_path / "none.toml")


def test_a_run_may_have_settings_that_were_removed(tmp_path):
    """Only a run folder may: a config that somebody writes now may not."""
    text = to_toml(RunConfig()).replace("[rational]\n", "[rational]\ncondition = 128\nsteps = 1\n")
    (tmp_path / "config.toml").write_text(text)
    assert load_of_run(tmp_path / "config.toml") == RunConfig()
    with pytest.raises(UserError, match=r"there is no setting 'rational.condition'"):
        from_toml(text, "mine.toml")


def test_brackets_that_hold_no_list_are_told():
    with pytest.raises(UserError, match=r"write numbers as 0\.5, not \.5"):
        override(PRESETS["tiny"](), ["sources.reliabilities=[1,.5]"])
    assert override(PRESETS["tiny"](), ["sources.reliabilities=1,0.5"]).sources.reliabilities == (1, 0.5)
