"""Every method by its name, through the stages: measured, scored, and depending on its own settings only."""

from __future__ import annotations

import miniature
import pytest

from worldgen.errors import UserError
from worldgen.evaluate.asking.measurements import read_costs, read_measurements
from worldgen.evaluate.methods.methods import METHODS
from worldgen.evaluate.runs.config import RunConfig, override
from worldgen.evaluate.runs.presets import tiny
from worldgen.evaluate.runs.run import Run
from worldgen.evaluate.runs.stage import make_stage
from worldgen.evaluate.stages import testbed
from worldgen.evaluate.stages.world import AGENT
from worldgen.evaluate.testbed.scores import read_scores
from worldgen.storage.manifests import read_manifest

RIVALS = ("closure-lora", "closure-ft", "closure-memit", "belief-memit", "documents")
OURS = ("belief", "ft", "ft-l", "in-context", "retrain", *RIVALS)
STEPS = [f"{METHODS[method].section}.steps=2" for method in OURS if METHODS[method].steps]
WHERE = ("closure_memit.token=relation", "closure_memit.layer=0", "belief_memit.layer=0")
SETTINGS = ["cases.cases=2", *STEPS, *WHERE, "belief.joined=2", "belief.kept=2", "belief.learning_rate=0.05"]


@pytest.fixture(scope="module")
def run(built_run: Run, tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A model that nobody trained: what is measured of it is not looked at here."""
    return miniature.untrained(built_run, tmp_path_factory.mktemp("run"), SETTINGS)


def with_settings(run: Run, *settings: str) -> Run:
    return Run(run.folder, override(run.config, settings), device="cpu", quiet=True)


@pytest.mark.parametrize("method", OURS)
def test_a_method_is_measured_by_its_name(run: Run, method: str) -> None:
    testbed.edit(run, METHODS[method])
    folder = run.folder / "edits" / method
    measured, costs = read_measurements(folder), read_costs(folder)
    assert set(measured["case"]) == {0, 1}
    assert (measured["before"] != measured["after"]).sum() > 10
    assert costs["steps"].tolist() == ([0, 0] if method == "in-context" else [2, 2])
    manifest = read_manifest(folder)
    assert manifest is not None
    others = {setting for name in METHODS for setting in METHODS[name].settings} - {*METHODS[method].settings}
    assert set(METHODS[method].settings) <= set(manifest.inputs)
    assert not others & set(manifest.inputs)


def test_settings_of_one_method_are_nothing_to_another(run: Run) -> None:
    for method in OURS:
        testbed.edit(run, METHODS[method])
    changed = with_settings(run, "ft.steps=1")
    testbed.edit(changed, METHODS["ft-l"])
    testbed.edit(changed, METHODS["retrain"])
    with pytest.raises(UserError, match=r"ft\.steps: 2 there, 1 now"):
        testbed.edit(changed, METHODS["ft"])
    testbed.score_methods(run)
    assert {scores.method for scores in read_scores(run.folder / "scores")} == set(OURS)


@pytest.mark.parametrize("otherwise", ["belief.ridge=1e9", "belief.restraint=0"])
def test_what_belief_knows_of_keys_decides_what_it_gives(run: Run, otherwise: str) -> None:
    """The covariances are kept beside the measurements; without whitening or restraint the same edits end elsewhere."""
    testbed.edit(run, METHODS["belief"])
    folder = run.folder / "edits" / "belief"
    assert len(list(folder.glob("covariance-*.npy"))) == run.config.pretrain.layers
    plain = with_settings(run, otherwise)
    stage = testbed.edits(METHODS["belief"], plain, name=f"plain/{otherwise}")
    make_stage(plain, stage)
    elsewhere = run.folder / stage.name
    by_keys, without = (read_measurements(each)["after"].dropna() for each in (folder, elsewhere))
    assert (by_keys - without).abs().max() > 1e-5  # float32 knows these probabilities of 0.01 to 1e-9


def test_belief_goes_on_from_one_request_to_the_next(run: Run) -> None:
    """Two requests in turn: both are in the one model that is left, after the steps of both."""
    in_turn, folder = with_settings(run, "edit.mode=sequential", "edit.requests=2"), run.folder / "in-turn"
    make_stage(in_turn, testbed.edits(METHODS["belief"], in_turn, name="in-turn"))
    assert read_costs(folder)["steps"].tolist() == [4]
    measured = read_measurements(folder)
    assert set(measured["case"]) == {0, 1}
    assert (measured["before"] != measured["after"]).groupby(measured["case"]).sum().min() > 10


@pytest.mark.parametrize("method", RIVALS)
def test_rivals_make_two_requests_in_turn_and_together(run: Run, method: str) -> None:
    for mode in ("sequential", "together"):
        both, folder = with_settings(run, f"edit.mode={mode}", "edit.requests=2"), f"{mode}/{method}"
        make_stage(both, testbed.edits(METHODS[method], both, name=folder))
        assert read_costs(run.folder / folder)["steps"].tolist() == [4 if mode == "sequential" else 2]
        assert set(read_measurements(run.folder / folder)["case"]) == {0, 1}


def test_what_asks_the_agent_depends_on_it(run: Run) -> None:
    asking = {name for name, each in METHODS.items() if each.asks_the_agent(getattr(run.config, each.section))}
    assert asking == {"belief", *RIVALS}
    for method in asking:
        assert AGENT in testbed.edits(METHODS[method], run).reads


def test_names_and_sections_go_together() -> None:
    assert {METHODS[method].section for method in OURS} == {method.replace("-", "_") for method in OURS}
    assert METHODS["none"].settings == ()
    assert METHODS["none"].steps is None
    assert METHODS["lora"].steps == "edit.steps"
    assert all(name == method.name for name, method in METHODS.items())
    assert set(OURS) <= set(METHODS)


def test_every_setting_can_be_set() -> None:
    config = override(tiny(), ["ft.optimizer=sgd", "ft_l.layers=[1, 2]", "in_context.sentences=3", "retrain.steps=7"])
    assert (config.ft.optimizer, config.ft_l.layers) == ("sgd", (1, 2))
    assert (config.in_context.sentences, config.retrain.steps) == (3, 7)
    assert RunConfig().ft_l.layers == ()
    with pytest.raises(UserError, match=r"ft\.optimizer"):
        override(tiny(), ["ft.optimizer=adagrad"])
