"""Tracing as stages of a run: the facts that are traced, the site that is rewritten, the page that draws it."""

import json
import shutil
from dataclasses import replace

import miniature
import numpy as np
import pytest

from worldgen.errors import UserError
from worldgen.evaluate.asking.measurements import read_costs, read_measurements
from worldgen.evaluate.commands import summary
from worldgen.evaluate.methods.methods import METHODS
from worldgen.evaluate.methods.tracing import trace_facts
from worldgen.evaluate.runs.config import override
from worldgen.evaluate.runs.run import Run
from worldgen.evaluate.runs.stage import make_stage
from worldgen.evaluate.stages import testbed
from worldgen.evaluate.stages.language_model import TRACE
from worldgen.evaluate.stages.report_material import write_report
from worldgen.evaluate.stages.workbench import workbench_of
from worldgen.lm.inspection.causal_tracing import KINDS, TOKENS, sites_of
from worldgen.lm.model import load_model
from worldgen.lm.tokenizer import load_tokenizer
from worldgen.storage.manifests import read_manifest

SETTINGS = [
    "trace.facts=5", "trace.draws=2", "rome.covariance_tokens=2000", "memit.covariance_tokens=2000", "rome.steps=3",
    "rome.contexts=2", "memit.contexts=2",
]  # fmt: skip


@pytest.fixture(scope="module")
def run(trained_run: Run, tmp_path_factory) -> Run:
    return miniature.variant(trained_run, tmp_path_factory.mktemp("traced"), SETTINGS)


def test_rome_goes_where_it_is_traced(run):
    """The stage is carried out by the edit that needs it; the place in its manifest is the one that is rewritten."""
    testbed.edit(run, METHODS["rome"])
    traced, edited = read_manifest(run.folder / "trace"), read_manifest(run.folder / "edits" / "rome")
    assert traced.rows["facts"] == 5
    assert edited.inputs["trace.facts"] == 5
    assert edited.inputs["rome.steps"] == 3
    layer = traced.rows["layer"]
    assert [name for name in edited.files if name.endswith(".npy")] == [f"covariance-{layer:02d}.npy"]
    result, text = summary.trace(run.folder, run.config)
    assert (result["token"], result["layer"]) == (traced.rows["token"], layer)
    assert len(result["effects"]) == len(TOKENS) * len(KINDS) * 2
    assert json.loads(json.dumps(result)) == result
    assert f"layer {layer}, at the last token of the {traced.rows['token']}" in text
    measured = read_measurements(run.folder / "edits" / "rome")
    asked = measured[measured["name"] == "s1r1/requested"]
    assert (asked["after"] > asked["before"]).mean() > 0.5
    assert (read_costs(run.folder / "edits" / "rome")["flops"] > 0).all()


def test_the_facts_traced_are_known(run):
    """Each is one that the model answers, by the same reader that scores it."""
    from worldgen.evaluate.asking.answers import AnswerReader
    from worldgen.evaluate.runs.load import load_world

    world = load_world(run.folder)
    tokenizer = load_tokenizer(run.folder / "tokens" / "tokenizer")
    reader, model = AnswerReader(tokenizer, world.objects), load_model(run.folder / "lm" / "final", "cpu")
    effects = trace_facts(model, reader, world, run.config.trace, 7, quiet=True)
    facts = effects["fact"].unique()
    prompts = [f"{world.subjects[world.subject[f]]} {world.relations[world.relation[f]]}" for f in facts]
    assert reader.answers(model, prompts) == [world.objects[world.truth[f]] for f in facts]
    assert len(effects) == len(facts) * len(sites_of(2))
    model.lm_head.weight.data.zero_()
    with pytest.raises(UserError, match="train it longer"):
        trace_facts(model, reader, world, run.config.trace, 7, quiet=True)


def test_where_the_user_says(run):
    def editor(name, *settings):
        its_run = replace(run, config=override(run.config, settings))
        keeps = run.folder / "kept" / name
        return METHODS[name].make(workbench_of(its_run, METHODS[name], keeps, run.folder / "cases"))

    place = editor("memit", "memit.layer=1", "memit.token=subject").site
    assert (place.token, place.layer, list(place.factors), len(place.contexts)) == ("subject", 1, [0, 1], 2)
    assert place.contexts[0] == ""
    again = editor("memit", "memit.layer=1", "memit.token=subject").site
    assert place.contexts == again.contexts
    assert all(np.array_equal(place.factors[layer], again.factors[layer]) for layer in (0, 1))
    with pytest.raises(UserError, match=r"rome.layer is 2, but the model has the layers 0 to 1"):
        editor("rome", "rome.layer=2", "rome.token=subject")
    make_stage(run, TRACE)
    shutil.move(run.folder / "trace", run.folder / "hidden")
    with pytest.raises(UserError, match="not there or not finished"):
        editor("rome")
    shutil.move(run.folder / "hidden", run.folder / "trace")


def test_the_page_draws_it(run, tmp_path):
    make_stage(run, TRACE)
    write_report(run, [], tmp_path)
    page = (tmp_path / "index.html").read_text()
    layer = read_manifest(run.folder / "trace").rows["layer"]
    assert f"The MLP that brings back the most is that of layer {layer} at the" in page
    drawn = (tmp_path / "figures" / "tracing.svg").read_text()
    assert all(
        words in drawn for words in ("subject's last token", "relation's last token", "its MLP", "its attention")
    )
