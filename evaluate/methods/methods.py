"""The editing methods by name: one value each, and the one place where a method is added."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Literal

from worldgen.lm.editors.learned.settings import (
    ConstrainedConfig,
    KeConfig,
    LearnedConfig,
    OptimizerConfig,
    RationalConfig,
)
from worldgen.lm.editors.settings import (
    BeliefConfig,
    BeliefMemitConfig,
    ConstrainedFineTuningConfig,
    DocumentsConfig,
    FineTuningConfig,
    InContextConfig,
    LoraConfig,
    MemitConfig,
    RetrainConfig,
    RewritingConfig,
    RomeConfig,
)  # fmt: skip
from worldgen.settings import Section

if TYPE_CHECKING:
    from transformers import MistralForCausalLM, PreTrainedModel

    from worldgen.evaluate.methods.workbench import ModelBench, Workbench
    from worldgen.lm.editions import Editor

Need = Literal["agent", "corpus", "trace"]


@dataclass(frozen=True)
class Method:
    """An editing method: its settings, what it is made of, and how."""

    name: str
    """Users call the method by this name; its folder has the same name."""

    make: Callable[[Workbench], Editor[MistralForCausalLM]]
    """Makes the editor."""

    section: str = "edit"
    """The section of the config that holds its settings."""

    fields: tuple[str, ...] = ()
    """The names of its settings within that section."""

    needs: Callable[[Section], tuple[Need, ...]] = lambda _: ()
    """Gives, for its settings, the inputs beside the model: the agent, the corpus, the places that tracing found."""

    keeps_adapters: bool = False
    """Whether it writes adapters where `edit.keep_adapters` asks for them."""

    make_for_any: Callable[[ModelBench], Editor[PreTrainedModel]] | None = None
    """Makes the editor of any causal language model, of which nothing but model and tokenizer is known; None for a
    method that needs the run's world, its corpus or its kind of model."""

    is_trained: bool = False
    """Whether it is trained for the run's model before it edits (`worldgen train-editor`)."""

    def asks_the_agent(self, settings: Section) -> bool:
        """Returns whether it asks the rational agent at every edit."""
        return "agent" in self.needs(settings)

    @property
    def settings(self) -> tuple[str, ...]:
        """Its settings as `--set` takes them: "ft.learning_rate"."""
        return tuple(f"{self.section}.{field}" for field in self.fields)

    @property
    def steps(self) -> str | None:
        """The setting that bounds its steps; None for a method that takes none or is trained for them."""
        return f"{self.section}.steps" if "steps" in self.fields and not self.is_trained else None


def _fields(section: type[Section]) -> tuple[str, ...]:
    """The settings of a section that can change a result."""
    return tuple(name for name in section.model_fields if name not in section.work_fields)


def _lora(bench: Workbench, name: str = "lora") -> Editor[MistralForCausalLM]:
    from worldgen.lm.editors.lowrank.lora import Lora

    assert isinstance(bench.settings, LoraConfig)
    return Lora(bench.settings, bench.edit.mode, bench.tokenizer, bench.adapters, name)


def _lora_reference(bench: ModelBench) -> Editor[PreTrainedModel]:
    from worldgen.lm.editors.lowrank.lora_reference import LoraReference

    return LoraReference(bench.edit, bench.edit.mode, bench.tokenizer, bench.adapters)


def _belief(bench: Workbench) -> Editor[MistralForCausalLM]:
    from worldgen.evaluate.methods.locate import covariances_of
    from worldgen.evaluate.teaching.teacher import teacher_of
    from worldgen.lm.editors.belief.belief import Belief

    config = bench.settings
    assert isinstance(config, BeliefConfig)
    teacher = teacher_of(bench.world, bench.agent(), bench.tokenizer, config, bench.edit.mode, bench.cases, bench.heard)
    covariances = covariances_of(bench, config.covariance_tokens)
    return Belief(config, bench.edit.mode, bench.tokenizer, teacher, covariances, bench.adapters)


def _fine_tuning(bench: Workbench, name: str = "ft") -> Editor[MistralForCausalLM]:
    from worldgen.lm.editors.tuning.fine_tuning import FineTuning
    from worldgen.lm.editors.tuning.matrices import tuned_blocks, weight_count

    assert isinstance(bench.settings, FineTuningConfig)
    weights = weight_count(tuned_blocks(bench.model, bench.settings))
    return FineTuning(bench.settings, bench.edit.mode, bench.tokenizer, weights, name)


