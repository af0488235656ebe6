"""Commands that work on a run folder: what they share."""

from __future__ import annotations

import errno
import os
import traceback
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from pathlib import Path
from typing import Any, Literal

import click

from worldgen.errors import Paused, UserError
from worldgen.evaluate.commands.options import (
    CONFIG_OPTIONS,
    RUN_ARGUMENT,
    WORK_OPTIONS,
    ConfigOptions,
    config_from,
    with_options,
)
from worldgen.evaluate.commands.output import print_result
from worldgen.evaluate.methods.methods import LEARNED, METHODS
from worldgen.evaluate.runs.config import RunConfig


def method_option(*names: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Returns the option `--method` for these methods."""
    every, config = [METHODS[name] for name in names], RunConfig()
    asking = ", ".join(each.name for each in every if each.asks_the_agent(getattr(config, each.section)))
    return click.option(
        "--method", type=click.Choice(names), default="lora", show_default=True,
        help=f"The editing method. These ask the rational agent at every edit: {asking}.",
    )  # fmt: skip


METHOD_OPTION = method_option(*METHODS)
UNTRAINED_OPTION = method_option(*(name for name in METHODS if name not in LEARNED))
"""The methods that edit a model as it is, without a training of their own before."""


def stage_command(name: str) -> Callable[[Callable[..., Any]], click.Command]:
    """Makes a command of a function that takes a `Run`: it holds the folder's lock and keeps the config.

    The function returns the `--json` object, and the text for people.
    """

    def decorate(function: Callable[..., tuple[dict[str, Any], str]]) -> click.Command:
        @wraps(function)
        def command(
            run: Path,
            device: str,
            workers: int | None,
            engine: Literal["local", "ray"],
            as_json: bool,
            quiet: bool,
            **options: Any,
        ) -> None:
            from worldgen.evaluate.runs.run import Run, keeping_config, locked, refuse_foreign_folder
            from worldgen.storage.engines import engine_of

            refuse_foreign_folder(run)
            rest = {name: options.pop(name) for name in list(options) if name not in ConfigOptions.__dataclass_fields__}
            config = config_from(run, ConfigOptions(**options))
            _hush_libraries()
            the_run = Run(run, config, device, engine_of(engine, workers), quiet or as_json)
            if os.environ.get("RANK", "0") != "0":  # one of torchrun's further processes: the first keeps the folder
                if name == "pretrain":
                    function(the_run, **rest)
                return
            with locked(run), _logged(run), keeping_config(the_run):
                result, text = function(the_run, **rest)
            print_result(result, text, as_json)

        return click.command(name)(with_options([RUN_ARGUMENT, *CONFIG_OPTIONS, *WORK_OPTIONS])(command))

    return decorate


def is_full_disk(error: BaseException) -> bool:
    """Returns whether an error says that the disk, or the user's share of it, is full."""
    return isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT)


def is_bad_path(error: BaseException) -> bool:
    """Returns whether an error says that a path is no place to read from, or to write to."""
    return isinstance(error, OSError) and error.filename is not None and error.errno in _BAD_PATHS


_BAD_PATHS = (
    errno.ENOTDIR, errno.EISDIR, errno.ENAMETOOLONG, errno.ELOOP, errno.EACCES, errno.EPERM, errno.EROFS, errno.EEXIST,
)  # fmt: skip


def _hush_libraries() -> None:
    """Keeps libraries' progress bars and notes to themselves out of the terminal."""
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "true")
    os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")
    os.environ.setdefault("HF_HUB_DISABLE_PROGRESS_BARS", "1")
    warnings.filterwarnings("ignore", category=FutureWarning, module="transformers")


@contextmanager
def _logged(run: Path) -> Iterator[None]:
    """Keeps the traceback of a fault of ours in RUN/logs."""
    try:
        yield
    except (UserError, Paused, KeyboardInterrupt, click.ClickException, MemoryError):
        raise
    except Exception as error:
        if is_full_disk(error) or is_bad_path(error):
            raise
        log = run / "logs" / "error.log"
        log.parent.mkdir(exist_ok=True)
        log.write_text(traceback.format_exc())
        click.echo(f"worldgen: a fault of ours, please report it with {log}", err=True)
        raise click.exceptions.Exit(1) from None
