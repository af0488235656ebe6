"""`worldgen graph` in miniature: the model's beliefs are flipped one by one, killed and gone on with, and refused."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
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
from worldgen.evaluate.slag.predictions import normalised
from worldgen.evaluate.stages.slag import flipping, graph, whole
from worldgen.evaluate.stages.slag.graph import Wanted, draw_graph
from worldgen.evaluate.stages.slag.points import BASE, believed
from worldgen.storage.engines import Engine, Local

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


def unflipped(run: Run, folder: Path) -> Run:
    """A copy of the run whose beliefs were not flipped yet."""
    shutil.copytree(run.folder, folder, ignore=shutil.ignore_patterns("flips", "slag/graph"))
    shutil.rmtree(folder / "slag" / "graph")
    return Run(folder, run.config, device="cpu", quiet=True)


def edges_of(run: Run) -> pd.DataFrame:
    return pd.read_csv(run.folder / "slag" / "graph" / "ft" / "edges.csv")


def assert_same_edges(one: Run, other: Run) -> None:
    """The same edges; flips in other batches may round their weights otherwise."""
    pd.testing.assert_frame_equal(edges_of(one), edges_of(other), rtol=1e-4)


def test_a_killed_run_goes_on_and_ends_alike(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Folders of three flips; one is there, one lacks half of its files, two are missing."""
    monkeypatch.setattr(flipping, "_QUESTIONS_AT_ONCE", 3 * N)
    its = unflipped(run, tmp_path / "run")
    folder, flips = its.folder, its.folder / "slag" / "flips" / "ft"
    draw_graph(its, METHODS["ft"], Wanted(N))
    whole_graph = (folder / "slag" / "graph" / "ft" / "edges.csv").read_text()
    assert_same_edges(run, its)
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


@pytest.mark.slow
@pytest.mark.parametrize("engine", [Local(2), "ray"], ids=["processes", "ray"])
def test_workers_share_the_flips_out_and_measure_the_same(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest, engine: Engine | str
) -> None:
    """Parts of five flips: a process of its own makes each, or this one all, to the same bytes."""
    workers = request.getfixturevalue("ray_engine") if isinstance(engine, str) else engine
    monkeypatch.setattr(flipping, "_FLIPS_AT_ONCE", 5)
    alone, shared = (unflipped(run, tmp_path / name) for name in ("alone", "shared"))
    draw_graph(alone, METHODS["ft"], Wanted(N))
    draw_graph(replace(shared, engine=workers), METHODS["ft"], Wanted(N))
    parts = {path.name for path in (shared.folder / "slag" / "flips" / "ft").glob("0*")}
    assert parts == {"0000000", "0000005", "0000010"}
    one, other = ((each.folder / "slag" / "graph" / "ft" / "edges.csv").read_text() for each in (alone, shared))
    assert one == other


def test_a_graph_of_answers(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    """GEN: an edge is another answer, and its weight the change of the probability of the one that was given."""
    assert exit_code_of("graph", run.folder, "--method", "ft", "--task", "gen", "--points", 6, "--json", "--quiet") == 0
    found = json.loads(capsys.readouterr().out)
    folder = run.folder / "slag" / "graph" / "ft-gen"
    nodes, edges = pd.read_parquet(folder / "nodes.parquet"), pd.read_parquet(folder / "edges.parquet")
    (flips,) = (run.folder / "slag" / "flips" / "ft-gen").glob("0*")
    rows, number = read_measurements(flips), {id_: u for u, id_ in enumerate(nodes["id"])}
    expected = {}
    for u, of_flip in rows.groupby("case"):
        for id_, pair in of_flip.groupby(of_flip["name"].str.partition("/")[0]):
            answer, held = pair.iloc[0], pair.iloc[1]
            v = number[id_]
            if v != u and normalised(answer["answer_after"]) != nodes["predicted"][v]:
                expected[u, v] = abs(held["after"] - held["before"])
    mine = edges[edges["model"]]
    assert dict(zip(zip(mine["source"], mine["target"], strict=True), mine["weight"], strict=True)) == pytest.approx(
        expected, nan_ok=True
    )
    assert nodes["agent_observes"].all()
    assert found["task"] == "gen"
    assert found["model"]["edges"] == len(expected)


def test_the_curve_begins_with_the_whole_graph(run: Run) -> None:
    found = statistics(run)
    first, edges = found["curve"][0], edges_of(run)
    assert (first["threshold"], first["edges"]) == (0, found["model"]["edges"])
    assert first["precision"]["mean"] == found["agreement"]["precision"]["mean"]
    assert [at["edges"] for at in found["curve"]] == [
        int((edges.loc[edges["model"], "weight"] >= at["threshold"]).sum()) for at in found["curve"]
    ]


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
        (("--method", "none", "--task", "gen"), "none cannot flip a belief: take lora, belief"),
        (("--method", "ke"), "ke is not trained: run `worldgen train-editor"),
        (("--task", "gen", "--entailed"), "--entailed makes statements nodes"),
        (("--task", "gen", "--points", 500), "--points 500: there are"),
        (("--points", 1), "a belief graph needs two points at least"),
        (("--points", 3, "--points", 4), "one number and one file"),
        (("--points", "nobodys.jsonl"), "--points nobodys.jsonl: there is no such file"),
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
