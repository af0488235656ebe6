"""The rivals of `belief` and its settings of less effort: kept scores, a table, cost against effect as a figure.

    python benchmarks/rivals.py keep docs/results/NAME.csv --cases 60 first:closure-lora=RUN/edits/closure-lora ...
    python benchmarks/rivals.py recall docs/results/NAME.csv first:belief=SCORES.csv COSTS.csv "belief, full"
    python benchmarks/rivals.py table docs/results/NAME.csv
    python benchmarks/rivals.py figure docs/results/NAME.csv docs/results/NAME.svg

`keep` scores the first cases of the measurements in folders, which need not be finished; `first` is a world's name and
`closure-lora` a row's. `recall` adds what `record.py` has kept. Table and figure have the mean over all worlds' cases.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import cycle, product
from pathlib import Path
from typing import Final

import click
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import EngFormatter, NullFormatter

from worldgen.evaluate.asking.measurements import read_costs, read_measurements
from worldgen.evaluate.report.figures.style import COLORS
from worldgen.evaluate.report.figures.svg import svg_of
from worldgen.evaluate.runs.load import config_of, load_world
from worldgen.evaluate.testbed.cases import load_cases
from worldgen.evaluate.testbed.scores import as_table
from worldgen.evaluate.testbed.scoring import Benchmark, score
from worldgen.storage.files import write_text

FILE: Final = click.Path(dir_okay=False, path_type=Path)
COLUMNS: Final = {
    "s1r1": ("acc_s1r1",), "s1r2": ("acc_s1r2",), "s2r1": ("acc_s2r1",), "s2r2": ("acc_s2r2",),
    "coh s1r2": ("coh_s1r2",), "true/false": ("logic_tf_both",), "not": ("logic_not_both",),
    "and": ("logic_and_both",), "or": ("logic_or_both",), "order": ("logic_commute_both",),
}  # fmt: skip
LOGIC: Final = tuple(name for names in COLUMNS.values() for name in names if name.startswith("logic"))
PANELS: Final = {
    "What follows: coherence error": ("coh_s1r2",),
    "Others: accuracy at s2": ("acc_s2r1", "acc_s2r2"),
    "With itself: mean logical error": LOGIC,
}
GROUP: Final = "downstream_changes"
GROUPS: Final = (GROUP, "all")
FRONTIER: Final = "belief, "  # rows whose names begin so are joined by a line


@click.group()
def main() -> None:
    """Keep scores of the rivals as CSV; print a table and draw a figure of such a CSV."""


@main.command("keep")
@click.argument("csv", type=FILE)
@click.argument("measured", nargs=-1, required=True)
@click.option("--cases", type=int, required=True, help="How many cases of a folder are scored, from the first on.")
def keep_command(csv: Path, measured: tuple[str, ...], cases: int) -> None:
    """Score MEASURED folders, each written WORLD:NAME=RUN/edits/METHOD, and write two groups of cases to CSV."""
    _write(csv, [_scored(*_read(each), cases) for each in measured])


@main.command("recall")
@click.argument("csv", type=FILE)
@click.argument("scores")
@click.argument("costs", type=FILE)
@click.argument("name")
def recall_command(csv: Path, scores: str, costs: Path, name: str) -> None:
    """Add to CSV, as NAME, a method of a record, written WORLD:METHOD=SCORES.csv."""
    world, method, record = _read(scores)
    table, spent = pd.read_csv(record), pd.read_csv(costs).set_index("method")
    own = table[table["method"] == method].drop(columns=["mode", "requests", "method"], errors="ignore")
    row = own.assign(world=world, name=name, flops=spent.loc[method, "flops_per_edit"])
    _write(csv, [pd.read_csv(csv), row])


@main.command("table")
@click.argument("csv", type=FILE)
def table_command(csv: Path) -> None:
    """Print the table of the cases whose downstream answer changes."""
    print("\n".join(lines(pd.read_csv(csv))))


@main.command("figure")
@click.argument("csv", type=FILE)
@click.argument("svg", type=FILE)
def figure_command(csv: Path, svg: Path) -> None:
    """Draw cost against effect where the downstream answer changes."""
    table = pd.read_csv(csv)
    write_text(svg, svg_of("rivals", (9.5, 3.6), lambda figure: draw(figure, table)))


def _read(text: str) -> tuple[str, str, Path]:
    """Returns the world, the name and the path in WORLD:NAME=PATH."""
    said, equals, path = text.partition("=")
    world, colon, name = said.partition(":")
    if not (equals and colon):
        raise click.ClickException(f"{text!r}: write it as WORLD:NAME=PATH")
    return world, name, Path(path)


def _scored(world: str, name: str, folder: Path, count: int) -> pd.DataFrame:
    """Returns every cell of the first cases that a folder of measurements holds."""
    run = folder.parents[1]
    config, cases = config_of(run), load_cases(run / "cases" / "cases.parquet")[:count]
    assert config is not None, f"{run} is no run folder"
    rows, costs, numbers = read_measurements(folder), read_costs(folder), {case.case for case in cases}
    rows, costs = (each[each["case"].isin(numbers)] for each in (rows, costs))
    if len(costs) < count:
        raise click.ClickException(f"{folder} holds {len(costs)} cases, not {count}")
    probes = pd.read_parquet(run / "cases" / "probes.parquet")
    scores = score(name, Benchmark(load_world(run), cases, probes), rows, costs, config.score, config.seed)
    assert scores.cost is not None
    return as_table(scores).assign(world=world, name=name, flops=scores.cost.flops_per_edit)


def _write(csv: Path, tables: Sequence[pd.DataFrame]) -> None:
    columns = ["world", "name", "flops", "group", "n", "row", "metric", "mean", "low", "high"]
    every = pd.concat(tables)[columns]
    every = every[every["group"].isin(GROUPS) & (every["row"] != "delta")]
    every.assign(flops=every["flops"].round()).to_csv(csv, index=False, float_format="%.4f")


def means(table: pd.DataFrame, row: str) -> pd.DataFrame:
    """Returns the mean of each metric over all worlds' cases, by name; with the cost ("flops") and n."""
    own = table[(table["group"] == GROUP) & (table["row"] == row)]
    own = own.assign(mean=own["mean"] * own["n"], flops=own["flops"] * own["n"])
    summed = own.groupby(["name", "metric"], sort=False)[["mean", "flops", "n"]].sum().reset_index()
    wide = summed.assign(mean=summed["mean"] / summed["n"]).pivot(index="name", columns="metric", values="mean")
    others = summed.groupby("name", sort=False)[["flops", "n"]].first()
    return wide.assign(flops=others["flops"] / others["n"], n=others["n"]).loc[list(others.index)]


