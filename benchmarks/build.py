"""How fast a world is built, and what could not be left out: a table on stdout, everything as JSON in a file.

    python benchmarks/build.py                                  # the built-in graph, from 1,000 to 1,000,000 facts
    python benchmarks/build.py --facts 100000 --round-trip      # the paper's world; every sentence written and read
    python benchmarks/build.py --facts 100000 --wikidata5m DIR  # and Wikidata5m in DIR; made up there if DIR is empty

Every stage runs in a process of its own, so its peak memory is its own (imports included; `imports_bytes` says how
much they are). `floors.py` says what a floor is. A stage's factor is its seconds over its floor's.
"""

from __future__ import annotations

import json
import os
import platform
import sys
import tempfile
from dataclasses import asdict
from datetime import date
from pathlib import Path
from typing import Any

import click
import numpy as np
from build_stages import STAGES, imports, in_own_process, make_stage, read_back
from floors import Rates, floor, measure_rates
from wikidata5m_reading import read_graph

from worldgen.storage.manifests import read_manifest, stage_files

SIZES = (1_000, 3_000, 10_000, 30_000, 100_000, 300_000, 1_000_000)
RESULTS = Path(__file__).parents[1] / "docs" / "results"


@click.command()
@click.option("--facts", multiple=True, default=SIZES, show_default=True, type=click.IntRange(100), help="A world's.")
@click.option(
    "--workers", default=1, show_default=True, type=click.IntRange(1), help="Processes for corpus and tokens."
)
@click.option("--cases", default=5000, show_default=True, type=int, help="Cases, a tenth of the facts at most.")
@click.option("--round-trip", is_flag=True, help="Also write and parse every sentence of every corpus.")
@click.option("--wikidata5m", type=click.Path(path_type=Path, file_okay=False), help="Also read the graph in DIR.")
@click.option("--set", "settings", multiple=True, metavar="KEY=VALUE", help="Change a setting, as `worldgen` does.")
@click.option("--out", type=click.Path(path_type=Path), help="The JSON file.  [default: docs/results/build-DATE.json]")
def main(
    facts: tuple[int, ...], workers: int, cases: int, round_trip: bool, wikidata5m: Path | None,
    settings: tuple[str, ...], out: Path | None,
) -> None:  # fmt: skip
    """Build worlds from the smallest to the largest; exit code 1 if a sentence was not read back as it was."""
    out = out or RESULTS / f"build-{date.today()}.json"
    with tempfile.TemporaryDirectory() as folder:
        rates = in_own_process(measure_rates, Path(folder))
        results: dict[str, Any] = {"machine": machine(), "workers": workers, "rates": asdict(rates)}
        results |= {"imports_bytes": in_own_process(imports), "builds": []}
        for n in sorted(facts):
            run = Path(folder) / str(n)
            options = [*settings_for(n, min(cases, n // 10)), *settings]
            results["builds"].append(build := measure(run, n, options, workers, rates, round_trip))
            click.echo(row(build) if len(results["builds"]) > 1 else f"{header()}\n{row(build)}")
    results["exponents"] = exponents(results["builds"])
    click.echo("\n".join(f"{name}: {value:.2f}" for name, value in results["exponents"].items()))
    if wikidata5m:
        results["wikidata5m"] = in_own_process(read_graph, wikidata5m, list(settings))
        click.echo(json.dumps(results["wikidata5m"], indent=1))
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(json.dumps(results, indent=1) + "\n")
    click.echo(f"written: {out}")
    sys.exit(any(build["round_trip"]["errors"] for build in results["builds"] if round_trip))


def settings_for(facts: int, cases: int) -> list[str]:
    """What makes the paper's world of another size."""
    return [
        f"world.facts={facts}",
        f"graph.builtin_facts={max(int(1.6 * facts), facts + 20)}",
        "graph.max_triples=100000000",
        f"graph.min_cooccurrence={max(10, facts // 100)}",
        f"graph.relations={10 if facts >= 2000 else 4}",
        f"cases.cases={cases}",
    ]


def measure(
    run: Path, facts: int, settings: list[str], workers: int, rates: Rates, round_trip: bool
) -> dict[str, Any]:  # fmt: skip
    """Build one world, a process a stage, and put together what the manifests say."""
    processes = {name: in_own_process(make_stage, name, run, settings, workers) for name in STAGES}
    rows = {name: read_manifest(run / name).rows for name in STAGES}  # type: ignore[union-attr]
    stages = {name: stage_figures(name, run / name, rows, rates) for name in STAGES}
    for name, seconds in processes.items():
        stages[name]["process_seconds"] = round(seconds, 3)
    return {
        "facts": rows["world"]["facts"],
        "asked_for": facts,
        "sentences": rows["corpus"]["sentences"],
        "tokens": rows["tokens"]["tokens"],
        "seconds": round(sum(stage["seconds"] for stage in stages.values()), 3),
        "floor_seconds": round(sum(stage["floor_seconds"] for stage in stages.values()), 4),
        "peak_bytes": max(stage["peak_bytes"] for stage in stages.values()),
        "stages": stages,
        "round_trip": in_own_process(read_back, run, workers) if round_trip else None,
    }


def stage_figures(name: str, folder: Path, rows: dict[str, dict[str, Any]], rates: Rates) -> dict[str, Any]:
    """What one stage took, what it made and what of that could not be left out."""
    manifest = read_manifest(folder)
    assert manifest is not None, f"{folder} is not finished"
    least = floor(name, sum(path.stat().st_size for path in stage_files(folder)), rows, rates)
    figures = {"seconds": manifest.seconds, "factor": round(manifest.seconds / least["floor_seconds"], 1)}
    return figures | least | {"peak_bytes": manifest.peak_memory_bytes, "rows": manifest.rows}


def exponents(builds: list[dict[str, Any]]) -> dict[str, float]:
    """How cost grows, from 10k facts on where there are two such worlds: 1 is linear, less is less.

    The slope b of the least-squares line log y = a + b log x.
    """
    large = [build for build in builds if build["asked_for"] >= 10_000]
    large = large if len(large) > 1 else builds
    if len(large) < 2:
        return {}
    pairs = {"seconds_by_facts": ("facts", "seconds"), "peak_bytes_by_sentences": ("sentences", "peak_bytes")}
    return {
        name: float(np.polyfit(*(np.log([build[key] for build in large]) for key in keys), 1)[0])
        for name, keys in pairs.items()
    }


def header() -> str:
    """The table's head."""
    names = "".join(f"{name:>15}" for name in STAGES)
    sizes = f"{'facts':>10}{'sentences':>12}{'tokens':>15}"
    return f"seconds (times the floor)\n{sizes}{names}{'all':>15}{'peak GB':>9}  read back"


def row(build: dict[str, Any]) -> str:
    """One world's line of the table."""
    figures = [*build["stages"].values(), build | {"factor": build["seconds"] / build["floor_seconds"]}]
    cells = "".join(f"{stage['seconds']:>7.2f} ({stage['factor']:>4.0f}x)".rjust(15) for stage in figures)
    sizes = f"{build['facts']:>10,}{build['sentences']:>12,}{build['tokens']:>15,}"
    back = build["round_trip"]
    said = f"{back['sentences_per_second']:,.0f}/s, {back['errors']} errors" if back else "not asked for"
    return f"{sizes}{cells}{build['peak_bytes'] / 1e9:>9.2f}  {said}"


def machine() -> dict[str, Any]:
    """Where this is measured."""
    return {"system": platform.platform(), "cores": os.cpu_count(), "load": os.getloadavg(), "date": str(date.today())}


if __name__ == "__main__":
    main()