def _fine_tuning_reference(bench: ModelBench) -> Editor[PreTrainedModel]:
    from worldgen.lm.editors.tuning.fine_tuning_reference import FineTuningReference

    assert isinstance(bench.settings, FineTuningConfig)
    return FineTuningReference(bench.settings, bench.edit.mode, bench.tokenizer)


def _in_context(bench: ModelBench) -> Editor[PreTrainedModel]:
    from worldgen.lm.editors.in_context import InContext

    assert isinstance(bench.settings, InContextConfig)
    return InContext(bench.settings, bench.tokenizer)


def _retrain(bench: Workbench) -> Editor[MistralForCausalLM]:
    from worldgen.lm.data import TokenShards
    from worldgen.lm.editors.retrain import Retrain

    assert isinstance(bench.settings, RetrainConfig)
    corpus = TokenShards(bench.tokens, bench.tokenizer.bos_token_id)
    return Retrain(bench.settings, bench.pretrain, bench.edit.mode, bench.tokenizer, corpus)


def _rome(bench: Workbench) -> Editor[MistralForCausalLM]:
    from worldgen.evaluate.methods.locate import locate
    from worldgen.lm.editors.rewriting.rome import Rome

    assert isinstance(bench.settings, RomeConfig)
    return Rome(bench.settings, bench.edit.mode, bench.tokenizer, locate("rome", bench.settings, bench))


def _memit(bench: Workbench, name: str = "memit") -> Editor[MistralForCausalLM]:
    from worldgen.evaluate.methods.locate import locate
    from worldgen.lm.editors.rewriting.memit import Memit

    assert isinstance(bench.settings, MemitConfig)
    return Memit(bench.settings, bench.edit.mode, bench.tokenizer, locate(name, bench.settings, bench), name)


def _closure(
    wrapped: str, make: Callable[..., Editor[MistralForCausalLM]], section: str, kind: type[Section],
    needs: Callable[[Section], tuple[Need, ...]],
) -> Method:  # fmt: skip
    """Returns the method that learns requests as another one does, with what the agent deduces from them."""

    def closing(bench: Workbench) -> Editor[MistralForCausalLM]:
        from worldgen.evaluate.teaching.closure import Closure
        from worldgen.lm.editors.advised import Advised

        closure = Closure(bench.world, bench.agent(), bench.edit.mode, bench.heard)
        return Advised(make(bench, f"closure-{wrapped}"), closure)

    return Method(f"closure-{wrapped}", closing, section, _fields(kind), needs, keeps_adapters=wrapped == "lora")


def _documents(bench: Workbench) -> Editor[MistralForCausalLM]:
    from worldgen.evaluate.teaching.documents import Documents, kinds_in
    from worldgen.evaluate.teaching.teacher import kept_out_of
    from worldgen.lm.editors.advised import Advised
    from worldgen.lm.editors.lowrank.lora import Lora

    config, mode = bench.settings, bench.edit.mode
    assert isinstance(config, DocumentsConfig)
    kinds, kept_out = kinds_in(bench.corpus), kept_out_of(bench.cases)
    documents = Documents(bench.world, bench.agent(), mode, kinds, config.sentences, kept_out, bench.heard)
    return Advised(Lora(config, mode, bench.tokenizer, bench.adapters, "documents"), documents)


def _belief_memit(bench: Workbench) -> Editor[MistralForCausalLM]:
    from worldgen.evaluate.methods.locate import locate
    from worldgen.evaluate.teaching.teacher import teacher_of
    from worldgen.lm.editors.belief.belief_memit import BeliefMemit

    config, mode = bench.settings, bench.edit.mode
    assert isinstance(config, BeliefMemitConfig)
    few = BeliefConfig(steps=1, joined=0, kept=0, objects=config.objects)
    teacher = teacher_of(bench.world, bench.agent(), bench.tokenizer, few, mode, bench.cases, bench.heard)
    return BeliefMemit(config, mode, bench.tokenizer, locate("belief_memit", config, bench), teacher)


def _unedited(_: ModelBench) -> Editor[PreTrainedModel]:
    from worldgen.lm.editors.unedited import Unedited

    return Unedited()


