"""The workbench of a run: its model, and what methods may use, loaded from the run folder."""

from __future__ import annotations

from pathlib import Path

from worldgen.evaluate.methods.methods import Method
from worldgen.evaluate.methods.tracing import load_effects
from worldgen.evaluate.methods.workbench import Workbench
from worldgen.evaluate.runs.load import finished, load_agent, load_world
from worldgen.evaluate.runs.run import Run
from worldgen.evaluate.stages.language_model import LM, TRACE
from worldgen.evaluate.stages.world import CORPUS, TOKENS
from worldgen.evaluate.testbed.cases import load_cases
from worldgen.lm.model import load_model
from worldgen.lm.tokenizer import load_tokenizer


def workbench_of(run: Run, method: Method, keeps: Path, cases: Path | None) -> Workbench:
    """Returns the workbench for a method that keeps its files in one folder, and edits for the cases in another."""
    config, world = run.config, load_world(run.folder)
    return Workbench(
        settings=getattr(config, method.section),
        edit=config.edit,
        pretrain=config.pretrain,
        seed=config.training_seed,
        model=load_model(run.folder / LM.name / "final", run.torch_device),
        tokenizer=load_tokenizer(run.folder / TOKENS.name / "tokenizer"),
        world=world,
        cases=load_cases(cases / "cases.parquet") if cases else [],
        corpus=run.folder / CORPUS.name,
        tokens=run.folder / TOKENS.name,
        optimizer=run.folder / "optimizers" / method.name,
        keeps=keeps,
        agent=lambda: load_agent(run.folder, world, config.agent),
        effects=lambda: load_effects(finished(run.folder / TRACE.name)),
    )
