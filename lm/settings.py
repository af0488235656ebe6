"""The settings of the tokenizer, the model, its training and its tracing."""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field

from worldgen.settings import Section


class TokensConfig(Section):
    """The tokenizer. `words`: a piece for each word of the world; `mistral`: the 32,000 pieces of Mistral-7B-v0.1."""

    tokenizer: Literal["words", "mistral"] = "mistral"


class PretrainConfig(Section):
    """The size of the Mistral and its training (paper, appendix A.3).

    `tokens` is the number of training tokens, padding not counted. A checkpoint is written every `checkpoint_minutes`
    and, unless `checkpoint_steps` is 0, every `checkpoint_steps` steps.
    """

    work_fields: ClassVar[frozenset[str]] = frozenset({"checkpoint_minutes", "checkpoint_steps", "checkpoints_kept"})

    hidden: int = Field(512, ge=1)
    intermediate: int = Field(2048, ge=1)
    layers: int = Field(12, ge=1)
    heads: int = Field(8, ge=1)
    kv_heads: int = Field(8, ge=1)
    tokens: int = Field(1_000_000_000, ge=1)
    row_tokens: int = Field(1024, ge=8)
    rows_per_step: int = Field(20, ge=1)
    learning_rate: float = Field(5e-5, gt=0)
    final_learning_rate_share: float = Field(0.1, ge=0, le=1)
    warmup_share: float = Field(0.0, ge=0, lt=1)
    weight_decay: float = Field(1e-4, ge=0)
    adam_beta2: float = Field(0.999, gt=0, lt=1)
    gradient_clip: float = Field(1.0, gt=0)
    checkpoint_minutes: float = Field(10.0, gt=0)
    checkpoint_steps: int = Field(0, ge=0)
    checkpoints_kept: int = Field(2, ge=1)
    evaluations: int = Field(40, ge=0)
    evaluation_facts: int = Field(1000, ge=1)


class TraceConfig(Section):
    """Causal tracing (Meng et al., 2022) of `facts` facts that the model knows, each under `draws` draws of noise.

    `deviations` is the size of the noise on the subject, in standard deviations of the subjects' embeddings.
    `window` is the number of layers whose MLPs or attentions are restored at once.
    """

    facts: int = Field(200, ge=1)
    draws: int = Field(10, ge=1)
    deviations: float = Field(3.0, gt=0)
    window: int = Field(1, ge=1)
