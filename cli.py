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

from worldgen.errors import Paused, UserError
from worldgen.evaluate.commands.agent_commands import ask_command
from worldgen.evaluate.commands.config_command import config_command
from worldgen.evaluate.commands.export_command import export_command
from worldgen.evaluate.commands.fetch_command import fetch_command
from worldgen.evaluate.commands.options import (
    CONFIG_NAMES,
    CONFIG_OPTIONS,
    RUN_ARGUMENT,
    WORK_OPTIONS,
    config_from,
    with_options,
)
from worldgen.evaluate.commands.run_commands import describe_command, verify_command
from worldgen.evaluate.methods.methods import METHODS


def stage_command(name: str) -> Callable[[Callable[..., Any]], click.Command]:
    """A command that works on a run folder: it gets a `Run`, holds the folder's lock, and keeps the config.

    What the function returns is the `--json` object, and with it the text for people.
    """

    def decorate(function: Callable[..., tuple[dict[str, Any], str]]) -> click.Command:
        @wraps(function)
        def command(
            run: Path, device: str, workers: int | None, engine: Any, as_json: bool, quiet: bool, **options: Any
        ) -> None:
            from worldgen.evaluate.runs.run import Run, keeping_config, locked
            from worldgen.storage.engines import engine_of

            rest = {name: options.pop(name) for name in list(options) if name not in CONFIG_NAMES}
            config = config_from(run, **options)
            _hush_libraries()
            the_run = Run(run, config, device, engine_of(engine, workers), quiet or as_json)
            if os.environ.get("RANK", "0") != "0":  # one of torchrun's further processes: the first keeps the folder
                if name == "pretrain":
                    function(the_run, **rest)
                return
            with locked(run), _logged(run), keeping_config(the_run):
                result, text = function(the_run, **rest)
            click.echo(json.dumps(result, indent=1, ensure_ascii=False) if as_json else text)

        return cli.command(name)(with_options([RUN_ARGUMENT, *CONFIG_OPTIONS, *WORK_OPTIONS])(command))

    return decorate


METHOD_OPTION = click.option("--method", type=click.Choice(METHODS), default="lora", show_default=True)


TRAINING_OPTIONS = [
    click.option("--max-minutes", type=click.FloatRange(min=0), help="Stop after so long, with a checkpoint."),
    click.option("--micro-rows", type=click.IntRange(min=1), help="Most rows of a step at a time, if memory is short."),
    click.option(
        "--compile/--no-compile", "compiled", default=None, help="By torch.compile; by default on a GPU only."
    ),
    click.option(
        "--attention", type=click.Choice(["sdpa", "flex_attention"]), default="sdpa", show_default=True,
        help="transformers' implementation.",
    ),
    click.option("--sharded", is_flag=True, help="Several processes share the weights out (FSDP2, for large models)."),
    click.option("--tensorboard", is_flag=True, help="Scalars for TensorBoard in RUN/logs/tensorboard."),
]  # fmt: skip


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
    from worldgen.evaluate.commands import summary
    from worldgen.evaluate.stages import pipeline

    pipeline.run_all(run, method)
    return summary.scores(run.folder, with_page=True)


@stage_command("build")
def build_command(run: Any) -> tuple[dict[str, Any], str]:
    """Graph, world, corpus, tokens, agent, cases.

    Example: worldgen build runs/demo --preset tiny --kg builtin
    """
    from worldgen.evaluate.commands import summary
    from worldgen.evaluate.stages import pipeline

    pipeline.build(run)
    return summary.stages(run.folder)


@stage_command("generate")
@click.option("--to", required=True, metavar="URL", help="s3://, gs://, ftp:// ... whatever fsspec knows, or a folder.")
def generate_command(run: Any, to: str) -> tuple[dict[str, Any], str]:
    """Graph and world here; corpus and tokens straight from the workers to an object store, and not here.

    Example: worldgen generate runs/large --preset paper --engine ray --to s3://bucket/large
    """
    from worldgen.evaluate.stages.generate import generate
    from worldgen.storage.stores import store_at

    rows = generate(run, store_at(to))
    return rows, "\n".join(f"{name}: {count}" for name, count in rows.items())


