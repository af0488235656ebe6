"""Experiments of implicit meta-learning from the command to the tables. No test is about the sign of an effect."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
import pytest
from click.testing import CliRunner, Result
from command_line import exit_code_of

from worldgen.cli import cli
from worldgen.evaluate.internalizing.examination import Examination
from worldgen.storage.files import sha256

SETTINGS = (
    "set_inclusion.variables=60", "set_inclusion.integers=8", "set_inclusion.list_length=2",
    "set_inclusion.questions=2", "set_inclusion.test_questions=4", "set_inclusion.hidden=16",
    "set_inclusion.intermediate=16",
    "set_inclusion.layers=1", "set_inclusion.heads=2", "internalize.seeds=0,1", "internalize.epochs=2",
    "internalize.second_epochs=2", "internalize.asked=20", "score.bootstrap_samples=200",
)  # fmt: skip
KINDS = {"test question", "question", "definition"}


def arguments(folder: Path, *more: str, settings: tuple[str, ...] = ()) -> list[str]:
    sets = [part for setting in (*SETTINGS, *settings) for part in ("--set", setting)]
    return ["internalize", str(folder), "--preset", "iml-tiny", "--device", "cpu", *sets, *more]


def internalize(folder: Path, *more: str, settings: tuple[str, ...] = ()) -> Result:
    return CliRunner().invoke(cli, arguments(folder, *more, "--json", settings=settings), catch_exceptions=False)


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("iml") / "run"
    done = internalize(folder)
    assert done.exit_code == 0, done.output
    assert json.loads(done.stdout)["results"].endswith("internalize/results/set-inclusion")
    return folder


def hashes(folder: Path) -> dict[str, str]:
    return {path.name: sha256(path) for path in sorted(folder.glob("*.parquet"))}


def test_curves_are_tidy(run: Path) -> None:
    curves = pd.read_parquet(run / "internalize" / "results" / "set-inclusion" / "curves.parquet")
    assert set(curves["kind"]) == KINDS
    assert set(curves["subset"]) == {"d1", "d2", "d5", "d6"}
    key = ["variant", "seed", "stage", "epoch", "subset", "kind"]
    assert not curves.duplicated(key).any()
    tests = curves[curves["kind"] == "test question"]
    assert sorted(set(zip(tests["stage"], tests["epoch"], strict=True))) == [(0, 0), (1, 1), (1, 2), (2, 1), (2, 2)]
    assert tests[["exact", "p", "rational_exact", "rational_p"]].map(lambda value: 0 <= value <= 1).all(axis=None)
    assert curves.loc[curves["kind"] != "test question", "rational_p"].isna().all()


def test_effects_have_intervals_over_seeds_and_rational_values(run: Path) -> None:
    effects = pd.read_csv(run / "internalize" / "results" / "set-inclusion" / "effects.csv")
    assert set(effects["effect"]) == {"first_gap", "gain_d5", "gain_d6", "iml", "last_gap"}
    assert (effects["seeds"] == 2).all()
    iml = effects[(effects["effect"] == "iml") & (effects["measure"] == "p")].iloc[0]
    assert iml["rational"] > 0.3
    assert iml["low"] <= iml["mean"] <= iml["high"]


def test_figures_are_drawn(run: Path) -> None:
    (figure,) = (run / "internalize" / "results" / "set-inclusion").glob("*.svg")
    for label in ("D5 consistent", "D6 consistent", "exact match of test questions"):
        assert label in figure.read_text()


def test_a_stopped_training_goes_on_and_ends_with_the_same_bytes(
    run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Stopped in each of the two stages, once before the first epoch of one."""
    observe, stops = Examination.observe, [(0, 1), (1, 1), (1, 2)]

    def stop_once(self: Examination, model: object, moment: object) -> list[dict[str, float]]:
        if stops and (moment.stage, moment.epoch) == stops[0]:  # type: ignore[attr-defined]
            stops.pop(0)
            raise KeyboardInterrupt
        return observe(self, model, moment)  # type: ignore[arg-type]

    monkeypatch.setattr(Examination, "observe", stop_once)
    for optimizer in ("adamw", "adafactor"):
        stops[:] = [(0, 1), (1, 1), (1, 2)]
        settings = (f"internalize.optimizer={optimizer}",)
        folder = tmp_path / optimizer
        codes = [exit_code_of(*arguments(folder, "--quiet", "--seeds", "0", settings=settings)) for _ in range(4)]
        assert codes == [130, 130, 130, 0]
        whole = tmp_path / f"{optimizer}-whole"
        assert exit_code_of(*arguments(whole, "--quiet", "--seeds", "0", settings=settings)) == 0
        its = "internalize/set-inclusion/as-set/seed-0"
        assert hashes(folder / its) == hashes(whole / its)
        assert not list((folder / its).glob("checkpoint*"))
    assert hashes(run / its) == hashes(tmp_path / "adamw" / its)


def test_variants_that_change_nothing_are_trained_once(run: Path) -> None:
    done = internalize(run, "--experiment", "alpha", "--seeds", "0")
    assert done.exit_code == 0, done.output
    trained = {path.parent.parent.name for path in run.glob("internalize/set-inclusion/*/seed-0/manifest.json")}
    assert trained >= {"as-set", "alpha-0.5", "alpha-0.75", "alpha-0.9"}
    assert "alpha-1" not in trained
    effects = pd.read_csv(run / "internalize" / "results" / "alpha" / "effects.csv")
    assert list(dict.fromkeys(effects["variant"])) == ["alpha 0.5", "alpha 0.75", "alpha 0.9", "alpha 1"]
    assert "tag_over_truth" in set(effects["effect"])
    rational = effects[(effects["effect"] == "iml") & (effects["measure"] == "p")].set_index("variant")["rational"]
    assert rational.is_monotonic_increasing


def test_one_stage_learns_definitions_and_questions_together(run: Path) -> None:
    assert internalize(run, "--experiment", "single-stage", "--seeds", "0").exit_code == 0
    curves = pd.read_parquet(run / "internalize" / "results" / "single-stage" / "curves.parquet")
    assert set(curves["stage"]) == {0, 1}
    assert (run / "internalize" / "set-inclusion" / "one-stage" / "seed-0" / "answers-1.parquet").exists()


@pytest.mark.parametrize(
    ("more", "setting", "told"),
    [
        (("--experiment", "definition"), "seed=0", "set-inclusion, single-stage"),
        ((), "internalize.fractions=['d8=.4']", "sum to 1.4"),
        ((), "set_inclusion.variables=5", "more variables"),
        ((), "set_inclusion.list_length=8", "a list leaves one of 8 integers out"),
        (("--seeds", "many"), "seed=0", "internalize.seeds"),
    ],
)
def test_mistakes_are_told_in_one_line(
    more: tuple[str, ...], setting: str, told: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "run"
    assert exit_code_of(*arguments(folder, "--quiet", *more, settings=(setting,))) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert told in line
    assert not folder.exists()
