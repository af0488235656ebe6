"""The editing methods by name: the one place where a method is added.

A method whose settings are its own has a section of the config that bears its name ("ft-l": `ft_l`).
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from worldgen.evaluate.runs.config import RunConfig, field_names
from worldgen.evaluate.runs.load import load_agent, load_world
from worldgen.evaluate.testbed.cases import load_cases
from worldgen.lm.editors.settings import RomeConfig

if TYPE_CHECKING:
    from worldgen.evaluate.teaching.teacher import Teacher
    from worldgen.lm.editions import Editor

METHODS = ("lora", "belief", "lora-reference", "ft", "ft-l", "in-context", "retrain", "rome", "memit", "none")
# What `edit` holds beside LoRA's settings: the task, which is one for all methods, and what changes no result.
_NOT_THE_METHODS = {f"edit.{name}" for name in ("mode", "requests", "keep_adapters", "batch_tokens", "chunk_cases")}


def section_of(method: str) -> tuple[str, ...]:
    """The section of the config that holds a method's own settings, if there is one."""
    name = method.replace("-", "_")
    return (name,) if name in RunConfig.model_fields else ()


def is_traced(method: str, config: RunConfig) -> bool:
    """Whether a method goes to where tracing sends it."""
    own = getattr(config, method, None)
    return isinstance(own, RomeConfig) and "traced" in (own.token, own.layer)


def settings_of(method: str) -> list[str]:
    """The settings of the method itself, "ft.learning_rate": its own section's or, where it has none, LoRA's."""
    section, *_ = *section_of(method), "edit"
    return [name for name in field_names() if name.partition(".")[0] == section and name not in _NOT_THE_METHODS]


def steps_setting(method: str) -> str | None:
    """The setting that bounds a method's steps; None for a method without any, and for one that is not ours."""
    steps = [name for name in settings_of(method) if name.endswith(".steps")]
    return steps[0] if steps and method in METHODS and method != "none" else None


def editor_of(
    method: str, config: RunConfig, tokenizer: Any, run_folder: Path, model: Any,
    folder: Path | None = None, cases_folder: Path | None = None,
) -> Editor:  # fmt: skip
    """The editor of that name for this model; what it keeps goes into `folder`, beside its measurements.

    By default these are the benchmark's, and so are the cases.
    """
    folder = folder or run_folder / "edits" / method
    adapters = folder / "adapters" if config.edit.keep_adapters else None
    match method:
        case "lora":
            from worldgen.lm.editors.lowrank.lora import Lora

            return Lora(config.edit, config.edit.mode, tokenizer, adapters)
        case "lora-reference":
            from worldgen.lm.editors.lowrank.lora_reference import LoraReference

            return LoraReference(config.edit, config.edit.mode, tokenizer, adapters)
        case "belief":
            from worldgen.evaluate.methods.locate import covariances_of
            from worldgen.lm.editors.belief.belief import Belief

            teacher = _teacher(config, tokenizer, run_folder, cases_folder or run_folder / "cases")
            covariances = covariances_of(config, model, tokenizer.bos_token_id, run_folder, folder)
            return Belief(config.belief, config.edit.mode, tokenizer, teacher, covariances, adapters)
        case "ft":
            from worldgen.lm.editors.fine_tuning import FineTuning

            return FineTuning(config.ft, config.edit.mode, tokenizer)
        case "ft-l":
            from worldgen.lm.editors.fine_tuning import ConstrainedFineTuning

            return ConstrainedFineTuning(config.ft_l, config.edit.mode, tokenizer)
        case "in-context":
            from worldgen.lm.editors.in_context import InContext

            return InContext(config.in_context, tokenizer)
        case "retrain":
            from worldgen.lm.data import TokenShards
            from worldgen.lm.editors.retrain import Retrain

            corpus = TokenShards(run_folder / "tokens", tokenizer.bos_token_id)
            return Retrain(config.retrain, config.pretrain, config.edit.mode, tokenizer, corpus)
        case "rome" | "memit":
            from worldgen.evaluate.methods.locate import locate
            from worldgen.lm.editors.rewriting.memit import Memit
            from worldgen.lm.editors.rewriting.rome import Rome

            located = locate(method, config, model, tokenizer.bos_token_id, run_folder, folder)
            if method == "rome":
                return Rome(config.rome, config.edit.mode, tokenizer, located)
            return Memit(config.memit, config.edit.mode, tokenizer, located)
        case "none":
            from worldgen.lm.editors.unedited import Unedited

            return Unedited()
    raise AssertionError(f"no method {method}")


def _teacher(config: RunConfig, tokenizer: Any, run_folder: Path, cases_folder: Path) -> Teacher:
    """Who teaches `belief`, and will not speak of these cases' other subjects."""
    from worldgen.evaluate.teaching.teacher import teacher_of

    world, cases = load_world(run_folder), load_cases(cases_folder / "cases.parquet")
    agent = load_agent(run_folder, world, config.agent)
    return teacher_of(world, agent, tokenizer, config.belief, config.edit.mode, cases)
