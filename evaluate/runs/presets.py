"""Presets: complete configs of some size, as functions; and the models of the paper's family."""

from __future__ import annotations

from collections.abc import Callable

from worldgen.evaluate.internalizing.settings import InternalizeConfig, SetInclusionConfig
from worldgen.evaluate.runs.config import RunConfig
from worldgen.evaluate.settings import CasesConfig, EditConfig, TuneConfig
from worldgen.evaluate.slag.settings import SlagConfig
from worldgen.evaluate.sources.settings import TrustConfig
from worldgen.lm.editors.learned.settings import SMALL, ConstrainedConfig, KeConfig, LearnedConfig, RationalConfig
from worldgen.lm.editors.settings import (
    BeliefConfig,
    BeliefMemitConfig,
    ConstrainedFineTuningConfig,
    DocumentsConfig,
    LoraConfig,
    MemitConfig,
    RetrainConfig,
    RomeConfig,
)
from worldgen.lm.settings import PretrainConfig, TokensConfig, TraceConfig
from worldgen.settings import CorpusConfig, GraphConfig, SourcesConfig, WorldConfig


def paper() -> RunConfig:
    """The published sizes."""
    return RunConfig()


def small() -> RunConfig:
    """10k facts and a model of about 10M parameters."""
    return RunConfig(
        graph=GraphConfig(builtin_facts=10_000, min_cooccurrence=100),
        world=WorldConfig(facts=10_000),
        tokens=TokensConfig(tokenizer="words"),
        cases=CasesConfig(cases=1000),
        pretrain=PretrainConfig(
            hidden=320, intermediate=1280, layers=4, heads=5, kv_heads=5, tokens=12_000_000, row_tokens=192,
            rows_per_step=8, learning_rate=1e-3, final_learning_rate_share=0.0, warmup_share=0.02, adam_beta2=0.98,
        ),
        edit=EditConfig(learning_rate=4e-4),
    )  # fmt: skip


def tiny() -> RunConfig:
    """About 600 facts and a model of 1.2M parameters: the whole run in minutes on two CPU cores."""
    return RunConfig(
        graph=GraphConfig(builtin_facts=600, min_cooccurrence=100, relations=4),
        world=WorldConfig(facts=600),
        tokens=TokensConfig(tokenizer="words"),
        cases=CasesConfig(cases=120),
        pretrain=PretrainConfig(
            hidden=128, intermediate=512, layers=4, heads=4, kv_heads=4, tokens=700_000, row_tokens=192,
            rows_per_step=3, learning_rate=1.5e-3, final_learning_rate_share=0.0, warmup_share=0.02, adam_beta2=0.98,
            checkpoint_minutes=0.5, evaluations=10, evaluation_facts=100,
        ),
        belief=BeliefConfig(learning_rate=7e-3),
        edit=EditConfig(learning_rate=1.2e-3, chunk_cases=60),
        ft_l=ConstrainedFineTuningConfig(learning_rate=1e-3, max_norm=2e-3),
        trace=TraceConfig(facts=100, draws=5),
        tune=TuneConfig(cases=60),
        rome=RomeConfig(contexts=4),
        memit=MemitConfig(contexts=4, layers=2),
        closure_lora=LoraConfig(learning_rate=5e-3),
        closure_memit=MemitConfig(contexts=4, layers=2),
        belief_memit=BeliefMemitConfig(layers=2, old_keys=30),
        documents=DocumentsConfig(learning_rate=6e-3, steps=20),
        retrain=RetrainConfig(learning_rate=2e-4, steps=20, rows_per_step=1),
        slag_editor=LearnedConfig(**SMALL, updates=1600, sequences=4, learning_rate=3e-3, validations=4),
        ke=KeConfig(**SMALL, updates=1600, sequences=4, learning_rate=3e-3, validations=4),
        ke_constrained=ConstrainedConfig(
            **SMALL, updates=1600, sequences=4, learning_rate=3e-3, validations=4, warmup_steps=20
        ),
        rational=RationalConfig(updates=8000, sequences=8, learning_rate=2e-3, warmup_steps=10),
    )  # fmt: skip


