"""The trained model's trust in the reports that it has read: RUN/sources/heard."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from worldgen.arrays import Ids
from worldgen.evaluate.asking.questions import Question, QuestionKind, fact_prompt
from worldgen.evaluate.runs.config import RunConfig
from worldgen.evaluate.runs.load import finished, load_agent, load_world
from worldgen.evaluate.runs.run import Run
from worldgen.evaluate.runs.stage import Stage
from worldgen.evaluate.sources.rational import SourceMind, source_mind
from worldgen.evaluate.sources.trials import REQUESTED, TAGGED, tagged_prompt
from worldgen.evaluate.stages.language_model import LM
from worldgen.evaluate.stages.world import AGENT, TOKENS, WORLD
from worldgen.storage.files import read_columns, write_table
from worldgen.storage.manifests import read_manifest
from worldgen.worlds.tagged_sources import Part, Reports
from worldgen.worlds.world import NONE, World

HEARD_FILE: Final = "heard.parquet"


def mind_of(run_folder: Path, config: RunConfig) -> tuple[World, SourceMind]:
    """Returns a run's world, and the rational mind that has heard its reports."""
    world = load_world(run_folder)
    return world, source_mind(world, load_agent(run_folder, world, config.agent), config.trust)


def reports_on_report_facts(world: World) -> Reports:
    """Returns the reports of roots that nobody else tells of. Of other facts their upstream fact speaks, too."""
    reports = world.sources.reports
    is_root = world.upstream[reports.fact] == NONE
    return reports.where((world.sources.part[reports.fact] == Part.REPORT) & is_root)


def _ask_about_reports(run: Run, folder: Path) -> Mapping[str, Any]:
    """Asks the model, and the rational mind, for every report of a report fact whether it is so."""
    from worldgen.evaluate.asking.answers import AnswerReader
    from worldgen.evaluate.asking.replies import ask
    from worldgen.lm.model import load_model
    from worldgen.lm.tokenizer import load_tokenizer

    world, mind = mind_of(run.folder, run.config)
    reports = reports_on_report_facts(world)
    reader = AnswerReader(load_tokenizer(run.folder / TOKENS.name / "tokenizer"), world.objects)
    model = load_model(run.folder / LM.name / "final", run.torch_device)
    said = zip(reports.fact.tolist(), reports.source.tolist(), reports.object.tolist(), strict=True)
    questions = [question for number, report in enumerate(said) for question in _questions(world, number, *report)]
    trust, tagged = ask(model, reader, questions).probability.reshape(-1, 2).T
    columns = {"fact": reports.fact, "source": reports.source, "object": reports.object}
    believed = _believed(world, mind, reports.fact, reports.object)
    write_table(folder / HEARD_FILE, columns | {"believed": believed, REQUESTED: trust, TAGGED: tagged})
    return {"reports": len(reports)}


def _questions(world: World, number: int, fact: int, source: int, object_: int) -> list[Question]:
    prompt = fact_prompt(world, int(world.subject[fact]), int(world.relation[fact]))
    target = f"{world.objects[object_]}."
    return [
        Question(number, "report", form, QuestionKind.OBJECT, its, target)
        for form, its in ((REQUESTED, prompt), (TAGGED, tagged_prompt(world, source, prompt)))
    ]


def _believed(world: World, mind: SourceMind, facts: Ids, objects: Ids) -> NDArray[np.float64]:
    """Returns [N]: the rational belief in each report."""
    minds, every = mind.many_after(facts.tolist(), [()] * len(facts)), np.arange(len(facts))
    return minds.requests(every, world.subject[facts], world.relation[facts]).at(objects[:, np.newaxis])[:, 0]


HEARD = Stage(
    "sources/heard", _ask_about_reports, (HEARD_FILE,), settings=("agent", "trust.prior", "trust.weight"),
    reads=(WORLD, AGENT, TOKENS, LM),
)  # fmt: skip


def heard(run_folder: Path) -> dict[str, NDArray]:
    """Returns the columns of heard.parquet. Raises UserError where nobody has asked the model yet."""
    return read_columns(finished(run_folder / HEARD.name) / HEARD_FILE)


def models_trust(run_folder: Path, world: World) -> list[float] | None:
    """Returns the model's mean belief in each source's reports of report facts; None where nobody has asked it yet."""
    if read_manifest(run_folder / HEARD.name) is None:
        return None
    columns = heard(run_folder)
    return [float(columns[REQUESTED][columns["source"] == k].mean()) for k in range(len(world.sources))]
