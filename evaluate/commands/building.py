"""The commands that make a world, and a whole run: run, build, generate."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from worldgen.evaluate.commands.stage_command import UNTRAINED_OPTION, stage_command
from worldgen.evaluate.methods.methods import METHODS

if TYPE_CHECKING:
    from worldgen.evaluate.runs.run import Run


@stage_command("run")
@UNTRAINED_OPTION
def run_command(run: Run, method: str) -> tuple[dict[str, Any], str]:
    """Make every stage in order. Finished stages are skipped, a half-done one goes on where it was.

    Example: worldgen run runs/demo --preset tiny
    """
    from worldgen.evaluate.commands import summary
    from worldgen.evaluate.stages.slag import whole as slag
    from worldgen.evaluate.stages.sources import whole as sources
    from worldgen.evaluate.stages.whole import run_everything

    if run.config.system == "slag":
        slag.run_everything(run, [METHODS["ft"], METHODS[method]])
        return summary.beliefs(run.folder, run.config, with_page=True)
    if run.config.system == "sources":
        sources.run_everything(run, [METHODS["ft"], METHODS[method]])
        return summary.trust(run.folder, run.config, with_page=True)
    run_everything(run, METHODS[method])
    return summary.scores(run.folder, with_page=True)


@stage_command("build")
def build_command(run: Run) -> tuple[dict[str, Any], str]:
    """Make graph, world, corpus, tokens, agent and cases.

    Example: worldgen build runs/demo --preset tiny --kg builtin
    """
    from worldgen.evaluate.commands import summary
    from worldgen.evaluate.stages.whole import build

    build(run)
    return summary.stages(run.folder)


@stage_command("generate")
@click.option("--to", required=True, metavar="URL", help="s3://, gs://, ftp:// ... whatever fsspec knows, or a folder.")
def generate_command(run: Run, to: str) -> tuple[dict[str, Any], str]:
    """Make graph and world here; have the workers write corpus and tokens to an object store, and not here.

    Example: worldgen generate runs/large --preset paper --engine ray --to s3://bucket/large
    """
    from worldgen.evaluate.stages.generate import generate
    from worldgen.storage.stores import store_at

    rows = generate(run, store_at(to))
    return rows, "\n".join(f"{name}: {count}" for name, count in rows.items())
