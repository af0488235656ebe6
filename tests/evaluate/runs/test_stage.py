"""Stages: what decides them, what is made anew, and what is never touched."""

from __future__ import annotations

import hashlib
import json
import shutil
import tomllib
from dataclasses import replace
from pathlib import Path

import pytest
import tomli_w

from worldgen.errors import UserError
from worldgen.evaluate.methods.methods import METHODS
from worldgen.evaluate.runs.config import field_names, load, override, to_toml
from worldgen.evaluate.runs.load import config_of
from worldgen.evaluate.runs.presets import tiny
from worldgen.evaluate.runs.run import MARKER, Run, locked, refuse_foreign_folder
from worldgen.evaluate.runs.stage import Stage, carry_out, make_stage
from worldgen.evaluate.stages.language_model import EXAM, LM, TRACE
from worldgen.evaluate.stages.testbed import CASES, edits
from worldgen.evaluate.stages.world import AGENT, CORPUS, GRAPH, TOKENS, WORLD
from worldgen.storage.manifests import read_manifest

OTHER_VALUES = {
    "seed": "1", "model_seed": "1", "agent.prior": "flat", "agent.downstream": "own",
    "cases.cases": "3", "pretrain.layers": "2",
    "pretrain.checkpoint_minutes": "7", "edit.learning_rate": "0.5", "edit.chunk_cases": "1", "edit.batch_tokens": "9",
    "edit.mode": "together", "belief.steps": "3", "belief.editions_at_once": "2", "ft.steps": "3",
    "ft.weights_at_once": "1", "trace.facts": "2", "score.confidence": "0.5", "corpus.draws": "12",
    "tokens.tokenizer": "mistral", "world.facts": "99", "sources.reliabilities": "[1, 0.5]", "sources.sentences": "3",
}  # fmt: skip


def changed_by(setting: str) -> set[str]:
    """The stages whose inputs another value of a setting changes."""
    before = Run(Path("run"), tiny())
    after = Run(Path("run"), override(tiny(), [f"{setting}={OTHER_VALUES[setting]}"]))

    def stages(run: Run) -> dict[str, Stage]:
        some = (GRAPH, WORLD, CORPUS, TOKENS, AGENT, CASES, LM, EXAM, TRACE)
        return {stage.name: stage for stage in (*some, *(edits(METHODS[name], run) for name in METHODS))}

    return {name for name, stage in stages(before).items() if stage.inputs(before) != stages(after)[name].inputs(after)}


MODEL = {"lm", "exam", "trace"}
EDITS = {f"edits/{name}" for name in METHODS}
LORA = {"edits/lora", "edits/lora-reference"}


@pytest.mark.parametrize(
    ("setting", "stages"),
    [
        ("edit.learning_rate", LORA),
        ("edit.mode", EDITS),
        ("edit.chunk_cases", set()),
        ("edit.batch_tokens", set()),
        ("belief.steps", {"edits/belief"}),
        ("belief.editions_at_once", set()),
        ("ft.steps", {"edits/ft", "edits/ft-reference"}),
        ("ft.weights_at_once", set()),
        ("agent.prior", {"cases", "exam"} | EDITS),
        ("agent.downstream", {"cases", "exam"} | EDITS),
        ("cases.cases", {"cases"} | EDITS),
        ("pretrain.layers", MODEL | EDITS),
        ("pretrain.checkpoint_minutes", set()),
        ("model_seed", MODEL | EDITS),
        ("trace.facts", {"trace", *(f"edits/{name}" for name in ("rome", "memit", "closure-memit", "belief-memit"))}),
        ("score.confidence", set()),
        ("corpus.draws", {"corpus", "tokens", "agent", "cases"} | MODEL | EDITS),
        ("seed", {"graph", "world", "corpus", "tokens", "agent", "cases"} | MODEL | EDITS),
        ("world.facts", {"world", "corpus", "tokens", "agent", "cases"} | MODEL | EDITS),
        ("sources.reliabilities", {"world", "corpus", "tokens", "agent", "cases"} | MODEL | EDITS),
        ("sources.sentences", set()),  # of a world without sources
    ],
)
def test_a_setting_changes_what_it_can_change(setting: str, stages: set[str]) -> None:
    assert changed_by(setting) == stages


def test_a_run_without_sources_has_no_input_of_them(run: Run) -> None:
    """A run that was made before there were sources is the same run, and one with other sources is not."""
    calls: list[str] = []
    world = counting(calls, "world", settings=("world", "sources"))
    assert not [name for name in world.inputs(run) if name.startswith("sources")]
    make_stage(run, world)
    some = with_settings(run, "sources.reliabilities=[1, 0]")
    with pytest.raises(UserError, match=r"world was made .*sources/reliabilities: nothing there, \[1.0, 0.0\] now"):
        make_stage(some, world)
    shutil.rmtree(run.folder / "world")
    make_stage(some, world)
    with pytest.raises(UserError, match=r"world was made .*\(sources/place: \"first\" there, \"last\" now\)"):
        make_stage(with_settings(some, "sources.place=last"), world)
    with pytest.raises(UserError, match=r"world was made .*sources/reliabilities: \[1.0, 0.0\] there, nothing now"):
        make_stage(run, world)


