"""`worldgen graph` in miniature: the model's beliefs are flipped one by one, killed and gone on with, and refused."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import miniature
import networkx as nx
import numpy as np
import pandas as pd
import pytest
from command_line import exit_code_of

from worldgen.errors import UserError
from worldgen.evaluate.asking.measurements import read_costs, read_measurements
from worldgen.evaluate.methods.methods import METHODS
from worldgen.evaluate.runs.config import override
from worldgen.evaluate.runs.presets import slag_tiny
from worldgen.evaluate.runs.run import Run, keeping_config, locked
from worldgen.evaluate.runs.stage import carry_out
from worldgen.evaluate.slag.points import Task
from worldgen.evaluate.stages.slag import graph, whole
from worldgen.evaluate.stages.slag.graph import Wanted, draw_graph
from worldgen.evaluate.stages.slag.points import BASE, believed

SETTINGS = (
    *miniature.SETTINGS, *miniature.TRAINED, "pretrain.tokens=300000", "world.aliases=2", "slag.points=80",
    "ft.learning_rate=1e-3", "ft.steps=40",
)  # fmt: skip
N = 12


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    run = Run(tmp_path_factory.mktemp("graphs"), override(slag_tiny(), SETTINGS), device="cpu", quiet=True)
    with locked(run.folder), keeping_config(run):
        carry_out(run, *whole.WORLD_STAGES)
        carry_out(run, BASE, after=whole.WORLD_STAGES)
    assert draw_graph(run, METHODS["ft"], Wanted(N)) == run.folder / "slag" / "graph" / "ft"
    return run


def statistics(run: Run, method: str = "ft") -> dict:
    return json.loads((run.folder / "slag" / "graph" / method / "statistics.json").read_text())


def test_the_edges_are_what_was_measured(run: Run) -> None:
    """A row of measurements is about one node after one flip: by names and probabilities, without the fast path."""
    nodes = pd.read_parquet(run.folder / "slag" / "graph" / "ft" / "nodes.parquet")
    (folder,) = (run.folder / "slag" / "flips" / "ft").glob("0*")
    rows, number = read_measurements(folder), {id_: u for u, id_ in enumerate(nodes["id"])}
    after: dict[tuple[int, int], dict[str, float]] = {}
    for row in rows.itertuples():
        about, _, form = row.name.partition("/")
        after.setdefault((row.case, number[about]), {})[form.rpartition(", ")[2]] = row.after
    assert len(after) == N * N
    said = {pair: "true" if p["true"] > p["false"] else "false" for pair, p in after.items()}
    expected = {(u, v) for (u, v), answer in said.items() if u != v and answer != nodes["predicted"][v]}
    edges = pd.read_parquet(run.folder / "slag" / "graph" / "ft" / "edges.parquet")
    assert {(row.source, row.target) for row in edges[edges["model"]].itertuples()} == expected
    assert nodes["updated"].tolist() == [said[u, u] for u in range(N)]
    assert statistics(run)["model"]["edges"] == len(expected)
    assert statistics(run)["flipped"] == sum(said[u, u] != nodes["predicted"][u] for u in range(N)) > 0


def test_updates_stop_at_the_flip(run: Run) -> None:
    """The method's own rule would go on until the label has a probability of 0.95."""
    (folder,) = (run.folder / "slag" / "flips" / "ft").glob("0*")
    assert read_costs(folder)["steps"].max() <= 40
    assert read_costs(folder)["steps"].min() < 40
    manifest = json.loads((run.folder / "slag" / "flips" / "ft" / "manifest.json").read_text())
    assert manifest["inputs"]["ft.stop"] == "predicted"


def test_nodes_are_test_points_with_their_predictions(run: Run) -> None:
    nodes = pd.read_parquet(run.folder / "slag" / "graph" / "ft" / "nodes.parquet")
    before = believed(run, Task.TF).of_split("test").main
    assert [before[id_] for id_ in nodes["id"]] == list(zip(nodes["predicted"], nodes["right"], strict=True))
    assert nodes["agent_observes"].tolist() == (nodes["predicted"] == "false").tolist()
    graphml = nx.read_graphml(run.folder / "slag" / "graph" / "ft" / "beliefs.graphml")
    assert len(graphml) == N


