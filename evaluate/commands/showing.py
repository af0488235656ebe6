"""The commands that show a run or its settings: config, describe, verify."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from worldgen.errors import UserError
from worldgen.evaluate.commands.options import (
    CONFIG_OPTIONS,
    JSON_OPTION,
    RUN_ARGUMENT,
    ConfigOptions,
    config_from,
    existing_config,
    with_options,
)
from worldgen.evaluate.commands.output import print_result
from worldgen.evaluate.runs.config import to_toml


@click.command("config")
@with_options(CONFIG_OPTIONS)
@JSON_OPTION
def config_command(as_json: bool, **options: Any) -> None:
    """Print the complete config, as TOML that --config reads back.

    Example: worldgen config --preset small > small.toml
    """
    config = config_from(None, ConfigOptions(**options))
    print_result(config.model_dump(mode="json"), to_toml(config).rstrip(), as_json)


@click.command("describe")
@RUN_ARGUMENT
@JSON_OPTION
def describe_command(run: Path, as_json: bool) -> None:
    """Describe the world: sizes beside the paper's, relations, dependent pairs, examples, and what was left out.

    Example: worldgen describe runs/demo
    """
    from worldgen.evaluate.commands.world_reader import read_built_world
    from worldgen.evaluate.inquiry.describe import describe
    from worldgen.evaluate.inquiry.describe_text import description_text

    config = existing_config(run)
    world = describe(read_built_world(run), config.world, config.corpus)
    print_result(world.as_json(), description_text(world), as_json)


@click.command("verify")
@RUN_ARGUMENT
@JSON_OPTION
def verify_command(run: Path, as_json: bool) -> None:
    """Compare config.toml and every file of the stages with its recorded hash.

    Example: worldgen verify runs/demo
    """
    from worldgen.storage.manifests import INPUTS, MANIFEST, verify

    existing_config(run)
    stages = sorted({path.parent for name in (MANIFEST, INPUTS) for path in run.rglob(name)})
    wrong = {str(folder.relative_to(run)): verify(folder) for folder in stages}
    lines = [f"{name}: {'as recorded' if not faults else '; '.join(faults)}" for name, faults in wrong.items()]
    print_result(wrong, "\n".join(lines), as_json)
    broken = [name for name, faults in wrong.items() if faults]
    if broken:
        raise UserError(f"not as recorded: {', '.join(broken)}: delete these folders and what follows, then run again")
