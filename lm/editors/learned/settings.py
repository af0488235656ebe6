"""The settings of learned optimizers: their sizes, what they are trained for, and how.

Sources: De Cao et al. (2021), KnowledgeEditor; Hase et al. (2021), SLAG, section 3 and supplements A and B.
"""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field, model_validator

from worldgen.settings import Section


class TrainingConfig(Section):
    """How a learned optimizer is trained."""

    work_fields: ClassVar[frozenset[str]] = frozenset({"checkpoint_steps", "weights_at_once"})

    sequence: int = Field(1, ge=1)
    """How many updates are made one after another in training (r)."""
    sequences: int = Field(1, ge=1)
    """How many such sequences a step of the training has, each with weights of its own; the paper has one."""
    updates: int = Field(20_000, ge=1)
    """How many updates are made in training; the paper makes epochs * points / 16."""

    learning_rate: float = Field(3e-4, gt=0)
    weight_decay: float = Field(0.0, ge=0)
    warmup_steps: int = Field(0, ge=0)
    gradient_clip: float = Field(1.0, gt=0)
    validations: int = Field(5, ge=0)
    """How often the optimizer is validated, at even distances, the last time at the end; the best one is kept."""
    checkpoint_steps: int = Field(1000, ge=1)
    weights_at_once: int = Field(64_000_000, ge=1)
    """Bounds the edited weights of all editions that are made at once, and so the memory."""

    @property
    def optimizer_steps(self) -> int:
        """The number of steps of the training."""
        return self.updates // (self.sequence * self.sequences)

    @model_validator(mode="after")
    def _steps_are_whole(self) -> TrainingConfig:
        a_step = self.sequence * self.sequences
        if self.updates % a_step:
            raise ValueError(f"updates is {self.updates}, no multiple of sequence * sequences, which is {a_step}")
        if self.warmup_steps >= self.optimizer_steps:
            raise ValueError(f"warmup_steps is {self.warmup_steps}, but there are {self.optimizer_steps} steps in all")
        if self.validations > self.optimizer_steps:
            raise ValueError(f"validations is {self.validations}, but there are {self.optimizer_steps} steps in all")
        return self


class OptimizerConfig(TrainingConfig):
    """How large a learned optimizer of SLAG's architecture is, how it is applied, and how it is trained."""

    condition: int = Field(1024, ge=1)
    """c, the size of the condition vector."""
    head: int = Field(128, ge=1)
    """m, the inner size of each matrix's head."""
    lstm: int = Field(128, ge=1)
    """h, the hidden size of the LSTM in each direction."""

    steps: int = Field(5, ge=1)
    """Most steps of an update when the optimizer is applied (the paper's K_test)."""
    prediction_tokens: int = Field(8, ge=1)
    """Most tokens of the model's own answer, which the optimizer reads beside the request."""
    training_steps: int = Field(5, ge=1)
    """Most steps of an update in training (K_train)."""


class LearnedConfig(OptimizerConfig):
    """A learned optimizer trained for the SLAG objective; the defaults are the paper's `slag` at r = 1.

    The loss of an update (`worldgen.lm.editors.learned.objective`) has five terms. Their weights are the lambdas of
    the paper: the request itself, its paraphrases, what it entails, facts that it says nothing about, and random other
    points. A term with weight 0 is left out, and so is one that an update has no texts for.
    """

    main_weight: float = Field(1.0, gt=0)
    paraphrase_weight: float = Field(0.0, ge=0)
    entailed_weight: float = Field(0.0, ge=0)
    neutral_weight: float = Field(0.0, ge=0)
    random_weight: float = Field(1.0, ge=0)
    normalise_lambdas: bool = True
    """Whether the weights of the terms that an update has are divided by their sum."""
    label_smoothing: float = Field(0.0, ge=0, lt=1)
    """The probability that a target is spread over the whole vocabulary."""
    kl_direction: Literal["orig||new", "new||orig"] = "orig||new"
    """Which model's expectation the KL divergence is: that of the model before the update, or after it."""
    inner_loss: Literal["all_steps", "last"] = "all_steps"
    """Whether the loss is summed over all steps of an update, or taken after its last step only."""
    random_points: int = Field(15, ge=0)
    """How many other points are to keep their predictions."""
    labels: Literal["hard", "beam"] = "hard"
    """What is asked for in training where the answer is an object. "hard": the truth where the model is wrong, another
    label of the point where it is right. "beam": any other answer of the model's beam, the truth among them or not."""

    @model_validator(mode="after")
    def _terms_have_texts(self) -> LearnedConfig:
        if self.random_weight and not self.random_points:
            raise ValueError("random_points is 0, but random_weight is not: set random_weight=0 or ask for points")
        return self


