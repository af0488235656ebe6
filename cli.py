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

from evaluate import inquiries
from evaluate.options import CONFIG_NAMES, CONFIG_OPTIONS, RUN_ARGUMENT, WORK_OPTIONS, config_from, with_options
from worldgen.errors import UserError


def stage_command(name: str) -> Callable[[Callable[..., Any]], click.Command]:
    """A command that works on a run folder: it gets a `Run`, holds the folder's lock, and keeps the config.

    What the function returns is the `--json` object, and with it the text for people.
    """

    def decorate(function: Callable[..., tuple[dict[str, Any], str]]) -> click.Command:
        @wraps(function)
        def command(run: Path, device: str, workers: int, as_json: bool, quiet: bool, **options: Any) -> None:
            from evaluate.run import Run, keeping_config, locked

            rest = {name: options.pop(name) for name in list(options) if name not in CONFIG_NAMES}
            config = config_from(run, **options)
            _hush_libraries()
            the_run = Run(run, config, device, workers, quiet or as_json)
            with locked(run), _logged(run), keeping_config(the_run):
                result, text = function(the_run, **rest)
            click.echo(json.dumps(result, indent=1, ensure_ascii=False) if as_json else text)

        return cli.command(name)(with_options([RUN_ARGUMENT, *CONFIG_OPTIONS, *WORK_OPTIONS])(command))

    return decorate


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


for command in (
    inquiries.ask_command,
    inquiries.describe_command,
    inquiries.export_command,
    inquiries.fetch_command,
    inquiries.verify_command,
    inquiries.config_command,
):
    cli.add_command(command)


def _hush_libraries() -> None:
    """Only what concerns the user reaches the terminal: no bars for saving a file, no library's notes to itself."""
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "true")
    os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")
    os.environ.setdefault("HF_HUB_DISABLE_PROGRESS_BARS", "1")
    warnings.filterwarnings("ignore", category=FutureWarning, module="transformers")


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