def test_a_killed_run_goes_on_and_ends_alike(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Folders of three flips; one is there, one lacks half of its files, two are missing."""
    whole_graph = (run.folder / "slag" / "graph" / "ft" / "edges.csv").read_text()
    folder = shutil.copytree(run.folder, tmp_path / "run")
    monkeypatch.setattr(graph, "_QUESTIONS_AT_ONCE", 3 * N)
    its = Run(folder, run.config, device="cpu", quiet=True)
    flips = folder / "slag" / "flips" / "ft"
    for path in (*flips.glob("0*"), folder / "slag" / "graph"):
        shutil.rmtree(path)
    (flips / "manifest.json").unlink()
    draw_graph(its, METHODS["ft"], Wanted(N))
    kept = {path: path.stat().st_mtime_ns for path in flips.glob("0*/*.parquet")}
    assert len(kept) == 2 * N // 3
    (flips / "manifest.json").unlink()
    shutil.rmtree(flips / "0000006")
    next((flips / "0000003").glob("measurements-*")).unlink()
    shutil.rmtree(folder / "slag" / "graph")
    draw_graph(its, METHODS["ft"], Wanted(N))
    again = {path: path.stat().st_mtime_ns for path in flips.glob("0*/*.parquet")}
    assert again.keys() == kept.keys()
    assert {path.parent.name for path in kept if kept[path] == again[path]} == {"0000000", "0000009"}
    assert (folder / "slag" / "graph" / "ft" / "edges.csv").read_text() == whole_graph


def test_entailed_statements_are_nodes_where_asked(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    """By the command, with LoRA: the terminal has the summary, the JSON the statistics."""
    assert exit_code_of("graph", run.folder, "--method", "lora", "--points", 3, "--entailed", "--json", "--quiet") == 0
    found = json.loads(capsys.readouterr().out)
    nodes = pd.read_parquet(run.folder / "slag" / "graph" / "lora" / "nodes.parquet")
    assert found["model"]["nodes"] == len(nodes) > 3
    assert nodes["id"].str.contains(" entailed ").sum() == len(nodes) - 3
    assert found == statistics(run, "lora")
    assert exit_code_of("graph", run.folder, "--method", "lora", "--points", 3, "--entailed", "--quiet") == 0
    assert "update-transitivity, grandchildren" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--method", "none"), "none cannot flip a belief"),
        (("--method", "belief"), "belief cannot flip a belief"),
        (("--points", 500), "--points 500: there are"),
        (("--method", "rome", "--entailed"), "rome needs one subject in a statement"),
    ],
)
def test_bad_input_is_one_line_and_nothing_is_written(
    run: Run, capsys: pytest.CaptureFixture[str], options: tuple, message: str
) -> None:
    before = sorted(run.folder.rglob("*"))
    assert exit_code_of("graph", run.folder, "--quiet", *options) == 2
    error = capsys.readouterr().err
    assert message in error
    assert len(error.splitlines()) == 1
    assert sorted(run.folder.rglob("*")) == before


def test_a_graph_without_test_points_is_refused(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    own = graph.believed
    monkeypatch.setattr(graph, "believed", lambda *arguments: own(*arguments).of_split("dev"))
    with pytest.raises(UserError, match="there are no test points of TF"):
        draw_graph(run, METHODS["ft"], Wanted(N))


def test_what_update_tuned_is_taken(run: Run, tmp_path: Path) -> None:
    tune = tmp_path / "slag" / "tune" / "ft-correcting.json"
    assert graph.tuned(Run(tmp_path, run.config), METHODS["ft"]).config == run.config
    tune.parent.mkdir(parents=True)
    tune.write_text(json.dumps({"best": {"settings": ["ft.learning_rate=0.5"]}}))
    assert np.isclose(graph.tuned(Run(tmp_path, run.config), METHODS["ft"]).config.ft.learning_rate, 0.5)
