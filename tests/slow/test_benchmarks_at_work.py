"""benchmarks/paper.py, pretrain.py, slag.py and learned.py at work: in pieces, contenders that agree, a floor."""

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


def test_a_few_updates_of_beliefs_and_their_floor():
    def updated(*options):
        command = [sys.executable, benchmark_files.FOLDER / "slag.py", "--training-tokens", "2000", "--device", "cpu"]
        return subprocess.run([*map(str, command), *options, "--json"], capture_output=True, text=True)

    done = updated("--points", "4", "--random", "3", "--set", "ft.steps=2")
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout)
    assert said["points"] == 4
    assert said["steps_per_update"] == 2
    assert said["questions"] >= 2 * 2 * 4 * (1 + 3)  # before and after, two each: the main one and the random ones
    assert said["seconds"] > said["updates_made_seconds"] > 0
    assert said["times_the_floor"] > 0
    too_many = updated("--points", "4000", "--random", "0", "--method", "none")
    assert too_many.returncode == 1
    assert "wrong beliefs for 4000 points" in too_many.stderr


def test_a_learned_optimizer_is_measured_both_ways():
    command = [sys.executable, benchmark_files.FOLDER / "learned.py", "--sequences", "2", "--random", "2"]
    options = ["--pairs", "1", "--most", "2", "--device", "cpu", "--json"]
    done = subprocess.run([*map(str, command), *options], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout)
    assert 0 < said["gradient_difference"] < 1e-5  # float32 in another order
    assert said["factor"] > 0
    flat = {each["entries"] for each in said["kept_for_backward"].values()}
    assert len(flat) == 1
    one_step, two_steps = said["kept_by_one_pass_for_all_steps"].values()
    assert one_step < two_steps
    assert said["kept_by_training_the_model"] > 0
    assert all(rate > 0 for rate in said["gflop_a_cpu_second"].values())
    five, one, lora = said["mflop_of_an_edit"].values()
    assert 0 < one < five < lora
