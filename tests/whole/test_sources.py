"""A whole run of sources in miniature: what the model made of reports, requests by two methods, tables, the page."""

from __future__ import annotations

import json
from dataclasses import replace

import benchmark_files
import miniature
import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner, Result

from worldgen.bayes.reading import PAPER
from worldgen.bayes.trust.reports import Report
from worldgen.cli import cli
from worldgen.errors import UserError
from worldgen.evaluate.inquiry.ask import BeliefQuestion
from worldgen.evaluate.inquiry.ask_source import ask_source
from worldgen.evaluate.inquiry.minds import EditWeight
from worldgen.evaluate.methods.methods import METHODS
from worldgen.evaluate.runs.config import override
from worldgen.evaluate.runs.presets import sources_tiny
from worldgen.evaluate.runs.run import Run, keeping_config, locked
from worldgen.evaluate.sources.cases import load_cases
from worldgen.evaluate.sources.rational import SourceMind
from worldgen.evaluate.sources.scoring import read_trust_scores
from worldgen.evaluate.stages.slag.optimizers import train_editor
from worldgen.evaluate.stages.sources import whole
from worldgen.evaluate.stages.sources.heard import HEARD, mind_of
from worldgen.evaluate.stages.sources.requests import edits
from worldgen.worlds.tagged_sources import Part
from worldgen.worlds.world import NONE

TRAINED = ("ke", "slag")
SMALL = "condition=8 head=4 lstm=4 steps=2 training_steps=1 updates=4 sequences=1 validations=1 prediction_tokens=3"
SETTINGS = (
    *miniature.SETTINGS, "trust.facts=2", "tune.cases=3", "slag.points=60", "rational.kept=2",
    *(f"{METHODS[name].section}.{setting}" for name in TRAINED for setting in SMALL.split()),
    "ft.steps=2", "belief.steps=2", "belief.joined=1", "belief.kept=1",
    "belief.covariance_tokens=500", "score.bootstrap_samples=200",
)  # fmt: skip


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    run = Run(tmp_path_factory.mktemp("sources"), override(sources_tiny(), SETTINGS), device="cpu", quiet=True)
    with locked(run.folder), keeping_config(run):
        whole.run_everything(run, [METHODS["ft"], METHODS["belief"]])
    return run


def test_every_table_has_the_methods_and_the_references(run: Run) -> None:
    rows = read_trust_scores(run.folder / "sources" / "scores" / "trust.json")
    requested = {"rational mind", "believes everybody", "before", "ft", "belief"}
    assert {(row.kind, row.who) for row in rows} == {
        *((kind, who) for kind in ("told", "reported", "dependent") for who in requested),
        *(("follows", who) for who in requested - {"believes everybody"}),
        *(("heard", who) for who in ("model", "rational mind")),
    }
    for row in rows:
        assert len(row.sources) == (7 if row.kind == "heard" else 8)
        if row.who == "rational mind":
            assert row.means["error"].mean == 0
    (made,) = {row.about["steps"] for row in rows if row.who == "ft"}
    assert made <= 2


def test_belief_is_taught_by_source_and_ft_is_not(run: Run) -> None:
    """The losses of `belief` depend on who makes the request; the cases of one fact differ in nothing else."""
    cases = load_cases(run.folder / "sources" / "cases" / "cases.parquet")
    folder = run.folder / "sources" / "edits" / "belief"
    costs = pd.concat([pd.read_parquet(path) for path in folder.glob("costs-*.parquet")]).set_index("case")
    for first in range(0, len(cases), 8):
        losses = [tuple(costs.loc[number, "losses"]) for number in range(first, first + 8)]
        assert len(set(losses)) == 8


def test_the_page_shows_trust(run: Run) -> None:
    page = (run.folder / "report" / "index.html").read_text()
    assert "Whom the model trusts" in page
    assert (run.folder / "report" / "figures" / "trust.svg").exists()
    rows = read_trust_scores(run.folder / "sources" / "scores" / "trust.json")
    for row in rows:
        for source in row.sources:
            mean, low, high = source.trust
            assert f"{mean:.4f}, from {low:.4f} to {high:.4f}" in page


def test_the_commands_list_sources_and_trust(run: Run) -> None:
    listed = CliRunner().invoke(cli, ["sources", str(run.folder), "--json"])
    assert listed.exit_code == 0, listed.output
    views = json.loads(listed.stdout)
    assert len(views) == 7
    heard = pd.read_parquet(run.folder / "sources" / "heard" / "heard.parquet")
    for number, view in enumerate(views.values()):
        assert view["low"] < view["mean"] < view["high"]
        assert view["trust"] == pytest.approx(heard["requested"][heard["source"] == number].mean())
    done = CliRunner().invoke(cli, ["trust", str(run.folder), "--method", "ft", "--device", "cpu", "--quiet"])
    assert done.exit_code == 0, done.output
    assert "Requests about facts that untagged sentences tell" in done.stdout
    assert max(map(len, done.stdout.splitlines())) <= 120


