"""The smallest run that is whole: the settings that make one, for the tests that need every stage."""

from collections.abc import Iterable
from pathlib import Path

from worldgen.evaluate.runs.run import Run

SETTINGS = (
    "graph.builtin_facts=200", "graph.min_cooccurrence=20", "world.facts=160", "corpus.shard_subjects=16",
    "corpus.draws=6", "corpus.min_truths=4", "corpus.shuffles=2", "cases.cases=6", "pretrain.hidden=32",
    "pretrain.intermediate=64", "pretrain.layers=1", "pretrain.heads=2", "pretrain.kv_heads=2",
    "pretrain.tokens=60000", "pretrain.rows_per_step=4", "pretrain.evaluations=2", "pretrain.evaluation_facts=20",
    "edit.steps=3", "edit.chunk_cases=2", "score.bootstrap_samples=200",
)  # fmt: skip
OPTIONS = [part for setting in SETTINGS for part in ("--set", setting)]


def untrained(folder: Path, settings: Iterable[str]) -> Run:
    """A run that is built, with a model that nobody trained: for tests to which any model will do."""
    from worldgen.evaluate.runs.config import override
    from worldgen.evaluate.runs.presets import tiny
    from worldgen.evaluate.runs.run import Run
    from worldgen.evaluate.stages import whole
    from worldgen.evaluate.stages.language_model import LM
    from worldgen.lm.model import new_model
    from worldgen.lm.tokenizer import load_tokenizer
    from worldgen.storage.manifests import begin, finish

    run = Run(folder, override(tiny(), [*SETTINGS, *settings]), device="cpu", quiet=True)
    whole.build(run)
    lm, inputs = run.folder / "lm", LM.inputs(run)
    started = begin(lm, inputs)
    model = new_model(run.config.pretrain, load_tokenizer(run.folder / "tokens" / "tokenizer"), 0)
    model.save_pretrained(lm / "final")
    finish(lm, "lm", inputs, {}, started)
    return run
