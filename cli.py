"""The `worldgen` command: click wrappers around the stages, nothing else."""

from __future__ import annotations

import errno
import json
import os
import sys
import traceback
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from pathlib import Path
from typing import Any

import click

from worldgen import config as configs
from worldgen.errors import UserError

RUN_ARGUMENT = click.argument("run", type=click.Path(path_type=Path, file_okay=False))
_CONFIG_OPTIONS = [
    click.option("--preset", type=click.Choice(sorted(configs.PRESETS)), help="Sizes to start from."),
    click.option("--config", "config_file", type=click.Path(path_type=Path, dir_okay=False), help="A TOML config."),
    click.option("--set", "settings", multiple=True, metavar="KEY=VALUE", help="Change one setting (repeatable)."),
    click.option("--kg", metavar="builtin|DIR|FILE", help="Where the facts come from; FILE may be a Wikidata dump."),
    click.option("--seed", type=int, help="Seed of every random draw."),
    click.option("--strict", is_flag=True, help="Refuse a malformed line of the graph instead of counting it."),
]
_WORK_OPTIONS = [
    click.option("--device", type=click.Choice(["auto", "cpu", "cuda"]), default="auto", show_default=True),
    click.option("--workers", type=click.IntRange(min=1), default=1, show_default=True, help="Processes for building."),
    click.option("--json", "as_json", is_flag=True, help="One JSON object on stdout, nothing else."),
    click.option("--quiet", is_flag=True, help="No progress on stderr."),
]


def with_options(options: list[Callable]) -> Callable[[Callable], Callable]:
    """Several click options as one decorator."""

    def decorate(command: Callable) -> Callable:
        for option in reversed(options):
            command = option(command)
        return command

    return decorate


def stage_command(name: str) -> Callable[[Callable[..., Any]], click.Command]:
    """A command that works on a run folder: it gets a `Run`, holds the folder's lock, and keeps the config.

    What the function returns is the `--json` object, and with it the text for people.
    """

    def decorate(function: Callable[..., tuple[dict[str, Any], str]]) -> click.Command:
        @wraps(function)
        def command(run: Path, device: str, workers: int, as_json: bool, quiet: bool, **options: Any) -> None:
            from evaluate.run import Run, keeping_config, locked

            rest = {name: options.pop(name) for name in list(options) if name not in _CONFIG_NAMES}
            config = _config(run, **options)
            _hush_libraries()
            the_run = Run(run, config, device, workers, quiet or as_json)
            with locked(run), _logged(run), keeping_config(the_run):
                result, text = function(the_run, **rest)
            click.echo(json.dumps(result, indent=1, ensure_ascii=False) if as_json else text)

        return cli.command(name)(with_options([RUN_ARGUMENT, *_CONFIG_OPTIONS, *_WORK_OPTIONS])(command))

    return decorate


_CONFIG_NAMES = ("preset", "config_file", "settings", "kg", "seed", "strict")
METHOD_OPTION = click.option("--method", type=click.Choice(["lora"]), default="lora", show_default=True)


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.version_option(package_name="worldgen")
def cli() -> None:
    """A synthetic world in which it is known exactly what a rational mind should believe, and a bench that shows
    how far a language model is from it.

    Example: worldgen run runs/demo --preset tiny
    """


@stage_command("run")
@METHOD_OPTION
def run_command(run: Any, method: str) -> tuple[dict[str, Any], str]:
    """Every stage in order; finished ones are skipped, a half-done one goes on where it was.

    Example: worldgen run runs/demo --preset tiny
    """
    from evaluate import pipeline, summary

    pipeline.run_all(run, method)
    return summary.scores(run.folder, with_page=True)


@stage_command("build")
def build_command(run: Any) -> tuple[dict[str, Any], str]:
    """Graph, world, corpus, tokens, agent, cases.

    Example: worldgen build runs/demo --preset tiny --kg builtin
    """
    from evaluate import pipeline, summary

    pipeline.build(run)
    return summary.stages(run.folder)


@stage_command("pretrain")
def pretrain_command(run: Any) -> tuple[dict[str, Any], str]:
    """Train the model on the corpus that was built.

    Example: worldgen pretrain runs/demo
    """
    from evaluate import pipeline, summary

    pipeline.pretrain_model(run)
    return summary.stages(run.folder)


