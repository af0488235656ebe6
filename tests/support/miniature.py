"""The smallest run that is whole, made once for all tests of a session, and variants of it for tests of their own.

The fixtures `built_run` and `trained_run` of conftest.py give the two runs that are shared. Nobody changes them: a test
that needs other settings, or changes a file, takes a `variant`, which makes anew only what its settings decide.
"""

import shutil
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock

from worldgen.evaluate.runs.config import override
from worldgen.evaluate.runs.presets import tiny
from worldgen.evaluate.runs.run import Run, keeping_config, locked
from worldgen.evaluate.runs.stage import in_order
from worldgen.storage.manifests import begin, differing, finish, read_manifest

SETTINGS = (
    "graph.builtin_facts=200", "graph.min_cooccurrence=20", "world.facts=160", "corpus.shard_subjects=16",
    "corpus.draws=6", "corpus.min_truths=4", "corpus.shuffles=2", "cases.cases=6", "pretrain.hidden=32",
    "pretrain.intermediate=64", "pretrain.layers=1", "pretrain.heads=2", "pretrain.kv_heads=2",
    "pretrain.tokens=60000", "pretrain.rows_per_step=4", "pretrain.evaluations=2", "pretrain.evaluation_facts=20",
    "edit.steps=3", "edit.chunk_cases=2", "score.bootstrap_samples=200",
)  # fmt: skip
OPTIONS = [part for setting in SETTINGS for part in ("--set", setting)]

# A model that answers some facts, in two layers to choose from.
TRAINED = ("pretrain.layers=2", "pretrain.tokens=80000", "pretrain.learning_rate=1e-2")


def run_in(folder: Path, *settings: str) -> Run:
    """Returns a miniature run of a folder, with further settings; makes nothing."""
    return Run(folder, override(tiny(), [*SETTINGS, *settings]), device="cpu", quiet=True)


def build(run: Run) -> Run:
    """Builds a run as the command does, with its config beside it."""
    from worldgen.evaluate.stages import whole

    with locked(run.folder), keeping_config(run):
        whole.build(run)
    return run


def train_and_edit(run: Run) -> Run:
    """Makes every stage of a run, edits by LoRA."""
    from worldgen.evaluate.methods.methods import METHODS
    from worldgen.evaluate.stages import whole

    with locked(run.folder), keeping_config(run):
        whole.run_everything(run, METHODS["lora"])
    return run


def variant(run: Run, folder: Path, settings: Iterable[str] = ()) -> Run:
    """Copies a run into a folder and builds it with further settings; what they do not change is not made again."""
    from worldgen.evaluate.stages import whole

    shutil.copytree(run.folder, folder, dirs_exist_ok=True)
    other = Run(folder, override(run.config, settings), device="cpu", quiet=True)
    for stage in in_order(whole.BUILT):
        manifest = read_manifest(folder / stage.name)
        assert manifest is not None
        if differing(manifest.inputs, stage.inputs(other)):
            shutil.rmtree(folder / stage.name)
    return build(other)


def untrained(run: Run, folder: Path, settings: Iterable[str]) -> Run:
    """Returns a variant of a built run with a model that nobody trained: for tests to which any model will do."""
    from worldgen.evaluate.stages.language_model import LM
    from worldgen.lm.model import new_model
    from worldgen.lm.tokenizer import load_tokenizer

    other = variant(run, folder, settings)
    lm, inputs = folder / LM.name, LM.inputs(other)
    started = begin(lm, inputs)
    model = new_model(other.config.pretrain, load_tokenizer(folder / "tokens" / "tokenizer"), 0)
    model.save_pretrained(lm / "final")
    finish(lm, LM.name, inputs, {}, started)
    return other


@contextmanager
def made_once(run: Run, make: Callable[[Run], object]) -> Iterator[Run]:
    """Gives a run that the first process of a session makes and the others wait for; fails if a test changed it."""
    with FileLock(run.folder.with_suffix(".lock")):
        if not (done := run.folder.with_suffix(".done")).exists():
            make(run)
            done.touch()
    before = _files(run.folder)
    yield run
    changed = sorted(str(path) for path, _ in set(_files(run.folder).items()) ^ set(before.items()))
    assert not changed, f"a test changed a run that all tests share, instead of a variant of it: {changed}"


def _files(folder: Path) -> dict[Path, tuple[int, int]]:
    """Returns the size and the time of the last change of every file; locks are nobody's."""
    paths = (path for path in folder.rglob("*") if path.is_file() and path.name != ".lock")
    return {path: ((stat := path.stat()).st_size, stat.st_mtime_ns) for path in paths}
