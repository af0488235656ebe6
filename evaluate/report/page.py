"""The report: one page that needs nothing else (no network, no scripts), and its figures as files.

Everything on it comes from the run folder; labels are users' text, which the template escapes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from worldgen.corpus.sentences import Sentences
from worldgen.errors import UserError
from worldgen.evaluate.asking.measure import read_measurements
from worldgen.evaluate.inquiry.describe import example_sentences, pairs_of, ranked, relations_of
from worldgen.evaluate.methods.compute import at_equal_compute, cheapest, points_of
from worldgen.evaluate.methods.tracing import averages, load_effects
from worldgen.evaluate.report import compute_figures, figures
from worldgen.evaluate.report.tables import (
    COLUMNS,
    GROUP_ORDER,
    MODES,
    STATEMENT_COLUMNS,
    WORDS,
    Columns,
    Group,
    groups_of,
    side_by_side,
)
from worldgen.evaluate.runs.config import RunConfig, to_toml
from worldgen.evaluate.runs.load import load_world, read_scores
from worldgen.evaluate.statistics.bootstrap import Interval
from worldgen.evaluate.testbed.cases import Case, load_cases
from worldgen.evaluate.testbed.questions import SITES
from worldgen.evaluate.testbed.scores import GROUPS
from worldgen.storage.files import read_columns, write_text
from worldgen.storage.manifests import Manifest, read_manifest
from worldgen.worlds.world import World

PAGE = "report.html.jinja"
SITE_WORDS = {
    "s1r1": "the request itself",
    "s1r2": "same subject, other relation",
    "s2r1": "other subject, same relation",
    "s2r2": "other subject, other relation",
}
STATEMENT_WORDS = {"tf": "A is true", "not": "not A", "and": "A and B", "or": "A or B"}
KIND_WORDS = {"atom": "bare facts", "stated": "true or false", "not": "not", "and": "and", "or": "or"}
_STAGES = ("graph", "world", "corpus", "tokens", "agent", "cases", "lm", "trace", "edits/*", "scores")
_COUNT_FORMATS = {int: ",", float: ".3g", str: ""}


class Head(NamedTuple):
    """What stands above the editing table: headings with their widths, names of columns; which columns come after
    a heading's last."""

    headings: dict[str, int]
    names: list[str]
    starts: list[int]


class Answer(NamedTuple):
    """Who says what to "s r", before and after an edit; the model's answer may be "" (no object)."""

    site: str
    prompt: str
    agent: tuple[str, str]
    model: tuple[str, str]


class Example(NamedTuple):
    """One edit, told in full."""

    case: Case
    said: dict[str, str]
    telling: bool
    answers: list[Answer]
    panels: list[figures.Panel]


class Method(NamedTuple):
    """An editing method's part of the page."""

    scores: dict[str, Any]
    groups: list[Group]
    statements: list[Group]
    example: Example
    plots: dict[str, Markup]


@dataclass(frozen=True)
class _Plots:
    """Where figures are saved as files on their way to the page."""

    folder: Path

    def add(
        self, name: str, described: str, inches: tuple[float, float], draw: Callable[..., None], *values: Any
    ) -> Markup:
        """Draw and save a figure; the result is for the page."""
        svg = figures.svg_of(name, inches, lambda figure: draw(figure, *values))
        write_text(self.folder / f"{name}.svg", svg)
        return Markup(figures.for_page(svg, described))  # the labels in it were escaped by matplotlib


def write_report(run_folder: Path, config: RunConfig, methods: list[str], folder: Path) -> None:
    """Write folder/index.html and folder/figures/*.svg about a run whose `methods` are measured and scored.

    Raises UserError if the world, or a method's scores, are not there.
    """
    world, plots = load_world(run_folder), _Plots(folder / "figures")
    manifests = _manifests(run_folder)
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True,
    )  # fmt: skip
    edited = list(_methods(run_folder, world, methods, plots))
    scores = [method.scores for method in edited]
    environment.filters |= {"amount": amount, "bytes": memory, "counts": counts}
    page = environment.get_template(PAGE).render(
        world=world,
        config=config,
        toml=to_toml(config),
        rows={name: manifest.rows for name, manifest in manifests.items()},
        manifests=manifests,
        versions=list(manifests.values())[-1].versions,
        relations=relations_of(world),
        pairs=pairs_of(world),
        popularity=_popularity(world, plots),
        kinds=KIND_WORDS,
        sentences=_example_sentences(world, run_folder / "corpus"),
        head=_head(COLUMNS),
        statements_head=_head(STATEMENT_COLUMNS),
        sites=SITE_WORDS,
        modes=MODES,
        training=_training(run_folder / "lm" / "training.parquet", plots),
        tracing=_tracing(run_folder / "trace", config, plots),
        methods=edited,
        comparison=side_by_side(scores) if len(edited) > 1 else [],
        against_cost=_against_cost(scores, plots) if len(edited) > 1 else None,
        equal=at_equal_compute(scores, config.score.flops) if len(edited) > 1 else None,
        trajectories=_trajectories(scores, plots),
    )
    write_text(folder / "index.html", page)


