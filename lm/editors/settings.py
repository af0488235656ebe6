"""The settings of the editing methods."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from worldgen.settings import Section


class LoraConfig(Section):
    """LoRA on every MLP down-projection (appendix A.4).

    No step is taken once the target's probability is above `stop_probability` (1.0: never so). `batch_tokens` bounds
    what is in memory at once.
    """

    rank: int = Field(1, ge=1)
    alpha: float = Field(8.0, gt=0)
    learning_rate: float = Field(1e-4, gt=0)
    steps: int = Field(40, ge=0)
    gradient_clip: float = Field(1.0, gt=0)
    stop_probability: float = Field(1.0, gt=0, le=1)
    batch_tokens: int = Field(8192, ge=1)


class BeliefConfig(Section):
    """Editing towards the agent (`belief`): low-rank adapters, and what is taught (see `teacher`).

    Every step has a sheet of its own. Beside the request's neighbourhood it holds `joined` facts of other subjects in
    and / or with it, and `kept` that should stay, in turn as many of subjects that earlier turns edited; a lesson names
    at most `objects`. Every turn has adapters of its own, of this `rank`. They read keys that are whitened by their
    covariance over `covariance_tokens` tokens of the corpus, with a `ridge` that is a share of its mean; a large one
    leaves keys as they are. What the adapters add to the layers over that sample, in shares of what these say there,
    counts `restraint` nats, divided among the requests of a turn (see `worldgen.lm.editors.belief.preservation`).
    """

    rank: int = Field(4, ge=1)
    alpha: float = Field(16.0, gt=0)
    learning_rate: float = Field(1e-3, gt=0)
    steps: int = Field(80, ge=0)
    gradient_clip: float = Field(1.0, gt=0)
    objects: int = Field(6, ge=1)
    joined: int = Field(32, ge=0)
    kept: int = Field(8, ge=0)
    ridge: float = Field(0.002, gt=0)
    restraint: float = Field(10.0, ge=0)
    covariance_tokens: int = Field(100_000, ge=1)
    editions_at_once: int = Field(8, ge=1)


class FineTuningConfig(Section):
    """Fine-tuning of every weight matrix (`ft`).

    At most `steps` steps, and none once the target's probability is above `stop_probability`: by default the credence
    that the agent gives a request too (`cases.target_credence`).
    """

    optimizer: Literal["adamw", "sgd", "rmsprop"] = "adamw"
    learning_rate: float = Field(1e-4, gt=0)
    steps: int = Field(100, ge=0)
    gradient_clip: float = Field(1.0, gt=0)
    stop_probability: float = Field(0.95, gt=0, le=1)


class ConstrainedFineTuningConfig(FineTuningConfig):
    """Fine-tuning of MLPs (`ft-l`); no weight moves further than `max_norm` from the base (Zhu et al., 2020).

    `layers` are the blocks whose MLP is tuned, counted from 0; all where there are none.
    """

    max_norm: float = Field(5e-4, gt=0)
    layers: tuple[int, ...] = ()


class InContextConfig(Section):
    """How often the request is said before every prompt (`in-context`)."""

    sentences: int = Field(1, ge=1)


class RetrainConfig(Section):
    """Pretraining that goes on over corpus and request (`retrain`): what is not here is as in `pretrain`."""

    learning_rate: float = Field(5e-5, gt=0)
    steps: int = Field(40, ge=1)
    rows_per_step: int = Field(4, ge=1)


class RomeConfig(Section):
    """How one layer's MLP is rewritten at one token (`rome`).

    "traced" is where tracing finds the greatest effect of an MLP. What the MLP is to say is sought in `steps` steps of
    `learning_rate`, in root mean squares of the layer's states, and none once the target's probability is above
    `stop_probability`; `contexts` is how many texts the request is put after, no text being one of them. The keys'
    covariance is that of `covariance_tokens` tokens of the corpus.
    """

    token: Literal["traced", "subject", "relation"] = "traced"
    layer: int | Literal["traced"] = "traced"
    contexts: int = Field(10, ge=1)
    steps: int = Field(40, ge=1)
    learning_rate: float = Field(0.2, gt=0)
    kl_weight: float = Field(0.0625, ge=0)
    stop_probability: float = Field(0.95, gt=0, le=1)
    covariance_tokens: int = Field(100_000, ge=1)


class MemitConfig(RomeConfig):
    """How the MLPs of several layers are rewritten together (`memit`).

    They are the `layers` layers up to `layer`, or the lowest so many where there are not enough below it. A request
    weighs as much as `old_keys` keys of the corpus do on average.
    """

    layers: int = Field(4, ge=1)
    old_keys: float = Field(10.0, gt=0)
