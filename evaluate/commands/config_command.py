"""The command that prints the settings: config."""

from __future__ import annotations

from typing import Any

import click

from worldgen.evaluate.commands.options import CONFIG_OPTIONS, JSON_OPTION, ConfigOptions, config_from, with_options
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