def _learned(section: str, kind: type[OptimizerConfig]) -> Method:
    """Returns the learned optimizer whose settings are in a section; its name is the section's, without "_editor"."""
    name = section.removesuffix("_editor").replace("_", "-")

    def make(bench: Workbench) -> Editor[MistralForCausalLM]:
        from worldgen.lm.editors.learned.learned_editor import LearnedEditor
        from worldgen.lm.editors.learned.saved import load_optimizer
        from worldgen.lm.editors.learned.training import FINAL

        network, config = load_optimizer(bench.optimizer / FINAL, bench.model)
        return LearnedEditor(config, bench.edit.mode, bench.tokenizer, network, name)

    return Method(name, make, section, _fields(kind), is_trained=True)


def _rational(bench: Workbench) -> Editor[MistralForCausalLM]:
    from worldgen.lm.editors.learned.taught.editor import TaughtEditor
    from worldgen.lm.editors.learned.taught.saved import load_writer
    from worldgen.lm.editors.learned.training import FINAL

    writer, config = load_writer(bench.optimizer / FINAL, bench.model)
    return TaughtEditor(config, bench.edit.mode, bench.tokenizer, writer)


def _needs_of_rewriting(settings: Section) -> tuple[Need, ...]:
    """The corpus for the keys' covariance; the trace, unless both token and layer are set."""
    assert isinstance(settings, RewritingConfig)
    traced = "traced" in (settings.layer, settings.token if isinstance(settings, RomeConfig) else "relation")
    return ("corpus", "trace") if traced else ("corpus",)


def _asks(_: Section) -> tuple[Need, ...]:
    """The agent."""
    return ("agent",)


def _asks_and_rewrites(settings: Section) -> tuple[Need, ...]:
    """The agent, and what rewriting needs."""
    return ("agent", *_needs_of_rewriting(settings))


_EVERY = (
    Method("lora", _lora, "edit", _fields(LoraConfig), keeps_adapters=True, make_for_any=_lora_reference),
    Method("belief", _belief, "belief", _fields(BeliefConfig), lambda _: ("agent", "corpus"), keeps_adapters=True),
    Method(
        "lora-reference", _lora_reference, "edit", _fields(LoraConfig), keeps_adapters=True,
        make_for_any=_lora_reference,
    ),
    Method("ft", _fine_tuning, "ft", _fields(FineTuningConfig), make_for_any=_fine_tuning_reference),
    Method(
        "ft-l", partial(_fine_tuning, name="ft-l"), "ft_l", _fields(ConstrainedFineTuningConfig),
        make_for_any=_fine_tuning_reference,
    ),
    Method(
        "ft-reference", _fine_tuning_reference, "ft", _fields(FineTuningConfig), make_for_any=_fine_tuning_reference
    ),
    Method("in-context", _in_context, "in_context", _fields(InContextConfig), make_for_any=_in_context),
    Method("retrain", _retrain, "retrain", _fields(RetrainConfig), lambda _: ("corpus",)),
    Method("rome", _rome, "rome", _fields(RomeConfig), _needs_of_rewriting),
    Method("memit", _memit, "memit", _fields(MemitConfig), _needs_of_rewriting),
    _learned("slag_editor", LearnedConfig),
    _learned("ke", KeConfig),
    _learned("ke_constrained", ConstrainedConfig),
    Method("rational", _rational, "rational", _fields(RationalConfig), is_trained=True),
    _closure("lora", _lora, "closure_lora", LoraConfig, _asks),
    _closure("ft", _fine_tuning, "closure_ft", FineTuningConfig, _asks),
    _closure("memit", _memit, "closure_memit", MemitConfig, _asks_and_rewrites),
    Method("belief-memit", _belief_memit, "belief_memit", _fields(BeliefMemitConfig), _asks_and_rewrites),
    Method(
        "documents", _documents, "documents", _fields(DocumentsConfig), lambda _: ("agent", "corpus"),
        keeps_adapters=True,
    ),
    Method("none", _unedited, make_for_any=_unedited),
)  # fmt: skip
METHODS: dict[str, Method] = {method.name: method for method in _EVERY}
LEARNED = tuple(name for name, method in METHODS.items() if method.is_trained)
"""The methods that are trained before they edit."""
# Every edit depends on these: how many requests the edited model holds, and how they are made.
TASK = ("edit.mode", "edit.requests")
