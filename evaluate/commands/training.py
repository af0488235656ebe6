"""The commands of the language model: pretrain, trace."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from worldgen.evaluate.commands.options import with_options
from worldgen.evaluate.commands.stage_command import stage_command

if TYPE_CHECKING:
    from worldgen.evaluate.runs.run import Run


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


@stage_command("pretrain")
@with_options(TRAINING_OPTIONS)
def pretrain_command(run: Run, tensorboard: bool, **execution: Any) -> tuple[dict[str, Any], str]:
    """Train the model on the corpus that was built. A training that was stopped goes on.

    Example: worldgen pretrain runs/demo --max-minutes 30

    On several GPUs: torchrun --nproc-per-node 8 -m worldgen pretrain runs/demo
    """
    from worldgen.evaluate.commands import summary
    from worldgen.evaluate.stages.language_model import pretrain
    from worldgen.lm.training.trainer import Execution

    pretrain(run, Execution(**execution), tensorboard)
    return summary.stages(run.folder)


@stage_command("trace")
def trace_command(run: Run) -> tuple[dict[str, Any], str]:
    """Find where the model reads its facts out: noise on the subject, then one site at a time restored.

    Example: worldgen trace runs/demo
    """
    from worldgen.evaluate.commands import summary
    from worldgen.evaluate.runs.stage import make_stage
    from worldgen.evaluate.stages.language_model import TRACE

    make_stage(run, TRACE)
    return summary.trace(run.folder, run.config)