def test_every_setting_of_the_table_is_a_setting() -> None:
    assert set(OTHER_VALUES) <= set(field_names())


def test_the_seed_of_the_model_is_the_worlds_unless_it_is_set() -> None:
    assert override(tiny(), ["seed=5"]).training_seed == 5
    assert override(tiny(), ["seed=5", "model_seed=2"]).training_seed == 2
    assert override(tiny(), ["model_seed=2", "model_seed=seed"]).training_seed == 0
    with pytest.raises(UserError, match="model_seed"):
        override(tiny(), ["model_seed=other"])


def counting(calls: list[str], name: str, **fields: object) -> Stage:
    """A stage that notes that it was made, and writes one file."""

    def make(_: Run, folder: Path) -> dict[str, int]:
        calls.append(name)
        (folder / "file.txt").write_text(name)
        return {"files": 1}

    return Stage(name, make, ("file.txt",), **fields)  # type: ignore[arg-type]


@pytest.fixture
def run(tmp_path: Path) -> Run:
    return Run(tmp_path / "run", tiny(), quiet=True)


def with_settings(run: Run, *settings: str) -> Run:
    return replace(run, config=override(run.config, settings))


def test_goals_come_after_what_they_read_each_once(run: Run) -> None:
    calls: list[str] = []
    first = counting(calls, "first")
    left, right = counting(calls, "left", reads=(first,)), counting(calls, "right", reads=(first,))
    last = counting(calls, "last", reads=(left, right))
    carry_out(run, last, right)
    assert calls == ["first", "left", "right", "last"]
    carry_out(run, last)
    assert len(calls) == 4
    carry_out(run, counting(calls, "more", reads=(last,)), after=(last,))
    assert calls[4:] == ["more"]


def test_a_stage_alone_wants_what_it_reads(run: Run) -> None:
    calls: list[str] = []
    first = counting(calls, "first", settings=("world",))
    second = counting(calls, "second", reads=(first,))
    with pytest.raises(UserError, match="first is not there or not finished"):
        make_stage(run, second)
    make_stage(run, first)
    with pytest.raises(UserError, match=r"first was made .*world\.facts: 600 there, 7 now"):
        make_stage(with_settings(run, "world.facts=7"), second)
    make_stage(run, second)
    assert calls == ["first", "second"]


def test_a_finished_stage_of_other_settings_is_refused_or_if_cheap_made_anew(run: Run) -> None:
    calls: list[str] = []
    dear, cheap = (
        counting(calls, "dear", settings=("world",)),
        counting(calls, "cheap", settings=("world",), cheap=True),
    )
    carry_out(run, dear, cheap)
    other = with_settings(run, "world.facts=7")
    with pytest.raises(UserError, match=r"dear was made .*world\.facts: 600 there, 7 now"):
        make_stage(other, dear)
    make_stage(other, cheap)
    assert calls == ["dear", "cheap", "cheap"]


def test_a_setting_that_no_longer_decides_a_stage_is_no_difference(run: Run) -> None:
    """As in a run folder of a version that noted more than what can change a stage."""
    calls: list[str] = []
    stage = counting(calls, "stage", settings=("world",))
    make_stage(run, stage)
    for name in ("inputs.json", "manifest.json"):
        path = run.folder / "stage" / name
        noted = json.loads(path.read_text())
        (noted if name == "inputs.json" else noted["inputs"])["edit.rank"] = 17
        noted.pop("checksum", None)  # that version knew of none
        path.write_text(json.dumps(noted))
    make_stage(run, stage)
    assert calls == ["stage"]


def without_the_reading(run: Run, name: str) -> None:
    """Makes a run folder as it was before the agent's reading of downstream facts was a setting."""
    for file in ("inputs.json", "manifest.json"):
        path = run.folder / name / file
        noted = json.loads(path.read_text())
        inputs = noted if file == "inputs.json" else noted["inputs"]
        assert inputs.pop("agent.downstream") == "marginal"
        del inputs["agent.kappa"]
        noted.pop("checksum", None)
        path.write_text(json.dumps(noted))
    fields = tomllib.loads(to_toml(run.config))
    fields["agent"] = {"prior": "unit"}
    (run.folder / "config.toml").write_text(tomli_w.dumps(fields))