def lines(table: pd.DataFrame) -> Iterator[str]:
    """Yields the lines of the table: before the edit, as the first row's model is, and after each row's."""
    before, after = means(table, "pre").iloc[:1], means(table, "post")
    yield f"| after | cases | {' | '.join(COLUMNS)} | GFLOP |"
    yield "|" + "---|" * (len(COLUMNS) + 3)
    for title, row in [("before", before.iloc[0]), *((f"`{name}`", row) for name, row in after.iterrows())]:
        cells = [f"{row[list(names)].mean():.2f}".replace("0.", ".", 1) for names in COLUMNS.values()]
        cost = "" if title == "before" else f"{row['flops'] / 1e9:.{0 if row['flops'] >= 1e10 else 1}f}"
        yield f"| {title} | {int(row['n'])} | {' | '.join(cells)} | {cost} |"


def draw(figure: Figure, table: pd.DataFrame) -> None:
    """Draws a panel for each effect against the operations of an edit; the settings of `belief` are joined."""
    before, after = means(table, "pre").iloc[0], means(table, "post")
    ours = [name for name in after.index if name.startswith(FRONTIER)]
    looks = dict(zip([name for name in after.index if name not in ours], cycle(product(("model", "ink"), "osD^v"))))
    looks |= dict(zip(ours, product(("agent",), "osD^v"), strict=False))
    for axes, (title, names) in zip(figure.subplots(1, len(PANELS)), PANELS.items(), strict=True):
        effect = after[list(names)].mean(axis=1)
        axes.axhline(before[list(names)].mean(), color=COLORS["muted"], linestyle=":", linewidth=1, label="before")
        frontier = sorted(ours, key=lambda name: after["flops"][name])
        axes.plot(after["flops"][frontier], effect[frontier], color=COLORS["agent"], linewidth=1)
        for name, (color, mark) in looks.items():
            axes.plot(after["flops"][name], effect[name], mark, markersize=5, color=COLORS[color], label=name)
        axes.set(xscale="log", title=title, xlabel="FLOP an edit")
        axes.xaxis.set_major_formatter(EngFormatter(sep=""))
        axes.xaxis.set_minor_formatter(NullFormatter())
        axes.margins(x=0.1, y=0.1)
    figure.legend(*figure.axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=6)


if __name__ == "__main__":
    main()