@stage_command("pretrain")
@with_options(TRAINING_OPTIONS)
def pretrain_command(run: Any, tensorboard: bool, **execution: Any) -> tuple[dict[str, Any], str]:
    """Train the model on the corpus that was built; one that was stopped goes on.

    Example: worldgen pretrain runs/demo --max-minutes 30

    On several GPUs: torchrun --nproc-per-node 8 -m worldgen pretrain runs/demo
    """
    from worldgen.evaluate.commands import summary
    from worldgen.evaluate.stages import pipeline
    from worldgen.lm.training.trainer import Execution

    pipeline.pretrain_model(run, Execution(**execution), tensorboard)
    return summary.stages(run.folder)


@stage_command("trace")
def trace_command(run: Any) -> tuple[dict[str, Any], str]:
    """Find where the model reads its facts out: noise on the subject, one site at a time put back.

    Example: worldgen trace runs/demo
    """
    from worldgen.evaluate.commands import summary
    from worldgen.evaluate.stages import pipeline

    pipeline.trace(run)
    return summary.trace(run.folder, run.config)


@stage_command("edit")
@METHOD_OPTION
def edit_command(run: Any, method: str) -> tuple[dict[str, Any], str]:
    """Edit the model for every case, ask it before and after, restore it.

    Example: worldgen edit runs/demo --method lora
    """
    from worldgen.evaluate.commands import summary
    from worldgen.evaluate.stages import pipeline

    pipeline.edit(run, method)
    return summary.stages(run.folder)


@stage_command("tune")
@METHOD_OPTION
@click.option(
    "--grid", multiple=True, required=True, metavar="KEY=VALUE,VALUE,...",
    help="Values of one of the method's settings (repeatable: every combination is tried).",
)  # fmt: skip
def tune_command(run: Any, method: str, grid: tuple[str, ...]) -> tuple[dict[str, Any], str]:
    """Search a grid of settings on held-out cases, by the same score for every method.

    Example: worldgen tune runs/demo --method ft --grid ft.learning_rate=1e-5,1e-4 --grid ft.steps=20,100
    """
    from worldgen.evaluate.methods import tune

    found = tune.tune(run, method, grid)
    return found, tune.in_words(found)


@stage_command("trajectory")
@METHOD_OPTION
def trajectory_command(run: Any, method: str) -> tuple[dict[str, Any], str]:
    """Edit as `edit` does, and with fewer steps too: what is right after 0, 1, 2, 5, ... of them.

    Example: worldgen trajectory runs/demo --method lora --set trajectory.steps=[0,10,20]
    """
    from worldgen.evaluate.commands import summary
    from worldgen.evaluate.stages import pipeline

    pipeline.record_trajectory(run, method)
    return summary.stages(run.folder)


@stage_command("score")
@click.option(
    "--measurements", type=click.Path(path_type=Path, exists=True, dir_okay=False), metavar="FILE",
    help="Score what another program measured, too: .parquet, .csv or .jsonl (docs/other-programs.md).",
)  # fmt: skip
@click.option("--model", metavar="PATH_OR_ID", help="Ask a causal model of transformers, too, which nobody edits.")
@click.option("--name", help="What to call these.  [default: the file's or the model's name]")
def score_command(
    run: Any, measurements: Path | None, model: str | None, name: str | None
) -> tuple[dict[str, Any], str]:
    """The editing table of every method that was measured.

    Example: worldgen score runs/demo --json
    """
    from worldgen.evaluate.asking import other_programs as outside
    from worldgen.evaluate.commands import summary
    from worldgen.evaluate.stages import pipeline

    if measurements and model:
        raise UserError("--measurements and --model are two things to score: give one of them at a time")
    if measurements:
        outside.take_measurements(run, measurements, name)
    elif model:
        outside.probe_model(run, model, name)
    elif name:
        raise UserError("--name goes with --measurements or --model")
    pipeline.score_methods(run)
    return summary.scores(run.folder, with_page=False)


@stage_command("report")
def report_command(run: Any) -> tuple[dict[str, Any], str]:
    """The report page.

    Example: worldgen report runs/demo
    """
    from worldgen.evaluate.stages import pipeline

    pipeline.report(run)
    page = str(run.folder / "report" / "index.html")
    return {"page": page}, page


for command in (ask_command, describe_command, export_command, fetch_command, verify_command, config_command):
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
    except (UserError, Paused, KeyboardInterrupt, click.ClickException):
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
    """Run the command; exit codes as in the README: 0 done or paused, 2 the user's mistake, 1 ours, 130 interrupted."""
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
