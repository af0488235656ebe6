"""What nobody should type, and files that a disk has damaged: one line, exit code 2, nothing written, nothing hangs."""

import hashlib
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import miniature
import pytest
from hypothesis import given
from hypothesis import strategies as st

from worldgen.evaluate.runs.run import Run
from worldgen.storage.manifests import MANIFEST


@pytest.fixture(scope="module")
def run(built_run: Run, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return miniature.variant(built_run, tmp_path_factory.mktemp("runs") / "run").folder


def refused(result: tuple[int, str, str]) -> str:
    """Returns the last line of a refusal."""
    code, out, err = result
    assert (code, out) == (2, ""), err
    assert "Traceback" not in err
    line = err.strip().splitlines()[-1]
    assert line.startswith(("worldgen: ", "Error: "))
    assert len(line) < 800
    return line


@pytest.fixture
def fifo(tmp_path: Path) -> Path:
    os.mkfifo(tmp_path / "fifo.jsonl")
    return tmp_path / "fifo.jsonl"


def test_a_run_that_can_be_no_folder(worldgen, tmp_path: Path, fifo: Path) -> None:
    (tmp_path / "file").write_text("mine")
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    for path, fault in (
        (tmp_path / "file" / "run", "not a directory"),
        (tmp_path / ("a" * 300), "name too long"),
        (tmp_path / "loop", "file exists"),
        (fifo, "is no folder"),
        (Path("/dev/null"), "is no folder"),
        (tmp_path / os.fsdecode(b"\xff"), "cannot be printed"),
    ):
        assert fault in refused(worldgen("build", path, *miniature.OPTIONS))
    assert (tmp_path / "file").read_text() == "mine"
    assert {path.name for path in tmp_path.iterdir()} == {"file", "loop", fifo.name}


def test_a_pipe_or_device_is_not_read(worldgen, run: Path, fifo: Path) -> None:
    for option in ("--config", "--kg"):
        for path in (fifo, Path("/dev/zero")):
            assert "no " in refused(worldgen("build", run.with_name("new"), option, path))
    assert "no regular file" in refused(worldgen("score", run, "--measurements", fifo))
    assert "no regular file" in refused(worldgen("detect", run, "--points", fifo))
    assert not run.with_name("new").exists()


@pytest.mark.parametrize(
    ("edits", "more", "fault"),
    [
        ([], ("--weight", "foo"), "--weight says how an edit counts"),
        ([], ("--credence", "0.9"), "--credence says how an edit counts"),
        ([], ("--source", "xyz"), "--source says how an edit counts"),
        (["| 1e308"], (), "from 0 to 1e+12"),
        (["| nan"], (), "from 0 to 1e+12"),
        ([""], ("--weight", "-1"), "from 0 to 1e+12"),
        ([""], ("--weight", "inf"), "from 0 to 1e+12"),
    ],
)
def test_edits_that_cannot_be(worldgen, run: Path, edits: list[str], more: tuple[str, ...], fault: str) -> None:
    fact = first_fact(run)
    given_edits = [part for edit in edits for part in ("--edit", f"{' | '.join(fact)} {edit}")]
    assert fault in refused(worldgen("ask", run, fact[0], fact[1], *given_edits, *more))


def first_fact(run: Path) -> tuple[str, str, str]:
    from worldgen.evaluate.runs.load import load_world

    world = load_world(run)
    return world.subjects[world.subject[0]], world.relations[world.relation[0]], world.objects[world.truth[0]]


def test_very_long_texts_are_told_briefly(worldgen, run: Path) -> None:
    fact = first_fact(run)
    refused(worldgen("ask", run, "a" * 100_000, fact[1]))
    assert "at most 10,000" in refused(worldgen("ask", run, "--statement", f"{' | '.join(fact)} and " * 100_000))


@pytest.mark.parametrize("value", ["inf", "-inf", "nan"])
@pytest.mark.parametrize("setting", ["pretrain.learning_rate", "corpus.draws", "edit.alpha"])
def test_settings_are_finite(worldgen, tmp_path: Path, setting: str, value: str) -> None:
    refused(worldgen("build", tmp_path / "run", "--preset", "tiny", "--set", f"{setting}={value}"))
    assert not (tmp_path / "run").exists()


def test_more_than_memory_holds(worldgen, run: Path, tmp_path: Path) -> None:
    line = refused(worldgen("build", tmp_path / "run", *miniature.OPTIONS, "--set", "corpus.draws=1000000000000"))
    assert "not enough memory (Unable to allocate" in line


def test_an_empty_model_is_not_the_folder_one_is_in(worldgen, run: Path) -> None:
    assert "names no model" in refused(worldgen("score", run, "--model", ""))
    assert "names no model" in refused(worldgen("detect", run.with_name("mine"), "--model", ""))


# ---- damaged files

ARTEFACTS = ("graph", "world", "corpus", "agent", "cases", "config.toml")
COMMANDS = (("describe",), ("ask",), ("export",), ("build",))


@st.composite
def damages(draw: st.DrawFn) -> tuple[str, float, str, float, int]:
    """A part of the run, which of its files, how it is damaged, where, and which bit."""
    share = st.floats(0, 1, exclude_max=True)
    how = draw(st.sampled_from(["flip", "cut", "remove"]))
    return draw(st.sampled_from(ARTEFACTS)), draw(share), how, draw(share), draw(st.integers(0, 7))


def damage(path: Path, how: str, where: float, bit: int) -> None:
    content = bytearray(path.read_bytes())
    at = int(where * len(content))
    if how == "remove":
        path.unlink()
    elif how == "cut":
        path.write_bytes(content[:at])
    else:
        content[at] ^= 1 << bit
        path.write_bytes(content)


def answer(worldgen, run: Path, command: str, fact: tuple[str, str, str]) -> tuple[int, str, str]:
    """Runs a command on a run folder; returns its code, the hash of what it says, and what it says of progress."""
    arguments = {
        "describe": ("describe", run, "--json"),
        "ask": ("ask", run, *fact[:2], "--edit", " | ".join(fact), "--explain", "--json"),
        "export": ("export", run, "--format", "txt", "--out", run / "out", "--quiet"),
        "build": ("build", run, "--json", "--quiet"),
    }[command]
    code, out, err = worldgen(*arguments)
    if command == "export" and code == 0:
        out = "".join(path.read_text() for path in sorted((run / "out").rglob("*.txt")))
    said = hashlib.sha256(out.encode()).hexdigest() if command != "build" else ""
    return code, said, err.replace(str(run), "RUN")


@given(damage_=damages(), command=st.sampled_from([name for (name,) in COMMANDS]))
def test_a_damaged_run_gives_the_right_answer_or_none(
    run: Path, tmp_path_factory: pytest.TempPathFactory, worldgen_again, right_answers, damage_, command: str
) -> None:
    """Each command on a run with one damaged file: the answer of the undamaged run, or one line that names the file."""
    part, which, how, where, bit = damage_
    folder = tmp_path_factory.mktemp("copy") / "run"
    shutil.copytree(run, folder)
    files = [folder / part] if part == "config.toml" else sorted(p for p in (folder / part).rglob("*") if p.is_file())
    path = files[int(which * len(files))]
    damage(path, how, where, bit)
    code, out, err = answer(worldgen_again, folder, command, first_fact(run))
    if code == 0:
        assert out == right_answers[command]
    else:
        assert code == 2, err
        assert "Traceback" not in err
        line = err.strip().splitlines()[-1]
        assert path.name in line or path.parent.name in line or path.name in {MANIFEST, "inputs.json"}
    shutil.rmtree(folder.parent)


@pytest.fixture(scope="module")
def worldgen_again():
    """As `worldgen`, for many calls of one test."""
    import contextlib
    import io

    from command_line import exit_code_of

    def call(*arguments: object) -> tuple[int, str, str]:
        out, err = io.StringIO(), io.StringIO()
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            code = exit_code_of(*arguments)
        return code, out.getvalue(), err.getvalue()

    return call


@pytest.fixture(scope="module")
def right_answers(run: Path, tmp_path_factory: pytest.TempPathFactory, worldgen_again) -> dict[str, str]:
    """The hash of what each command says on the undamaged run."""
    right = {}
    for (command,) in COMMANDS:
        whole = shutil.copytree(run, tmp_path_factory.mktemp("right") / "run")
        code, right[command], err = answer(worldgen_again, whole, command, first_fact(run))
        assert code == 0, err
    return right


# ---- signals


@pytest.mark.parametrize(
    ("sent", "code", "word"), [(signal.SIGTERM, 143, "terminated"), (signal.SIGINT, 130, "interr")]
)
def test_a_signal_while_the_commands_are_imported_is_told(sent: signal.Signals, code: int, word: str) -> None:
    """The process stops itself in the import, as if a person had been quick."""
    program = (
        "import builtins, os, sys\n"
        "import worldgen.__main__ as entry\n"
        "real = builtins.__import__\n"
        f"def stop(name, *rest): os.kill(os.getpid(), {int(sent)}) if name == 'worldgen.cli' else None; "
        "return real(name, *rest)\n"
        "builtins.__import__ = stop\n"
        "entry.main()\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.returncode == code
    assert word in done.stderr
    assert "Traceback" not in done.stderr
