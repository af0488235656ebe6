"""The settings of the editing methods."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Literal

from pydantic import Field

from worldgen.settings import Section


class LoraConfig(Section):
    """LoRA on every MLP down-projection (appendix A.4).

    An edition takes no further step once its target's probability is above `stop_probability` (1.0: it takes all
    steps). `batch_tokens` bounds the tokens of one step, and so the memory.
    """

    work_fields: ClassVar[frozenset[str]] = frozenset({"batch_tokens"})

    rank: int = Field(1, ge=1)
    alpha: float = Field(8.0, gt=0)
    learning_rate: float = Field(1e-4, gt=0)
    steps: int = Field(40, ge=0)
    gradient_clip: float = Field(1.0, gt=0)
    stop_probability: float = Field(1.0, gt=0, le=1)
    batch_tokens: int = Field(8192, ge=1)


class BeliefConfig(Section):
    """Editing towards the agent (`belief`): low-rank adapters, and the targets that a teacher makes for them.

    Every step has a batch of targets of its own. Beside those for the request and its neighbourhood, a batch has soft
    targets for `joined` facts of other subjects, in "and" / "or" with the request's subject, and retention targets for
    `kept` facts of other subjects; in later turns also for `kept` facts of subjects that earlier turns edited. A soft
    target names at most `objects` objects.
    Every turn has adapters of its own, of this `rank`. The adapters read keys that are whitened by their covariance
    over `covariance_tokens` tokens of the corpus, with `ridge` times the mean variance added; a large ridge leaves the
    keys as they are. The preservation loss (`worldgen.lm.editors.belief.preservation`) counts `restraint` nats,
    divided by the number of requests in a turn.
    `effort` stands for several settings: "full" for those that `tiny` has, "quick" for a twentieth of their cost.
    """

    work_fields: ClassVar[frozenset[str]] = frozenset({"editions_at_once"})
    efforts: ClassVar[Mapping[str, Mapping[str, Any]]] = {
        "full": {"steps": 80, "learning_rate": 7e-3, "objects": 6, "joined": 32, "kept": 8},
        "quick": {"steps": 20, "learning_rate": 2e-2, "objects": 6, "joined": 0, "kept": 0},
    }

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

    There are at most `steps` steps for a turn's requests, and none once the requests are learned. `stop` says when they
    are: "probability", once the probability of every target is above `stop_probability`, whose default is also the
    credence that the agent gives a request (`cases.target_credence`); "predicted", once every target is what the model
    predicts, that is, the argmax at each of its tokens, teacher-forced (Hase et al., 2021).
    `gradient_clip` bounds the gradient's norm over the tuned matrices of an edition. `weight_decay` is AdamW's own, and
    for SGD and RMSProp added to the gradient. `centered` is RMSProp's. Only matrices are tuned: the gains of norms are
    not, and the models have no biases.
    `weights_at_once` bounds the tuned weights of all editions that are made at once, and so the memory.
    """

    work_fields: ClassVar[frozenset[str]] = frozenset({"weights_at_once"})

    optimizer: Literal["adamw", "sgd", "rmsprop"] = "adamw"
    learning_rate: float = Field(1e-4, gt=0)
    steps: int = Field(100, ge=0)
    gradient_clip: float = Field(1.0, gt=0)
    weight_decay: float = Field(1e-4, ge=0)
    centered: bool = True
    stop: Literal["probability", "predicted"] = "probability"
    stop_probability: float = Field(0.95, gt=0, le=1)
    weights_at_once: int = Field(64_000_000, ge=1)


class ConstrainedFineTuningConfig(FineTuningConfig):
    """Fine-tuning of MLPs (`ft-l`); no weight moves further than `max_norm` from the base (Zhu et al., 2020).

    `layers` are the layers whose MLP is tuned, counted from 0; if there are none, every layer's MLP is tuned.
    """

    max_norm: float = Field(5e-4, gt=0)
    layers: tuple[int, ...] = ()


class InContextConfig(Section):
    """How often the request is said before every prompt (`in-context`)."""

    sentences: int = Field(1, ge=1)


class RetrainConfig(Section):
    """Pretraining continued on corpus and request (`retrain`); all other settings are those of `pretrain`."""

    learning_rate: float = Field(5e-5, gt=0)
    steps: int = Field(40, ge=1)
    rows_per_step: int = Field(4, ge=1)


class RewritingConfig(Section):
    """Where MLPs are rewritten, and how the change of their output is sought.

    "traced" takes the layer where tracing finds the greatest effect of an MLP. The change of the MLP's output is
    optimized in at most `steps` steps of `learning_rate`, in units of the root mean square of the layer's states.
    `contexts` is the number of texts that a request is put after; one of them is the empty text. The keys' covariance
    is taken over `covariance_tokens` tokens of the corpus.
    """

    layer: int | Literal["traced"] = "traced"
    contexts: int = Field(10, ge=1)
    steps: int = Field(40, ge=1)
    learning_rate: float = Field(0.2, gt=0)
    covariance_tokens: int = Field(100_000, ge=1)


class RomeConfig(RewritingConfig):
    """How one layer's MLP is rewritten at one token (`rome`): of the subject, of the relation, or where tracing says.

    There is no step once the target's probability is above `stop_probability`. `kl_weight` is the weight of the token
    after the subject staying as it is.
    """

    token: Literal["traced", "subject", "relation"] = "traced"
    kl_weight: float = Field(0.0625, ge=0)
    stop_probability: float = Field(0.95, gt=0, le=1)


class MemitConfig(RomeConfig):
    """How the MLPs of several layers are rewritten together (`memit`).

    They are the `layers` layers that end with `layer`; if there are not enough below it, the lowest `layers` layers.
    A request weighs as much as `old_keys` keys of the corpus do on average.
    """

    layers: int = Field(4, ge=1)
    old_keys: float = Field(10.0, gt=0)


class BeliefMemitConfig(RewritingConfig):
    """How MLPs are rewritten towards the agent (`belief-memit`): at the last token of each prompt.

    `layers` and `old_keys` are as for `memit`. All `steps` steps are taken. A soft target names at most `objects`
    objects.
    """

    contexts: int = Field(1, ge=1)
    steps: int = Field(10, ge=1)
    layers: int = Field(4, ge=1)
    old_keys: float = Field(10.0, gt=0)
    objects: int = Field(3, ge=1)


class DocumentsConfig(LoraConfig):
    """LoRA on sentences of the revised agent (`documents`): n' for a request, at most `sentences`."""

    sentences: int = Field(32, ge=1)