class KeConfig(LearnedConfig):
    """The "KE" of Hase et al.'s tables: their own objective with paraphrases, beam labels and one step in training."""

    labels: Literal["hard", "beam"] = "beam"
    paraphrase_weight: float = Field(1.0, ge=0)
    training_steps: int = Field(1, ge=1)


class ConstrainedConfig(LearnedConfig):
    """De Cao et al.'s own objective (`ke-constrained`), as `worldgen.lm.editors.learned.constrained` has it.

    The request and one paraphrase are to be learned, subject to KL(orig||new) <= margin on the random points. The other
    terms, several steps of an update and sequences of updates are not part of it.
    """

    labels: Literal["hard", "beam"] = "beam"
    paraphrase_weight: float = Field(1.0, ge=0)
    label_smoothing: float = Field(0.1, ge=0, lt=1)
    training_steps: int = Field(1, ge=1)
    updates: int = Field(200_000, ge=1)
    weight_decay: float = Field(0.01, ge=0)
    warmup_steps: int = Field(1000, ge=0)
    price: float = Field(1.0, ge=0)
    """alpha, the Lagrange multiplier, at the start."""
    price_rate: float = Field(0.1, gt=0)
    """The learning rate of alpha."""
    margin: float = Field(1e-3, gt=0)
    """The divergence that is allowed, in nats a token, at the start."""
    margin_factor: float = Field(0.8, gt=0, le=1)
    """The margin is multiplied by this after each validation whose success is above `margin_success`."""
    margin_success: float = Field(0.9, ge=0, le=1)
    margin_floor: float = Field(1e-5, gt=0)

    @model_validator(mode="after")
    def _is_de_caos(self) -> ConstrainedConfig:
        if self.training_steps != 1 or self.sequence != 1:
            raise ValueError("training_steps and sequence are 1 in the constrained objective: leave them out")
        if self.entailed_weight or self.neutral_weight or not self.random_weight:
            raise ValueError("the constrained objective has no entailed or neutral term, and needs its random one")
        if self.kl_direction != "orig||new":
            raise ValueError("kl_direction is orig||new in the constrained objective: leave it out")
        if self.margin_floor > self.margin:
            raise ValueError(f"margin_floor is {self.margin_floor}, more than the margin, {self.margin}")
        return self


class RationalConfig(TrainingConfig):
    """A network that the agent teaches to edit (`rational`): after a request the model is to believe as the agent.

    A lesson has the targets of `belief`, without joined statements: all answers about the subject, `statements` about
    it, drawn anew, and `kept` facts of other subjects that are to be answered as before. An answer's target names
    `objects` objects at most.
    """

    removed: ClassVar[frozenset[str]] = frozenset(
        ("condition", "head", "lstm", "steps", "prediction_tokens", "training_steps")
    )

    width: int = Field(256, ge=1)
    """D, the width of the network."""
    blocks: int = Field(3, ge=0)
    """The number of its residual blocks."""
    old_keys: float = Field(1.0, ge=0)
    """How many keys of the corpus a written key is weighed against."""
    ridge: float = Field(2e-3, gt=0)
    """The share of the mean variance of keys that is added to each direction's before they are measured by it."""
    covariance_tokens: int = Field(100_000, ge=1)
    """How many tokens of the corpus the keys' covariance is taken over."""
    objects: int = Field(2, ge=1)
    statements: int = Field(6, ge=0)
    kept: int = Field(2, ge=0)
    believed: int = Field(8, ge=0)
    """With each lesson the network learns what is believed after so many other requests, without a pass of the model.
    """


SMALL = {"condition": 128, "head": 32, "lstm": 32}
"""Sizes for small models: with the paper's, a head has twelve times the weights of a matrix of 128 * 128."""
