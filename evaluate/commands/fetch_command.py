"""The command that downloads a knowledge graph: fetch."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import click

from worldgen.evaluate.commands.options import JSON_OPTION, QUIET_OPTION
from worldgen.evaluate.commands.output import print_nothing, print_progress, print_result


@click.command("fetch")
@click.argument("graph", type=click.Choice(["wikidata5m"]))
@click.argument("folder", metavar="DIR", type=click.Path(path_type=Path))
@click.option("--mirror", metavar="URL", help="Another web folder with the same files.")
@click.option("--unpack", is_flag=True, help="Unpack the texts too (reading is then faster, 2 GB more).")
@JSON_OPTION
@QUIET_OPTION
def fetch_command(graph: str, folder: Path, mirror: str | None, unpack: bool, as_json: bool, quiet: bool) -> None:
    """Download a knowledge graph and check its files' hashes; a broken download goes on where it stopped.

    Example: worldgen fetch wikidata5m data/wikidata5m
    """
    from worldgen.graphs.fetching import fetch
    from worldgen.graphs.fetching.download import Console

    silent = quiet or as_json
    console = Console(print_nothing if silent else print_progress, silent)
    fetched = fetch.fetch(fetch.WIKIDATA5M, folder, mirror or fetch.MIRROR, unpack, console)
    lines = [f"{name}: {state}" for name, state in fetched.files.items()]
    text = "\n".join([*lines, *fetched.unpacked, f"use it with --kg {folder}"])
    print_result(asdict(fetched), text, as_json)