def amount(value: float) -> str:
    """A quantity to three digits with a prefix: "1.31 M", "607"; whole numbers below ten thousand as they are."""
    if value == int(value) and abs(value) < 10_000:
        return str(int(value))
    for size, prefix in ((1e15, " P"), (1e12, " T"), (1e9, " G"), (1e6, " M"), (1e3, " k")):
        if abs(value) >= size:
            return f"{value / size:.3g}{prefix}"
    return f"{value:.3g}"


def memory(size: int) -> str:
    """A number of bytes: "512 MiB", "1.4 GiB"."""
    return f"{size / 2**30:.1f} GiB" if size >= 2**30 else f"{size / 2**20:.0f} MiB"


def counts(rows: dict[str, Any]) -> str:
    """What a stage counted, on one line."""
    return ", ".join(f"{name.replace('_', ' ')} {value:{_COUNT_FORMATS[type(value)]}}" for name, value in rows.items())


def _head(columns: Columns) -> Head:
    words = WORDS | {site: f"{site[:2]} {site[2:]}" for site in SITES}
    names = [metric.split("_")[1] for metrics in columns.values() for metric in metrics]
    widths = {heading: len(metrics) for heading, metrics in columns.items()}
    return Head(widths, [words.get(name, name) for name in names], list(accumulate(widths.values())))


def _manifests(run_folder: Path) -> dict[str, Manifest]:
    """The finished stages in order: "world", "edits/lora", ..."""
    folders = [folder for stage in _STAGES for folder in sorted(run_folder.glob(stage))]
    found = {str(folder.relative_to(run_folder)): read_manifest(folder) for folder in folders}
    return {name: manifest for name, manifest in found.items() if manifest is not None}


def _example_sentences(world: World, corpus: Path) -> list[tuple[str, str]]:
    """(kind, text) of a few of the corpus's sentences, if it is there."""
    path = corpus / "sentences-00000.parquet"
    return example_sentences(world, Sentences.from_columns(read_columns(path))) if path.exists() else []


def _popularity(world: World, plots: _Plots) -> Markup:
    """How many facts of the graph name each object."""
    described = "Facts that name an object against the rank of the object, both logarithmic"
    return plots.add("popularity", described, (9.6, 2.9), figures.popularity, ranked(world.graph_object))


def _training(path: Path, plots: _Plots) -> Markup | None:
    """The training curves, or None for a model that took no step or is not there."""
    history = pd.read_parquet(path) if path.exists() else pd.DataFrame()
    if history.empty:
        return None
    described = "Training loss, knowledge of the facts and accuracy on statements against tokens"
    return plots.add("training", described, (9.6, 3.1), figures.training, history)


def _tracing(folder: Path, config: RunConfig, plots: _Plots) -> Markup | None:
    """Where the facts are read out, or None where nothing was traced."""
    if read_manifest(folder) is None:
        return None
    effects: dict[tuple[str, str], list[Interval]] = {}
    for site, interval in averages(load_effects(folder), config.score, config.seed):
        effects.setdefault((site.token, site.kind), []).append(interval)
    described = "Probability of the answer that each layer brings back, at the last token of subject and relation"
    return plots.add("tracing", described, (9.6, 3.2), figures.tracing, effects)


def _against_cost(scores: Sequence[dict[str, Any]], plots: _Plots) -> Markup | None:
    """What methods get right against what they cost, or None where no method's operations were counted."""
    if cheapest(scores) is None:
        return None
    described = "Accuracy at s1 r2 after the edit against floating-point operations an edit, a mark for each method"
    points = [points_of(each) for each in scores]
    return plots.add("cost", described, (9.6, 3.4), compute_figures.score_against_cost, points, _telling_group(scores))