def sources_tiny() -> RunConfig:
    """`tiny` with six sources, from one that is always right to one that is always wrong, and a newcomer."""
    config = tiny()
    changes = {
        "system": "sources",
        "sources": SourcesConfig(reliabilities=(1, 0.9, 0.75, 0.5, 0.25, 0, 0.5), newcomers=1),
        "pretrain": config.pretrain.model_copy(update={"tokens": 2_000_000}),
        "trust": TrustConfig(facts=20),
        # Learned optimizers train on SLAG's points, and a world without aliases has no paraphrases.
        "slag": config.slag.model_copy(update={"paraphrases": 0}),
        "ke": config.ke.model_copy(update={"paraphrase_weight": 0.0}),
        "ke_constrained": config.ke_constrained.model_copy(update={"paraphrase_weight": 0.0}),
        "belief": BeliefConfig(**BeliefConfig.efforts["quick"]),
    }
    return config.model_copy(update=changes)


def slag_tiny() -> RunConfig:
    """`tiny` with aliases, rules and rare facts, and SLAG on it: minutes on two CPU cores.

    Rare facts are said once, and that may be wrong: so there are wrong beliefs to detect and to correct, however long
    the model is trained.
    """
    config = tiny()
    changes = {
        "system": "slag",
        "world": WorldConfig(facts=600, aliases=1, held_out_percent=25, deterministic_percent=30),
        "corpus": CorpusConfig(rare_percent=40, min_truths=0),
        "pretrain": config.pretrain.model_copy(update={"tokens": 4_000_000}),
        "slag": SlagConfig(
            points=600, split_percents=(40, 20, 40), paraphrases=1, r=(1, 10), most_updates=100, random_tf=60,
            grids=("ft.optimizer=adamw ft.learning_rate=1e-4,1e-3 ft.steps=10,40",
                   "ft.optimizer=sgd ft.learning_rate=1e-2,1e-1 ft.steps=10,40"),
        ),
    }  # fmt: skip
    return config.model_copy(update=changes)


def slag() -> RunConfig:
    """`slag-tiny` with four times the facts and the paper's grids: the size from which conclusions are drawn."""
    config = slag_tiny()
    changes = {
        "graph": GraphConfig(builtin_facts=2600, min_cooccurrence=50),
        "world": config.world.model_copy(update={"facts": 2400}),
        "pretrain": config.pretrain.model_copy(update={"tokens": 16_000_000, "checkpoint_minutes": 5.0}),
        "slag": SlagConfig(points=2400, split_percents=(40, 20, 40), r=(1, 2, 4, 8, 10)),
    }
    return config.model_copy(update=changes)


def iml() -> RunConfig:
    """`tiny`, and implicit meta-learning at the paper's size: a GPU's work."""
    return tiny()


def iml_tiny() -> RunConfig:
    """`tiny`, and implicit meta-learning with a model of 1.3M parameters: minutes a seed on a CPU core."""
    changes = {
        "internalize": InternalizeConfig(
            seeds=(0, 1, 2, 3, 4), optimizer="adamw", batch=256, epochs=26, second_epochs=30,
            learning_rate=1e-3, second_learning_rate=3e-4, asked=300,
        ),
        "set_inclusion": SetInclusionConfig(
            variables=2000, integers=20, list_length=4, questions=8, test_questions=8, vocabulary="used",
            hidden=128, intermediate=512, layers=4, heads=4,
        ),
    }  # fmt: skip
    return tiny().model_copy(update=changes)


PRESETS: dict[str, Callable[[], RunConfig]] = {
    "tiny": tiny, "small": small, "paper": paper, "slag-tiny": slag_tiny, "slag": slag, "sources-tiny": sources_tiny,
    "iml-tiny": iml_tiny, "iml": iml,
}  # fmt: skip


# (hidden size, layers) of the paper's family. It gives the shape of the smallest only; the others' are ours, with heads
# of 64 and an MLP of four times the hidden size as there, so that 32,000 pieces come to the count in the name.
SIZES = {"83m": (512, 12), "162m": (768, 12), "334m": (1024, 16), "1b": (1536, 24)}


def with_size(config: RunConfig, size: str) -> RunConfig:
    """The config with a model of the paper's family."""
    hidden, layers = SIZES[size]
    heads = hidden // 64
    shape = {"hidden": hidden, "intermediate": 4 * hidden, "layers": layers, "heads": heads, "kv_heads": heads}
    return config.model_copy(update={"pretrain": config.pretrain.model_copy(update=shape)})
