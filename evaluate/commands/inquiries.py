"""The commands that only read a run, or that work beside it: ask, verify, describe, export, fetch, config."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click

from worldgen.errors import UserError
from worldgen.evaluate.commands.options import (
    CONFIG_OPTIONS,
    JSON_OPTION,
    QUIET_OPTION,
    RUN_ARGUMENT,
    config_from,
    existing_config,
    with_options,
)
from worldgen.evaluate.runs import config as configs


@click.command("ask")
@RUN_ARGUMENT
@click.argument("subject", required=False)
@click.argument("relation", required=False)
@click.option(
    "--statement",
    "statements",
    multiple=True,
    metavar='"S | R | O and S | R | O"',
    help="Ask for the credence in a statement: an atom, not, and, or (repeatable).",
)
@click.option("--edit", "edits", multiple=True, metavar='"S | R | O"', help="Revise the agent by this (repeatable).")
@click.option("--weight", default="auto", show_default=True, help="Observations an edit is worth; auto is n'.")
@click.option("--credence", type=float, help="What auto lifts a request to.  [default: the run's target, 0.95]")
@click.option("--given", metavar='"R | O"', help="Suppose this of the relation that RELATION depends on.")
@click.option("--object", "object_", metavar="O", help="Tell of this object too, and explain it.")
@click.option("--explain", is_flag=True, help="Say why: sentences of the corpus, terms of the sum, rows that moved.")
@click.option("--top", default=5, show_default=True, type=click.IntRange(min=1), help="How many objects.")
@JSON_OPTION
def ask_command(
    run: Path, subject: str | None, relation: str | None, statements: tuple[str, ...], edits: tuple[str, ...],
    weight: str, credence: float | None, given: str | None, object_: str | None, explain: bool, top: int, as_json: bool,
) -> None:  # fmt: skip
    """The agent's most probable objects and credences, before and after edits.

    SUBJECT "." is one that the corpus never named. An edit may bring its own weight: "S | R | O | 1000".

    Example: worldgen ask runs/demo "Ada Lovelace" "occupation" --edit "Ada Lovelace | educated at | Yale"
    """
    from dataclasses import asdict

    from worldgen.evaluate.inquiry.ask import Question, as_text, ask, judge, load_minds

    config = existing_config(run)
    _one_question(subject, relation, statements, given, object_, explain)
    minds = load_minds(run, config, edits, weight, credence)
    if subject is None or relation is None:
        judgements = judge(minds, statements)
        result, text = asdict(judgements), as_text(judgements)
    else:
        question = Question(subject, relation, given, object_)
        reply = ask(minds, question, top)
        result, text = asdict(reply), as_text(reply)
        if explain:
            from worldgen.evaluate.inquiry import explanation
            from worldgen.evaluate.inquiry.explain import explain as explain_belief

            why = explain_belief(run, config, minds, question, top)
            result, text = result | {"explanation": asdict(why)}, f"{text}\n\n{explanation.as_text(why)}"
    click.echo(json.dumps(result, indent=1, ensure_ascii=False) if as_json else text)


def _one_question(
    subject: str | None, relation: str | None, statements: tuple[str, ...], *of_a_fact: str | bool | None
) -> None:
    """Raises UserError unless there is a fact or there are statements to ask for, with options that go with it."""
    if statements and (subject is not None or any(of_a_fact)):
        raise UserError("--statement stands alone: leave out SUBJECT, RELATION, --given, --object and --explain")
    if not statements and relation is None:
        raise UserError("say what to ask for: SUBJECT and RELATION, or --statement 'subject | relation | object'")


@click.command("verify")
@RUN_ARGUMENT
@JSON_OPTION
def verify_command(run: Path, as_json: bool) -> None:
    """Every artefact of the finished stages against its recorded hash.

    Example: worldgen verify runs/demo
    """
    from worldgen.storage.manifests import MANIFEST, verify

    existing_config(run)
    stages = sorted(path.parent for path in run.rglob(MANIFEST))
    wrong = {str(folder.relative_to(run)): verify(folder) for folder in stages}
    if as_json:
        click.echo(json.dumps(wrong, indent=1, ensure_ascii=False))
    else:
        for name, faults in wrong.items():
            click.echo(f"{name}: {'as recorded' if not faults else '; '.join(faults)}")
    broken = [name for name, faults in wrong.items() if faults]
    if broken:
        raise UserError(f"not as recorded: {', '.join(broken)}: delete these folders and what follows, then run again")


@click.command("describe")
@RUN_ARGUMENT
@JSON_OPTION
def describe_command(run: Path, as_json: bool) -> None:
    """The world at a glance: sizes beside the paper's, relations and pairs, examples, what was left out.

    Example: worldgen describe runs/demo
    """
    from dataclasses import asdict

    from worldgen.evaluate.inquiry import description
    from worldgen.evaluate.inquiry.describe import describe

    world = describe(run, existing_config(run))
    click.echo(json.dumps(asdict(world), indent=1, ensure_ascii=False) if as_json else description.as_text(world))


@click.command("export")
@RUN_ARGUMENT
@click.option(
    "--what", type=click.Choice(["documents", "requests"]), help="[default: documents, or what the format is for]"
)
@click.option(
    "--format",
    "format_",
    type=click.Choice(["parquet", "jsonl", "txt", "easyedit"]),
    help="documents: parquet (default), jsonl, txt; requests: jsonl (default), easyedit.",
)
@click.option("--out", type=click.Path(path_type=Path, file_okay=False), required=True, help="A new folder.")
@JSON_OPTION
@QUIET_OPTION
def export_command(run: Path, what: str | None, format_: Any, out: Path, as_json: bool, quiet: bool) -> None:
    """For other programs: the corpus, or the requests of the editing benchmark with all that is asked about them.

    The documents are text with their sentences, and a dataset card, for `datasets.load_dataset(DIR)`. What the requests
    are, and how another program's answers are scored: docs/other-programs.md.

    Example: worldgen export runs/demo --format parquet --out demo-corpus
    """
    existing_config(run)
    silent = quiet or as_json
    say = lambda text: None if silent else click.echo(text, err=True)  # noqa: E731
    what = what or ("requests" if format_ == "easyedit" else "documents")
    if what == "requests":
        from worldgen.evaluate.testbed.export import FORMATS, export_requests

        format_ = _one_of(what, format_ or "jsonl", tuple(FORMATS))
        rows = export_requests(run, format_, out, say).rows
    else:
        from worldgen.export.documents import export_corpus

        rows = export_corpus(run, _one_of(what, format_ or "parquet", ("parquet", "jsonl", "txt")), out, say).rows
    click.echo(json.dumps({"folder": str(out), **rows}, ensure_ascii=False) if as_json else out)


def _one_of(what: str, format_: Any, formats: tuple[str, ...]) -> Any:
    """The format. Raises UserError if `what` is not written in it."""
    if format_ not in formats:
        raise UserError(f"{what} are not written as {format_}: take --format {' or '.join(formats)}")
    return format_


@click.command("fetch")
@click.argument("graph", type=click.Choice(["wikidata5m"]))
@click.argument("folder", metavar="DIR", type=click.Path(path_type=Path))
@click.option("--mirror", metavar="URL", help="Another web folder with the same files.")
@click.option("--unpack", is_flag=True, help="Unpack the texts too (reading is then faster, 2 GB more).")
@JSON_OPTION
@QUIET_OPTION
def fetch_command(graph: str, folder: Path, mirror: str | None, unpack: bool, as_json: bool, quiet: bool) -> None:
    """Download a knowledge graph, with its checksums; a download that broke off goes on where it was.

    Example: worldgen fetch wikidata5m data/wikidata5m
    """
    from dataclasses import asdict

    from worldgen.graphs.fetching import fetch
    from worldgen.graphs.fetching.download import Console

    silent = quiet or as_json
    console = Console(lambda text: None if silent else click.echo(text, err=True), silent)
    fetched = fetch.fetch(fetch.WIKIDATA5M, folder, mirror or fetch.MIRROR, unpack, console)
    lines = [f"{name}: {state}" for name, state in fetched.files.items()]
    text = "\n".join([*lines, *fetched.unpacked, f"use it with --kg {folder}"])
    click.echo(json.dumps(asdict(fetched), indent=1, ensure_ascii=False) if as_json else text)


@click.command("config")
@with_options(CONFIG_OPTIONS)
@JSON_OPTION
def config_command(as_json: bool, **options: Any) -> None:
    """The complete config, as TOML that --config reads back.

    Example: worldgen config --preset small > small.toml
    """
    config = config_from(None, **options)
    click.echo(json.dumps(config.model_dump(mode="json"), indent=1) if as_json else configs.to_toml(config).rstrip())
