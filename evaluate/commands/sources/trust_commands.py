"""The commands of sources: who they are, and whom a method trusts."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from worldgen.evaluate.commands.options import JSON_OPTION, RUN_ARGUMENT, existing_config
from worldgen.evaluate.commands.output import print_result
from worldgen.evaluate.commands.stage_command import method_option, stage_command
from worldgen.evaluate.methods.methods import METHODS

if TYPE_CHECKING:
    from worldgen.evaluate.runs.run import Run


@click.command("sources")
@RUN_ARGUMENT
@JSON_OPTION
def sources_command(run: Path, as_json: bool) -> None:
    """List the sources of a world: how often each is right, and how far it is to be trusted.

    Those who define variables follow, in a world with definitions.

    Example: worldgen sources runs/sources
    """
    from worldgen.evaluate.inquiry.definers import definer_views, definers_text
    from worldgen.evaluate.inquiry.sources import source_views, sources_text
    from worldgen.evaluate.runs.load import load_world
    from worldgen.evaluate.sources.variables import variable_mind
    from worldgen.evaluate.stages.sources.heard import mind_of, models_trust

    config, world = existing_config(run), load_world(run)
    told: dict[str, dict[str, Any]] = {}
    texts = []
    if len(world.sources) or not len(world.definitions):
        world, mind = mind_of(run, config)
        sources = source_views(world, mind.trust, models_trust(run, world))
        told |= {view.tag: asdict(view) for view in sources}
        texts.append(sources_text(sources))
    if len(world.definitions):
        definers = definer_views(world, variable_mind(world, config.trust.prior).trust)
        told |= {view.tag: asdict(view) for view in definers}
        texts.append(definers_text(definers))
    print_result(told, "\n\n".join(texts), as_json)


@stage_command("trust")
@method_option(*(name for name in METHODS if name != "rational"))  # its network knows requests of nobody only
def trust_command(run: Run, method: str) -> tuple[dict[str, Any], str]:
    """Have a method make the requests of every source, and see whom it trusts.

    Example: worldgen trust runs/sources --method ft
    """
    from worldgen.evaluate.commands import summary
    from worldgen.evaluate.stages.slag.optimizers import trained_for
    from worldgen.evaluate.stages.sources.whole import trust

    trust(run, METHODS[method], trained_for(run, METHODS[method]))
    return summary.trust(run.folder, run.config)
