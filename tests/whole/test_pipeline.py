"""A whole run in miniature: every stage, what it leaves, and that its numbers can be had the slow way too."""

import json
import shutil
from dataclasses import replace

import miniature
import numpy as np
import pandas as pd
import pytest
import torch
from transformers import AutoModelForCausalLM

from worldgen.errors import UserError
from worldgen.evaluate.asking.measurements import read_costs, read_measurements
from worldgen.evaluate.asking.questions import QuestionKind
from worldgen.evaluate.methods.methods import METHODS
from worldgen.evaluate.runs.config import override
from worldgen.evaluate.runs.load import load_agent, load_world
from worldgen.evaluate.runs.run import Run
from worldgen.evaluate.runs.stage import carry_out, make_stage
from worldgen.evaluate.stages import testbed
from worldgen.evaluate.stages.language_model import EXAM, examined_facts
from worldgen.evaluate.stages.page import REPORT
from worldgen.evaluate.stages.testbed import CASES
from worldgen.evaluate.testbed.case_trials import edition_seed, request_of
from worldgen.evaluate.testbed.cases import load_cases
from worldgen.evaluate.testbed.editing_metrics import METRIC_NAMES
from worldgen.evaluate.testbed.probes import load_probes, load_questions
from worldgen.evaluate.testbed.scores import read_scores
from worldgen.lm.editions import Edition
from worldgen.lm.editors.lowrank.lora_reference import LoraReference
from worldgen.lm.tokenizer import encode, load_tokenizer
from worldgen.storage.manifests import read_manifest


@pytest.fixture(scope="module")
def run(trained_run) -> Run:
    return trained_run


def test_what_lies_on_disk(run):
    stages = ("graph", "world", "corpus", "tokens", "agent", "cases", "lm", "exam", "edits/lora", "scores", "report")
    for stage in stages:
        manifest = read_manifest(run.folder / stage)
        assert manifest is not None
        assert manifest.files
    assert (run.folder / "report" / "index.html").stat().st_size > 10_000
    names = {path.name for path in (run.folder / "lm" / "final").iterdir()}
    assert "model.safetensors" in names
    assert not [path for path in run.folder.rglob("*") if path.suffix in (".bin", ".pt", ".pkl")]


def test_scores_hold_every_cell(run):
    (scores,) = read_scores(run.folder / "scores")
    assert scores.method == "lora"
    assert scores.cases == 6
    assert (scores.mode, scores.requests) == ("single", 1)
    everything = scores.groups["all"]
    assert everything.n == 6
    for cells in everything.rows().values():
        assert set(cells) == set(METRIC_NAMES)
        assert all(cell.low <= cell.mean <= cell.high for cell in cells.values())
    assert scores.cost.steps == 3
    assert scores.cost.flops_per_edit > 0
    assert len(pd.read_csv(run.folder / "scores" / "lora.csv")) >= 3 * len(METRIC_NAMES)


def test_a_measured_probability_can_be_had_the_slow_way(run):
    """Load the model, edit it for one case, and multiply the probabilities of the target's tokens one by one."""
    model = AutoModelForCausalLM.from_pretrained(run.folder / "lm" / "final").eval()
    tokenizer = load_tokenizer(run.folder / "tokens" / "tokenizer")
    world, case = load_world(run.folder), load_cases(run.folder / "cases" / "cases.parquet")[3]
    asked = [each for each in load_questions(run.folder / "cases" / "probes.parquet") if each.case == 3]
    scored = [question for question in asked if question.kind is not QuestionKind.ANSWER]
    measured = read_measurements(run.folder / "edits" / "lora").set_index(["case", "name"])
    for question in scored:
        # float32 rounding of a batch against a single text.
        slow = slow_probability(model, tokenizer, question.prompt, question.target)
        assert measured.loc[(3, question.name), "before"] == pytest.approx(slow, rel=1e-4)
    edition = Edition((request_of(world, case, asked),), edition_seed(run.config.seed, 3))
    with LoraReference(run.config.edit, run.config.edit.mode, tokenizer).edit(model, [edition]) as edited:
        for question in scored[:10]:
            slow = slow_probability(edited.model, tokenizer, question.prompt, question.target)
            assert measured.loc[(3, question.name), "after"] == pytest.approx(slow, rel=1e-3)


def test_many_edits_at_once_are_pefts_one_at_a_time(trained_run, tmp_path):
    """On every case of the run, by way of the files; three steps of float32 in another order."""
    run = miniature.variant(trained_run, tmp_path)
    testbed.edit(run, METHODS["lora-reference"])
    folders = [run.folder / "edits" / method for method in ("lora", "lora-reference")]
    ours, theirs = map(read_measurements, folders)
    assert ours["after"].to_numpy() == pytest.approx(theirs["after"].to_numpy(), rel=1e-4, nan_ok=True)
    assert ours["answer_after"].tolist() == theirs["answer_after"].tolist()
    for mine, its in zip(*(read_costs(folder)["losses"] for folder in folders), strict=True):
        assert mine.tolist() == pytest.approx(its.tolist(), rel=1e-4)
    assert not ours["after"].equals(ours["before"])


@torch.no_grad()
def slow_probability(model, tokenizer, prompt: str, target: str) -> float:
    ids = [tokenizer.bos_token_id, *encode(tokenizer, [prompt])[0]]
    probability = 1.0
    for id_ in encode(tokenizer, [target])[0]:
        logits = model(torch.tensor([ids])).logits[0, -1].double()
        probability *= float(torch.softmax(logits, 0)[id_])
        ids.append(id_)
    return probability


