"""The `worldgen` command: the group, and its exit codes."""

from __future__ import annotations

import sys

import click

from worldgen.errors import Paused, UserError
from worldgen.evaluate.commands import beliefs, building, editing, training
from worldgen.evaluate.commands.agent_commands import ask_command
from worldgen.evaluate.commands.convert_command import convert_points_command
from worldgen.evaluate.commands.export_command import export_command
from worldgen.evaluate.commands.fetch_command import fetch_command
from worldgen.evaluate.commands.internalizing.internalize_command import internalize_command
from worldgen.evaluate.commands.learned.train_editor import train_editor_command
from worldgen.evaluate.commands.seeds.seeds_command import seeds_command
from worldgen.evaluate.commands.showing import config_command, describe_command, verify_command
from worldgen.evaluate.commands.slag.graph_command import graph_command
from worldgen.evaluate.commands.sources import trust_commands
from worldgen.evaluate.commands.stage_command import is_full_disk


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.version_option(package_name="worldgen")
def cli() -> None:
    """A synthetic world in which it is known exactly what a rational mind should believe, and a bench that shows
    how far a language model is from it.

    Example: worldgen run runs/demo --preset tiny
    """


for command in (
    building.run_command,
    building.build_command,
    building.generate_command,
    training.pretrain_command,
    training.trace_command,
    editing.edit_command,
    editing.tune_command,
    editing.trajectory_command,
    editing.score_command,
    editing.report_command,
    beliefs.detect_command,
    beliefs.update_command,
    graph_command,
    train_editor_command,
    trust_commands.sources_command,
    trust_commands.trust_command,
    internalize_command,
    seeds_command,
    ask_command,
    describe_command,
    export_command,
    convert_points_command,
    fetch_command,
    verify_command,
    config_command,
):
    cli.add_command(command)


def main() -> None:
    """Runs the command. Exit codes: 0 done or paused, 2 the user's mistake, 1 ours, 130 interrupted."""
    try:
        # Without standalone mode click hands an exit code back instead of leaving with it.
        code = cli.main(standalone_mode=False) or 0
    except click.ClickException as error:
        error.show()
        code = 2
    except UserError as error:
        code = _refuse(str(error))
    except Paused as pause:
        click.echo(str(pause), err=True)
        code = 0
    except (KeyboardInterrupt, click.Abort):
        click.echo("interrupted: run the same command again to go on", err=True)
        code = 130
    except MemoryError as error:
        code = _refuse(f"there is not enough memory ({error}): lower the setting that asks for so much")
    except OSError as error:
        if is_full_disk(error):
            code = _refuse("the disk is full: make room and run the same command again, nothing finished is lost")
        elif error.filename is not None:  # a fault of ours in a stage has been kept in RUN/logs before it comes here
            code = _refuse(f"{error.filename}: {str(error.strerror).lower()}: give another path")
        else:
            raise
    sys.exit(code)


def _refuse(message: str) -> int:
    """Prints a message in one line; of one that echoes a very long input, only the beginning and the end."""
    line = " ".join(message.split())
    if len(line) > _LONGEST_LINE:
        line = f"{line[: _LONGEST_LINE // 2]} ... {line[-_LONGEST_LINE // 2 :]}"
    click.echo(f"worldgen: {line}", err=True)
    return 2


_LONGEST_LINE = 600  # characters


if __name__ == "__main__":
    main()