@stage_command("edit")
@METHOD_OPTION
def edit_command(run: Any, method: str) -> tuple[dict[str, Any], str]:
    """Edit the model for every case, ask it before and after, restore it.

    Example: worldgen edit runs/demo --method lora
    """
    from evaluate import pipeline, summary

    pipeline.edit(run, method)
    return summary.stages(run.folder)


@stage_command("score")
def score_command(run: Any) -> tuple[dict[str, Any], str]:
    """The editing table of every method that was measured.

    Example: worldgen score runs/demo --json
    """
    from evaluate import pipeline, summary

    pipeline.score_methods(run)
    return summary.scores(run.folder, with_page=False)


@stage_command("report")
def report_command(run: Any) -> tuple[dict[str, Any], str]:
    """The report page.

    Example: worldgen report runs/demo
    """
    from evaluate import pipeline

    pipeline.report(run)
    page = str(run.folder / "report" / "index.html")
    return {"page": page}, page


@cli.command("ask")
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
@click.option("--json", "as_json", is_flag=True, help="One JSON object on stdout, nothing else.")
def ask_command(
    run: Path, subject: str | None, relation: str | None, statements: tuple[str, ...], edits: tuple[str, ...],
    weight: str, credence: float | None, given: str | None, object_: str | None, explain: bool, top: int, as_json: bool,
) -> None:  # fmt: skip
    """The agent's most probable objects and credences, before and after edits.

    SUBJECT "." is one that the corpus never named. An edit may bring its own weight: "S | R | O | 1000".

    Example: worldgen ask runs/demo "Ada Lovelace" "occupation" --edit "Ada Lovelace | educated at | Yale"
    """
    from dataclasses import asdict

    from evaluate.ask import Question, as_text, ask, judge, load_minds

    config = _existing_config(run)
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
            from evaluate import explanation
            from evaluate.explain import explain as explain_belief

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


@cli.command("verify")
@RUN_ARGUMENT
@click.option("--json", "as_json", is_flag=True, help="One JSON object on stdout, nothing else.")
def verify_command(run: Path, as_json: bool) -> None:
    """Every artefact of the finished stages against its recorded hash.

    Example: worldgen verify runs/demo
    """
    from worldgen.manifest import MANIFEST, verify

    _existing_config(run)
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


@cli.command("describe")
@RUN_ARGUMENT
@click.option("--json", "as_json", is_flag=True, help="One JSON object on stdout, nothing else.")
def describe_command(run: Path, as_json: bool) -> None:
    """The world at a glance: sizes beside the paper's, relations and pairs, examples, what was left out.

    Example: worldgen describe runs/demo
    """
    from dataclasses import asdict

    from evaluate import description
    from evaluate.describe import describe

    world = describe(run, _existing_config(run))
    click.echo(json.dumps(asdict(world), indent=1, ensure_ascii=False) if as_json else description.as_text(world))


@cli.command("export")
@RUN_ARGUMENT
@click.option(
    "--format", "format_", type=click.Choice(["parquet", "jsonl", "txt"]), default="parquet", show_default=True
)
@click.option("--out", type=click.Path(path_type=Path, file_okay=False), required=True, help="A new folder.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object on stdout, nothing else.")
@click.option("--quiet", is_flag=True, help="No progress on stderr.")
def export_command(run: Path, format_: Any, out: Path, as_json: bool, quiet: bool) -> None:
    """The documents as text with their sentences, and a dataset card, for `datasets.load_dataset(DIR)`.

    Example: worldgen export runs/demo --format parquet --out demo-corpus
    """
    from worldgen.export import export_corpus

    _existing_config(run)
    silent = quiet or as_json
    rows = export_corpus(run, format_, out, lambda text: None if silent else click.echo(text, err=True)).rows
    click.echo(json.dumps({"folder": str(out), **rows}, ensure_ascii=False) if as_json else out)


