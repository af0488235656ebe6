"""The commands that inspect a run: describe, verify."""

from __future__ import annotations

from pathlib import Path

import click

from worldgen.errors import UserError
from worldgen.evaluate.commands.options import JSON_OPTION, RUN_ARGUMENT, existing_config
from worldgen.evaluate.commands.output import print_result


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
    """Compare every file of the finished stages with its recorded hash.

    Example: worldgen verify runs/demo
    """
    from worldgen.storage.manifests import MANIFEST, verify

    existing_config(run)
    stages = sorted(path.parent for path in run.rglob(MANIFEST))
    wrong = {str(folder.relative_to(run)): verify(folder) for folder in stages}
    lines = [f"{name}: {'as recorded' if not faults else '; '.join(faults)}" for name, faults in wrong.items()]
    print_result(wrong, "\n".join(lines), as_json)
    broken = [name for name, faults in wrong.items() if faults]
    if broken:
        raise UserError(f"not as recorded: {', '.join(broken)}: delete these folders and what follows, then run again")