def test_ask_says_what_a_source_can_bring_about(run: Run) -> None:
    world, mind = mind_of(run.folder, run.config)
    case = next(case for case in load_cases(run.folder / "sources" / "cases" / "cases.parquet") if case.kind == "told")
    subject, relation = world.subjects[world.subject[case.fact]], world.relations[world.relation[case.fact]]
    edit = f"{subject} | {relation} | {world.objects[case.object]}"

    def ask(*options: str) -> Result:
        return CliRunner().invoke(cli, ["ask", str(run.folder), subject, relation, "--edit", edit, *options])

    for k, tag in enumerate(world.sources.tags.labels):
        asked = ask("--source", tag, "--weight", "30", "--top", "40", "--json")
        assert asked.exit_code == 0, asked.output
        said = json.loads(asked.stdout)
        after = {each["object"]: each["after"] for each in said["objects"]}
        believed = mind.credence(case.fact, case.object, [Report(case.fact, k, case.object, 30.0)])
        assert after[world.objects[case.object]] == pytest.approx(believed, abs=1e-12)
        assert said["ceiling"] >= believed
        assert said["reliability"] == mind.trust.mean_reliabilities()[k]
        assert (said["least_weight"] is None) == (said["ceiling"] < said["target"])
    tag = world.sources.tags[0]
    assert f"source: {tag}, reliability 0." in ask("--source", tag).stdout
    for options, word in (
        (("--source", f"{tag[:-1]}"), f"did you mean '{tag}'"),
        (("--source", tag, "--explain"), "leave out all but"),
        (("--source", tag, "--weight", "0"), "above zero"),
        (("--source", tag, "--edit", edit), "after one --edit"),
    ):
        refused = ask(*options)
        assert isinstance(refused.exception, UserError)
        assert word in str(refused.exception)


@pytest.mark.parametrize("name", TRAINED)
def test_trained_methods_are_asked_whom_they_trust(run: Run, name: str) -> None:
    command = ["trust", str(run.folder), "--method", name, "--device", "cpu", "--quiet"]
    untrained = CliRunner().invoke(cli, command)
    assert isinstance(untrained.exception, UserError)
    assert "train-editor" in str(untrained.exception)
    train_editor(run, METHODS[name])
    done = CliRunner().invoke(cli, command)
    assert done.exit_code == 0, done.output
    rows = read_trust_scores(run.folder / "sources" / "scores" / "trust.json")
    assert {row.kind for row in rows if row.who == name} == {"told", "reported", "dependent", "follows"}
    assert {row.about["flops"] > 0 for row in rows if row.who == name} == {True}


def test_ask_says_what_is_not_exact(run: Run) -> None:
    """An edit of a dependent fact is judged by its marginal; not in `marginal`, nor above what only sources tell."""
    world, mind = mind_of(run.folder, run.config)
    tag, known = world.sources.tags[1], load_cases(run.folder / "sources" / "cases" / "cases.parquet")
    case = next(case for case in known if case.kind == "dependent" and case.source == 1)
    subject, relation = world.subjects[world.subject[case.fact]], world.relations[world.relation[case.fact]]

    def ask(s: str, r: str, o: str, *options: str) -> Result:
        said = ["--edit", f"{s} | {r} | {o}", "--source", tag, "--weight", "1000", "--json", *options]
        return CliRunner().invoke(cli, ["ask", str(run.folder), s, r, *said])

    asked = ask(subject, relation, world.objects[case.object], "--top", "40")
    assert asked.exit_code == 0, asked.output
    after = {each["object"]: each["after"] for each in json.loads(asked.stdout)["objects"]}
    assert after[world.objects[case.object]] == pytest.approx(case.believed, abs=1e-12)
    marginal = SourceMind(replace(mind.agent, reading=PAPER), mind.trust, mind.downstream)
    question, weight = BeliefQuestion(subject, relation), EditWeight("auto", 0.95)
    edit = f"{subject} | {relation} | {world.objects[case.object]}"
    with pytest.raises(UserError, match=r"agent\.downstream=marginal"):
        ask_source(world, marginal, question, (tag, edit), weight, 1000, 5)
    alone = (world.sources.part == Part.REPORT)[world.upstream] & (world.upstream != NONE)
    fact = int(np.flatnonzero(alone)[0])
    refused = ask(world.subjects[world.subject[fact]], world.relations[world.relation[fact]], world.objects[0])
    assert "only sources tell of" in str(refused.exception)


def test_a_method_does_not_depend_on_how_others_are_set(run: Run) -> None:
    mine = edits(METHODS["ft"], run).inputs(run)
    other = override(run.config, ["belief.steps=3", "trust.prior=skeptical"])
    theirs = edits(METHODS["ft"], run).inputs(replace(run, config=other))
    assert {key for key in mine if mine[key] != theirs[key]} == {"trust.prior"}


def test_what_the_mind_makes_of_reports_depends_on_all_that_it_is_made_of(run: Run) -> None:
    mine = HEARD.inputs(run)
    for setting in ("trust.prior=skeptical", "trust.weight=7", "agent.downstream=marginal"):
        theirs = HEARD.inputs(replace(run, config=override(run.config, [setting])))
        assert {key for key in mine if mine[key] != theirs[key]} == {setting.partition("=")[0]}


def test_a_world_without_sources_is_refused(tmp_path) -> None:
    config = override(sources_tiny(), [*SETTINGS, "sources.reliabilities=[]", "sources.newcomers=0"])
    plain = Run(tmp_path / "plain", config, device="cpu", quiet=True)
    with pytest.raises(UserError, match="this world has no sources"):
        whole.run_everything(plain, [METHODS["ft"]])


def test_gradients_of_requests_are_aligned_source_by_source(run: Run) -> None:
    benchmark = benchmark_files.load("source_alignment")
    found = benchmark.aligned_requests(run.folder)
    cases = load_cases(run.folder / "sources" / "cases" / "cases.parquet")
    assert list(zip(found.fact, found.source, strict=True)) == [(c.fact, c.source) for c in cases if c.source < 7]
    one_question = found.groupby("fact").question_l2
    assert (one_question.max() - one_question.min() <= 1e-4 * one_question.max()).all()  # whoever says it
    assert found.cosine.nunique() > 6
    printed = CliRunner().invoke(benchmark.main, [str(run.folder)])
    assert printed.exit_code == 0, printed.output
    assert [printed.output.count(f"\n| {kind} | ") for kind in ("told", "reported")] == [7, 7]
