"""The options that commands share, and the config that follows from them."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from worldgen.errors import UserError
from worldgen.evaluate.runs import config as configs
from worldgen.evaluate.runs import presets
from worldgen.evaluate.runs.load import config_of


class InputFile(click.Path):
    """A file that is there to be read: not a folder, and neither a pipe nor a device, which may never end."""

    def __init__(self) -> None:
        super().__init__(exists=True, dir_okay=False, path_type=Path)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Path:
        """Returns the path; fails as click does for a path of another kind."""
        path = Path(os.fsdecode(super().convert(value, param, ctx)))
        if not path.is_file():
            self.fail(f"{str(path)!r} is no regular file: save what it gives in one", param, ctx)
        return path


class RunFolder(click.Path):
    """The folder of a run. Its name must be text, because files in it say where they are from."""

    def __init__(self) -> None:
        super().__init__(file_okay=False, path_type=Path)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Path:
        """Returns the path; fails as click does for a name that is no text."""
        path = Path(os.fsdecode(super().convert(value, param, ctx)))
        if not str(path).isprintable():
            self.fail(f"{str(path)!r} has a name that cannot be printed: give another", param, ctx)
        return path


RUN_ARGUMENT = click.argument("run", type=RunFolder())
JSON_OPTION = click.option("--json", "as_json", is_flag=True, help="One JSON object on stdout, nothing else.")
QUIET_OPTION = click.option("--quiet", is_flag=True, help="No progress on stderr.")
CONFIG_OPTIONS = [
    click.option("--preset", type=click.Choice(sorted(presets.PRESETS)), help="Sizes to start from."),
    click.option("--size", type=click.Choice(list(presets.SIZES)), help="A model of the paper's family."),
    click.option("--config", "config_file", type=InputFile(), help="A TOML config."),
    click.option("--set", "settings", multiple=True, metavar="KEY=VALUE", help="Change one setting (repeatable)."),
    click.option("--kg", metavar="builtin|DIR|FILE", help="Where the facts come from; FILE may be a Wikidata dump."),
    click.option("--seed", type=int, help="Seed of every random draw."),
    click.option("--strict", is_flag=True, help="Refuse a malformed line of the graph instead of counting it."),
]
WORK_OPTIONS = [
    click.option("--device", type=click.Choice(["auto", "cpu", "cuda"]), default="auto", show_default=True),
    click.option(
        "--workers",
        type=click.IntRange(min=1),
        help="Processes for building and flipping.  [default: 1; ray: all cores]",
    ),
    click.option(
        "--engine",
        type=click.Choice(["local", "ray"]),
        default="local",
        show_default=True,
        help="What builds: processes of this machine, or the Ray cluster of RAY_ADDRESS (without it, one of ours).",
    ),
    JSON_OPTION,
    QUIET_OPTION,
]


def with_options(options: list[Callable]) -> Callable[[Callable], Callable]:
    """Returns one decorator that adds several click options."""

    def decorate(command: Callable) -> Callable:
        for option in reversed(options):
            command = option(command)
        return command

    return decorate


@dataclass(frozen=True)
class ConfigOptions:
    """The options of `CONFIG_OPTIONS`, as click hands them over."""

    preset: str | None
    size: str | None
    config_file: Path | None
    settings: tuple[str, ...]
    kg: str | None
    seed: int | None
    strict: bool


def config_from(run: Path | None, options: ConfigOptions) -> configs.RunConfig:
    """Returns the config that the options ask for: of a file, a preset, the run or else `tiny`; then changed."""
    preset, config_file = options.preset, options.config_file
    if preset and config_file:
        raise UserError("--preset and --config both say where to start: give one of them")
    config = configs.load(config_file) if config_file else presets.PRESETS[preset]() if preset else None
    config = config or (config_of(run) if run else None) or presets.tiny()
    config = presets.with_size(config, options.size) if options.size else config
    values = {"graph.source": _source(options.kg), "seed": options.seed, "graph.strict": options.strict or None}
    given = [f"{key}={json.dumps(value)}" for key, value in values.items() if value is not None]
    return configs.override(config, [*options.settings, *given])


def _source(kg: str | None) -> str | None:
    return kg if kg in (None, "builtin") else str(Path(kg).resolve())


def existing_config(run: Path) -> configs.RunConfig:
    """Returns the config of an existing run folder. Raises UserError where there is none."""
    config = config_of(run)
    if config is None:
        raise UserError(
            f"{run} is no run folder (it has no config.toml): make one with `worldgen run {run} --preset tiny`"
        )
    return config