def test_a_run_of_before_a_setting_means_what_held_then(run: Run) -> None:
    calls: list[str] = []
    stage = counting(calls, "stage", settings=("agent",))
    second = counting(calls, "second", reads=(stage,))
    make_stage(with_settings(run, "agent.downstream=marginal"), stage)
    without_the_reading(with_settings(run, "agent.downstream=marginal"), "stage")
    config = config_of(run.folder)
    assert config is not None
    assert (config.agent.downstream, config.agent.kappa) == ("marginal", 1.0)
    carry_out(replace(run, config=config), second)
    assert calls == ["stage", "second"]
    for other in (stage, second):
        with pytest.raises(UserError, match=r'agent\.downstream: "marginal" there, "edits" now'):
            make_stage(run, other)
    with pytest.raises(UserError, match=r"agent\.kappa: 1\.0 there, 3\.0 now"):
        make_stage(with_settings(run, "agent.downstream=own", "agent.kappa=3.0"), stage)
    assert load(run.folder / "config.toml").agent.downstream == "edits"  # as a config for a new run it is the default


def test_the_mark_of_a_stage_is_that_of_before_a_setting(run: Run) -> None:
    """A former value is no part of the hash, so folders of that name are found again; other values are."""
    stage = counting([], "stage", settings=("agent",))
    marks = {choice: stage.mark(with_settings(run, f"agent.downstream={choice}")) for choice in ("marginal", "edits")}
    before = hashlib.sha256(b'{\n  "agent.prior": "unit"\n}\n').hexdigest()
    assert marks["marginal"] == before[:12] != marks["edits"]


@pytest.mark.parametrize("finished", [True, False])
def test_a_stage_folder_with_somebody_elses_file_is_not_touched(run: Run, finished: bool) -> None:
    calls: list[str] = []
    stage = counting(calls, "stage", settings=("world",), cheap=True)
    make_stage(run, stage)
    folder = run.folder / "stage"
    if not finished:
        (folder / "manifest.json").unlink()
    (folder / "deep").mkdir()
    (folder / "deep" / "thesis.txt").write_text("mine")
    with pytest.raises(UserError, match=r"not worldgen's \(deep/thesis\.txt\)"):
        make_stage(with_settings(run, "world.facts=7"), stage)
    assert (folder / "deep" / "thesis.txt").read_text() == "mine"
    assert (folder / "file.txt").read_text() == "stage"


def test_a_folder_of_a_stages_name_that_no_stage_made_is_not_touched(run: Run) -> None:
    """Even where the file in it has a name that the stage would write."""
    folder = run.folder / "stage"
    folder.mkdir(parents=True)
    (folder / "file.txt").write_text("mine")
    with pytest.raises(UserError, match=r"not worldgen's \(file\.txt\)"):
        make_stage(run, counting([], "stage"))
    assert (folder / "file.txt").read_text() == "mine"


def test_a_stage_that_was_killed_while_it_noted_its_inputs_is_made(run: Run) -> None:
    calls: list[str] = []
    stage = counting(calls, "young")
    (run.folder / "young").mkdir(parents=True)
    (run.folder / "young" / ".inputs.json.8067.partial").write_text('{"seed"')
    make_stage(run, stage)
    assert calls == ["young"]
    assert not list((run.folder / "young").glob(".*.partial"))


def test_a_stage_may_write_only_what_it_declares(run: Run) -> None:
    def make(_: Run, folder: Path) -> dict[str, int]:
        (folder / "undeclared.txt").write_text("")
        return {}

    with pytest.raises(AssertionError, match=r"undeclared\.txt"):
        make_stage(run, Stage("stage", make, ("file.txt",)))


class TestWhoseFolder:
    def test_a_new_or_an_empty_folder_becomes_a_run(self, tmp_path: Path) -> None:
        (tmp_path / "empty").mkdir()
        for name in ("new", "empty"):
            with locked(tmp_path / name):
                assert (tmp_path / name / MARKER).exists()
                (tmp_path / name / "something").write_text("")
            refuse_foreign_folder(tmp_path / name)

    def test_a_new_folder_that_nothing_came_of_is_gone(self, tmp_path: Path) -> None:
        with pytest.raises(UserError, match="refused"), locked(tmp_path / "new"):
            raise UserError("refused")
        assert not (tmp_path / "new").exists()

    @pytest.mark.parametrize("name", ["notes.txt", "config.toml", "corpus/thesis.txt", ".gitignore"])
    def test_somebody_elses_folder_is_refused_and_left_as_it_was(self, tmp_path: Path, name: str) -> None:
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text("[tool.mine]\nkey = 1\n")
        before = sorted(tmp_path.rglob("*"))
        with pytest.raises(UserError, match="is not a run folder and is not empty"), locked(tmp_path):
            raise AssertionError("it was taken")
        assert sorted(tmp_path.rglob("*")) == before
        assert path.read_text() == "[tool.mine]\nkey = 1\n"

    def test_a_run_of_before_the_marker_is_known_by_its_config_and_a_stage(self, run: Run) -> None:
        make_stage(run, counting([], "stage"))
        fields = tomllib.loads(to_toml(run.config))
        old = {name: value for name, value in fields.items() if name not in {"model_seed", "system", "slag"}}
        (run.folder / "config.toml").write_text(tomli_w.dumps(old))
        with locked(run.folder):
            pass
        assert (run.folder / MARKER).exists()
        assert read_manifest(run.folder / "stage") is not None
