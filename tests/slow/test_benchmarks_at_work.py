"""benchmarks/paper.py and pretrain.py at work: a reproduction in pieces, contenders that agree."""

import json
import shutil
import subprocess
import sys

import benchmark_files
import miniature
from click.testing import CliRunner

from worldgen.cli import cli
from worldgen.errors import Paused


def test_a_reproduction_in_miniature_goes_on_from_its_packed_state(tmp_path):
    run, state, results = (tmp_path / name for name in ("run", "state", "results"))
    command = [
        sys.executable, benchmark_files.FOLDER / "paper.py", run, "--preset", "tiny", "--device", "cpu",
        "--state", state, "--results", results, *miniature.OPTIONS,
    ]  # fmt: skip

    def piece(minutes):
        ended = subprocess.run([*map(str, command), "--minutes", str(minutes)], capture_output=True, text=True)
        assert ended.returncode == 0, ended.stderr
        return json.loads(ended.stdout)

    assert not piece(0)["done"]
    options = [str(run), "--preset", "tiny", "--device", "cpu", "--quiet", *miniature.OPTIONS]
    assert CliRunner().invoke(cli, ["build", *options]).exit_code == 0
    assert isinstance(CliRunner().invoke(cli, ["pretrain", *options, "--max-minutes", "0"]).exception, Paused)
    benchmark_files.load("paper").pack(run, state)
    shutil.rmtree(run)
    told = piece(60)  # more than a slow machine takes
    assert told["done"]
    assert told["stages"]["lm"]["parameters"] > 0
    assert told["state_bytes"] > 0
    assert (results / "scores" / "lora.json").exists()
    assert (results / "report" / "index.html").exists()
    assert json.loads((results / "summary.json").read_text())["stages"] == told["stages"]


def test_the_contenders_agree(built_run):
    """The miniature's model and tokens, a few steps: what is checked is the losses, not the speed."""
    pretrain = benchmark_files.load("pretrain")
    config = pretrain.PRESETS["tiny"]().pretrain.model_copy(
        update={"hidden": 32, "intermediate": 64, "layers": 1, "heads": 2, "kv_heads": 2}
    )
    task = pretrain.Task(built_run.folder, config, "cpu", pretrain.WARM_UP + 3)
    results = [pretrain.measure(name, task) for name in pretrain.contenders("cpu")]
    assert pretrain.check(results, "cpu") == []
    assert len(results) == 3
    assert "tokens/s" in pretrain.as_table(results)