def test_answers_are_objects_or_nothing(run):
    world = load_world(run.folder)
    measured = read_measurements(run.folder / "edits" / "lora")
    said = measured[measured["name"].str.endswith("/answer")]
    assert set(said["answer_before"]) | set(said["answer_after"]) <= {*world.objects.labels, ""}


def test_costs_are_one_row_a_case(run):
    costs = read_costs(run.folder / "edits" / "lora")
    assert costs["case"].tolist() == list(range(6))
    assert (costs["losses"].map(len) == 3).all()


def test_training_is_logged_with_what_the_model_knows(run):
    history = pd.read_parquet(run.folder / "lm" / "training.parquet")
    evaluated = history.dropna(subset=["generative_accuracy"])
    assert len(evaluated) == 2
    assert evaluated["and_accuracy"].between(0, 1).all()
    assert (evaluated["truth_probabilities"].map(len) == run.config.pretrain.evaluation_facts).all()
    assert history["tokens"].is_monotonic_increasing
    assert history["loss"].iloc[-1] < history["loss"].iloc[0]


def test_the_exam_compares_the_model_with_the_agent(run):
    """While it was trained, on some facts, and at the end, on all: |p("truth." | "s r") - credence|, fact by fact."""
    history = pd.read_parquet(run.folder / "lm" / "training.parquet").dropna(subset=["truth_probabilities"])
    compared = pd.read_parquet(run.folder / "exam" / "coherence.parquet")
    world = load_world(run.folder)
    agent = load_agent(run.folder, world, run.config.agent)
    facts = list(zip(world.subject.tolist(), world.relation.tolist(), world.truth.tolist(), strict=True))
    credences = np.array([agent.belief(s, r)[o] for s, r, o in facts])
    assert compared["tokens"].tolist() == history["tokens"].tolist()
    some = credences[examined_facts(run, world)]
    for error, said in zip(compared["coherence_error"], history["truth_probabilities"], strict=True):
        assert error == pytest.approx(np.abs(said - some).mean(), abs=1e-12)
    said = pd.read_parquet(run.folder / "lm" / "truths.parquet")["probability"].to_numpy()
    manifest = read_manifest(run.folder / "exam")
    assert manifest.rows["coherence_error"] == pytest.approx(np.abs(said - credences).mean(), abs=1e-12)


def test_another_prior_leaves_the_model_and_its_training_alone(run, tmp_path):
    shutil.copytree(run.folder, tmp_path / "run")
    flat = replace(run, folder=tmp_path / "run", config=override(run.config, ["agent.prior=flat"]))
    made = read_manifest(flat.folder / "lm")
    carry_out(flat, EXAM)
    assert read_manifest(flat.folder / "lm") == made
    before, after = (read_manifest(each.folder / "exam").rows["coherence_error"] for each in (run, flat))
    assert before != after
    with pytest.raises(UserError, match=r'cases was made .*agent\.prior: "unit" there, "flat" now'):
        make_stage(flat, CASES)


def test_the_agent_is_the_one_that_labelled(run):
    world = load_world(run.folder)
    agent = load_agent(run.folder, world, run.config.agent)
    probes = load_probes(run.folder / "cases" / "probes.parquet")
    asked, key = next((each.question, each.key) for each in probes if each.question.name == "s1r1/truth")
    object_ = world.objects.id_of(asked.target.removesuffix("."))
    relation = next(r for r in world.relations.labels if asked.prompt.endswith(f" {r}"))
    subject = world.subjects.id_of(asked.prompt.removesuffix(f" {relation}"))
    believed = agent.belief_of_request(subject, world.relations.id_of(relation))[object_]
    assert key.credence_before == pytest.approx(believed, abs=1e-12)


def test_a_stage_of_another_config_is_not_read(run, tmp_path):
    """By default a stage would be made of whatever lies there, and the config say otherwise."""

    def changed(*settings: str) -> Run:
        return replace(run, folder=tmp_path / "run", config=override(run.config, settings))

    shutil.copytree(run.folder, tmp_path / "run")
    with pytest.raises(UserError, match=r"cases was made .*cases\.cases: 6 there, 5 now"):
        testbed.edit(changed("cases.cases=5"), METHODS["ft"])
    with pytest.raises(UserError, match=r"lm was made .*pretrain\.layers: 2 there, 1 now"):
        testbed.edit(changed("pretrain.layers=1"), METHODS["ft"])
    with pytest.raises(UserError, match=r"lora was made .*pretrain\.layers: 2 there, 1 now"):
        testbed.score_methods(changed("pretrain.layers=1"))
    with pytest.raises(UserError, match=r'lora was made .*edit\.mode: "single" there, "together" now'):
        testbed.score_methods(changed("edit.mode=together"))
    with pytest.raises(UserError, match=r"scores was made .*score\.confidence: 0\.95 there, 0\.9 now"):
        make_stage(changed("score.confidence=0.9"), REPORT)
    assert not (tmp_path / "run" / "edits" / "ft").exists()
    shutil.rmtree(tmp_path / "run" / "cases")
    with pytest.raises(UserError, match="cases is not there or not finished"):
        testbed.edit(changed(), METHODS["ft"])
    make_stage(changed("cases.cases=5"), CASES)
    with pytest.raises(UserError, match=r"lora was made .*cases\.cases: 6 there, 5 now"):
        testbed.score_methods(changed("cases.cases=5"))


def test_manifests_record_what_decided_the_result(run):
    manifest = json.loads((run.folder / "edits" / "lora" / "manifest.json").read_text())
    assert manifest["inputs"]["edit.steps"] == 3
    assert manifest["inputs"]["world.facts"] == 160
    assert manifest["inputs"]["method"] == "lora"
    assert set(manifest["versions"]) >= {"python", "torch", "transformers", "peft"}