def _trajectories(scores: Sequence[dict[str, Any]], plots: _Plots) -> Markup | None:
    """What is right after so many steps, or None where no trajectory was recorded."""
    points = [points_of(each) for each in scores if each["trajectory"]]
    if not points:
        return None
    described = "Accuracy at s1 r1 and s1 r2 against the number of steps, a panel for each method"
    rows = -(-len(points) // compute_figures.MOST_PANELS_A_ROW)
    group = _telling_group(scores)
    return plots.add("trajectories", described, (9.6, 0.7 + 2.5 * rows), compute_figures.trajectories, points, group)


def _telling_group(scores: Sequence[dict[str, Any]]) -> str:
    """The cases whose downstream answer changes; all, where there are none."""
    return "downstream_changes" if scores[0]["groups"]["downstream_changes"]["n"] else "all"


def _methods(run_folder: Path, world: World, names: list[str], plots: _Plots) -> Iterator[Method]:
    scores = {score["method"]: score for score in read_scores(run_folder)}
    if unscored := [name for name in names if name not in scores]:
        raise UserError(f"edits with {unscored[0]} are not scored yet: run `worldgen score {run_folder}` first")
    if not names:
        return
    cases = load_cases(run_folder / "cases" / "cases.parquet")
    probes = pd.read_parquet(run_folder / "cases" / "probes.parquet")
    for name in names:
        measured = read_measurements(run_folder / "edits" / name)
        asked = probes.merge(measured, on=["case", "name"], how="inner", validate="one_to_one")
        yield _method(world, cases, asked, scores[name], plots)


def _method(world: World, cases: Sequence[Case], asked: pd.DataFrame, scores: dict[str, Any], plots: _Plots) -> Method:
    name, groups = scores["method"], scores["groups"]
    example = _example(world, cases, asked)
    shown = {f"{GROUPS[g]}\n(n = {groups[g]['n']})": groups[g] for g in GROUP_ORDER[:2] if groups[g]["n"]}
    changing = np.array([case.downstream_changes for case in cases])
    drawn = {
        "effects": plots.add(
            f"{name}-effects", "Every metric before and after the edit", (9.6, 4.6), figures.effects, shown
        ),
        "one_edit": plots.add(
            f"{name}-one-edit", "Agent and model before and after one edit, in eight panels", (9.6, 5.0),
            figures.one_edit, example.panels,
        ),
        "calibration": plots.add(
            f"{name}-calibration", "Model's probability against agent's credence at s1 r2", (9.6, 3.9),
            figures.calibration, _at_s1r2(asked), changing,
        ),
    }  # fmt: skip
    return Method(scores, groups_of(scores, COLUMNS), groups_of(scores, STATEMENT_COLUMNS), example, drawn)


def _at_s1r2(asked: pd.DataFrame) -> pd.DataFrame:
    """[cases]: what the metric compares at s1 r2: the truth before the edit, the agent's new answer after it."""
    columns: dict[str, pd.Series] = {}
    for phase, role in (("before", "truth"), ("after", "new_mode")):
        rows = asked[asked["name"] == f"s1r2/{role}"].set_index("case")
        columns |= {f"agent_{phase}": rows[f"credence_{phase}"], f"model_{phase}": rows[phase]}
    return pd.DataFrame(columns).reset_index(drop=True)


def _example(world: World, cases: Sequence[Case], asked: pd.DataFrame) -> Example:
    """The first of the most telling cases: the downstream answer changes and the edited model gives the request,
    then those of which the model knew both answers before."""
    answers = asked[asked["name"].isin(["s1r1/answer", "s1r2/answer"])]
    said = {(row["case"], row["name"]): row for row in answers.to_dict("records")}

    def telling(case: Case) -> tuple[bool, ...]:
        request, downstream = said[case.case, "s1r1/answer"], said[case.case, "s1r2/answer"]
        return (
            case.downstream_changes,
            request["answer_after"] == world.objects[case.requested],
            request["answer_before"] == world.objects[case.truth],
            downstream["answer_before"] == downstream["expected_before"],
        )

    case = max(cases, key=telling)
    probes = {row["name"]: row for row in asked[asked["case"] == case.case].to_dict("records")}
    names = {
        "subject": world.subjects[case.subject],
        "relation": world.relations[case.relation],
        "truth": world.objects[case.truth],
        "requested": world.objects[case.requested],
        "relation2": world.relations[case.relation2],
        "a": probes["requested/tf"]["prompt"].removesuffix(" is"),
        "b": probes["b/tf"]["prompt"].removesuffix(" is"),
    }
    return Example(case, names, all(telling(case)[:2]), _answers(probes), list(_panels(probes)))


def _answers(probes: dict[str, dict[Any, Any]]) -> list[Answer]:
    rows = [(site, probes[f"{site}/answer"]) for site in SITES]
    return [
        Answer(
            site, row["prompt"], (row["expected_before"], row["expected_after"]),
            (row["answer_before"], row["answer_after"]),
        )
        for site, row in rows
    ]  # fmt: skip


def _panels(probes: dict[str, dict[Any, Any]]) -> Iterator[figures.Panel]:
    """s1r1 .. s2r2 of the agent's new answer, then true / false, not, and, or of the request."""
    expected = {site: probes[f"{site}/answer"]["expected_after"] for site in SITES}
    named = [(f"{site}/new_mode", f"{site[:2]} {site[2:]}", expected[site]) for site in SITES]
    named += [(f"requested/{form}", words, "true") for form, words in STATEMENT_WORDS.items()]
    for name, title, question in named:
        row = probes[name]
        agent = (float(row["credence_before"]), float(row["credence_after"]))
        yield figures.Panel(title, question, agent, (float(row["before"]), float(row["after"])))
