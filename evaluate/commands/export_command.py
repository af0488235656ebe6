"""The command that writes a run's corpus or requests for other programs: export."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import click

from worldgen.errors import UserError
from worldgen.evaluate.commands.options import JSON_OPTION, QUIET_OPTION, RUN_ARGUMENT, existing_config
from worldgen.evaluate.commands.output import print_nothing, print_progress

if TYPE_CHECKING:
    from worldgen.export.documents import Format

ExportFormat = Literal["parquet", "jsonl", "txt", "easyedit"]


@click.command("export")
@RUN_ARGUMENT
@click.option(
    "--what",
    type=click.Choice(["documents", "requests"]),
    help="What to write.  [default: requests for the format easyedit, else documents]",
)
@click.option(
    "--format",
    "format_",
    type=click.Choice(["parquet", "jsonl", "txt", "easyedit"]),
    help="Documents: parquet (default), jsonl, txt; requests: jsonl (default), easyedit.",
)
@click.option("--out", type=click.Path(path_type=Path, file_okay=False), required=True, help="A new folder.")
@JSON_OPTION
@QUIET_OPTION
def export_command(
    run: Path, what: str | None, format_: ExportFormat | None, out: Path, as_json: bool, quiet: bool
) -> None:
    """Write the corpus, or the requests of the editing benchmark with all their questions, for other programs.

    The documents are text with their sentences, and a dataset card, for `datasets.load_dataset(DIR)`.
    docs/other-programs.md says what the requests are, and how another program's answers are scored.

    Example: worldgen export runs/demo --format parquet --out demo-corpus
    """
    existing_config(run)
    say = print_nothing if quiet or as_json else print_progress
    if (what or ("requests" if format_ == "easyedit" else "documents")) == "requests":
        from worldgen.evaluate.runs.load import finished, load_world
        from worldgen.evaluate.testbed.export import export_requests

        cases = finished(run / "cases")
        rows = export_requests(load_world(run), cases, _request_format(format_), out, say).rows
    else:
        from worldgen.export.documents import export_corpus

        rows = export_corpus(run, _document_format(format_), out, say).rows
    click.echo(json.dumps({"folder": str(out), **rows}, ensure_ascii=False) if as_json else out)


def _request_format(format_: ExportFormat | None) -> str:
    """Returns the format of requests, jsonl by default. Raises UserError for a format of documents."""
    if format_ == "parquet" or format_ == "txt":
        raise UserError(f"requests are not written as {format_}: take --format jsonl or easyedit")
    return format_ or "jsonl"


def _document_format(format_: ExportFormat | None) -> Format:
    """Returns the format of documents, parquet by default. Raises UserError for a format of requests."""
    if format_ == "easyedit":
        raise UserError("documents are not written as easyedit: take --format parquet or jsonl or txt")
    return format_ or "parquet"