@cli.command("fetch")
@click.argument("graph", type=click.Choice(["wikidata5m"]))
@click.argument("folder", metavar="DIR", type=click.Path(path_type=Path))
@click.option("--mirror", metavar="URL", help="Another web folder with the same files.")
@click.option("--unpack", is_flag=True, help="Unpack the texts too (reading is then faster, 2 GB more).")
@click.option("--json", "as_json", is_flag=True, help="One JSON object on stdout, nothing else.")
@click.option("--quiet", is_flag=True, help="No progress on stderr.")
def fetch_command(graph: str, folder: Path, mirror: str | None, unpack: bool, as_json: bool, quiet: bool) -> None:
    """Download a knowledge graph, with its checksums; a download that broke off goes on where it was.

    Example: worldgen fetch wikidata5m data/wikidata5m
    """
    from dataclasses import asdict

    from worldgen import fetch
    from worldgen.download import Console

    silent = quiet or as_json
    console = Console(lambda text: None if silent else click.echo(text, err=True), silent)
    fetched = fetch.fetch(fetch.WIKIDATA5M, folder, mirror or fetch.MIRROR, unpack, console)
    lines = [f"{name}: {state}" for name, state in fetched.files.items()]
    text = "\n".join([*lines, *fetched.unpacked, f"use it with --kg {folder}"])
    click.echo(json.dumps(asdict(fetched), indent=1, ensure_ascii=False) if as_json else text)


@cli.command("config")
@with_options(_CONFIG_OPTIONS)
@click.option("--json", "as_json", is_flag=True, help="One JSON object on stdout, nothing else.")
def config_command(as_json: bool, **options: Any) -> None:
    """The complete config, as TOML that --config reads back.

    Example: worldgen config --preset small > small.toml
    """
    config = _config(None, **options)
    click.echo(json.dumps(config.model_dump(mode="json"), indent=1) if as_json else configs.to_toml(config).rstrip())


def _hush_libraries() -> None:
    """Only what concerns the user reaches the terminal: no bars for saving a file, no library's notes to itself."""
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "true")
    os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")
    os.environ.setdefault("HF_HUB_DISABLE_PROGRESS_BARS", "1")
    warnings.filterwarnings("ignore", category=FutureWarning, module="transformers")


def _config(
    run: Path | None, preset: str | None, config_file: Path | None, settings: tuple[str, ...],
    kg: str | None, seed: int | None, strict: bool,
) -> configs.RunConfig:  # fmt: skip
    """The config that the options ask for: of a file, a preset, the run itself, or else `tiny`; then changed."""
    from evaluate.load import config_of

    if preset and config_file:
        raise UserError("--preset and --config both say where to start: give one of them")
    config = configs.load(config_file) if config_file else configs.PRESETS[preset]() if preset else None
    config = config or (config_of(run) if run else None) or configs.tiny()
    options = {"graph.source": _source(kg), "seed": seed, "graph.strict": strict or None}
    given = [f"{key}={json.dumps(value)}" for key, value in options.items() if value is not None]
    return configs.override(config, [*settings, *given])


def _source(kg: str | None) -> str | None:
    return kg if kg in (None, "builtin") else str(Path(kg).resolve())


def _existing_config(run: Path) -> configs.RunConfig:
    from evaluate.load import config_of

    config = config_of(run)
    if config is None:
        raise UserError(
            f"{run} is no run folder (it has no config.toml): make one with `worldgen run {run} --preset tiny`"
        )
    return config


@contextmanager
def _logged(run: Path) -> Iterator[None]:
    """Keep the traceback of a fault of ours in RUN/logs."""
    try:
        yield
    except (UserError, KeyboardInterrupt, click.ClickException):
        raise
    except Exception:
        if (error := sys.exception()) is not None and not _is_full_disk(error):
            log = run / "logs" / "error.log"
            log.parent.mkdir(exist_ok=True)
            log.write_text(traceback.format_exc())
            click.echo(f"worldgen: a fault of ours, please report it with {log}", err=True)
            raise click.exceptions.Exit(1) from None
        raise


def _is_full_disk(error: BaseException) -> bool:
    return isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT)


def main() -> None:
    """Run the command; exit codes as in the README: 0 done, 2 the user's mistake, 1 ours, 130 interrupted."""
    try:
        # Without standalone mode click hands an exit code back instead of leaving with it.
        code = cli.main(standalone_mode=False) or 0
    except click.ClickException as error:
        error.show()
        code = 2
    except UserError as error:
        code = _refuse(str(error))
    except (KeyboardInterrupt, click.Abort):
        click.echo("interrupted: run the same command again to go on", err=True)
        code = 130
    except OSError as error:
        if not _is_full_disk(error):
            raise
        code = _refuse("the disk is full: make room and run the same command again, nothing that was finished is lost")
    sys.exit(code)


def _refuse(message: str) -> int:
    click.echo(f"worldgen: {' '.join(message.split())}", err=True)
    return 2


if __name__ == "__main__":
    main()
