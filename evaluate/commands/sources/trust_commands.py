"""The commands of sources: who they are, and whom a method trusts."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from worldgen.evaluate.commands.options import JSON_OPTION, RUN_ARGUMENT, existing_config
from worldgen.evaluate.commands.output import print_result
from worldgen.evaluate.commands.stage_command import METHOD_OPTION, stage_command
from worldgen.evaluate.methods.methods import METHODS

if TYPE_CHECKING:
    from worldgen.evaluate.runs.run import Run


@click.command("sources")
@RUN_ARGUMENT
@JSON_OPTION
def sources_command(run: Path, as_json: bool) -> None:
    """List the sources of a world: how often each is right, and how far it is to be trusted.

    Example: worldgen sources runs/sources
    """
    from worldgen.evaluate.inquiry.sources import source_views, sources_text
    from worldgen.evaluate.stages.sources.heard import mind_of, models_trust

    world, mind = mind_of(run, existing_config(run))
    views = source_views(world, mind.trust, models_trust(run, world))
    print_result({view.tag: asdict(view) for view in views}, sources_text(views), as_json)


@stage_command("trust")
@METHOD_OPTION
def trust_command(run: Run, method: str) -> tuple[dict[str, Any], str]:
    """Have a method make the requests of every source, and see whom it trusts.

    Example: worldgen trust runs/sources --method ft
    """
    from worldgen.evaluate.commands import summary
    from worldgen.evaluate.stages.slag.optimizers import trained_for
    from worldgen.evaluate.stages.sources.whole import trust

    trust(run, METHODS[method], trained_for(run, METHODS[method]))
    return summary.trust(run.folder, run.config)
