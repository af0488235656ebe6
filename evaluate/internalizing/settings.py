"""The settings of implicit meta-learning: what all experiments share, and those of set inclusion."""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field, NonNegativeInt, model_validator

from worldgen.lm.staged.settings import Decay, OptimizerName
from worldgen.settings import Section


class InternalizeConfig(Section):
    """The subsets of variables, the form of definitions, and the two stages of training."""

    work_fields: ClassVar[frozenset[str]] = frozenset({"seeds", "checkpoint_epochs"})

    seeds: tuple[NonNegativeInt, ...] = Field(tuple(range(50)), min_length=1)
    """Each seed has its own variables, tags, subsets, questions and model."""
    fractions: tuple[str, ...] = ()
    """Changes to the experiment's fractions of variables: "d1=.35", "d8=.1"."""
    alpha: float = Field(1.0, ge=0, le=1)
    """The share of the first tag's definitions that are consistent, and of the second's that are not."""
    order: Literal["TAE", "ATE", "AET", "TEA", "ETA", "EAT"] = "TAE"
    """The order of tag (T), alias, which is the variable (A), and entity (E) in a definition."""
    stages: Literal["two", "one"] = "two"
    """"two": first X1, then X2. "one": both together, for the first stage's epochs at its rate."""

    optimizer: OptimizerName = "adafactor"
    batch: int = Field(512, ge=1)
    """Sequences of a step."""
    epochs: int = Field(100, ge=1)
    """Epochs of stage 1."""
    second_epochs: int = Field(40, ge=1)
    """Epochs of stage 2."""
    learning_rate: float = Field(5e-5, gt=0)
    second_learning_rate: float = Field(5e-5, gt=0)
    decay: Decay = "linear"
    weight_decay: float = Field(0.0, ge=0)
    gradient_clip: float = Field(1.0, gt=0)
    checkpoint_epochs: int = Field(1, ge=1)

    asked: int = Field(4000, ge=1)
    """The most test questions, and the most training sequences of a kind, that a subset is asked after each epoch."""


class SetInclusionConfig(Section):
    """The task "is x in the set?" and the model that learns it from scratch (paper, appendix D)."""

    variant: Literal["text", "code"] = "text"
    """"text": answers Yes and No, integers 0 .. `integers` - 1. "code": true and false, and without the greatest."""
    variables: int = Field(8000, ge=2, le=26**3)
    integers: int = Field(100, ge=3)
    """How many integers have a word: 0 .. integers - 1."""
    list_length: int = Field(8, ge=1)
    questions: int = Field(12, ge=2, multiple_of=2)
    """Training questions of a variable that has any; half of them are true."""
    test_questions: int = Field(12, ge=2, multiple_of=2)
    vocabulary: Literal["all", "used"] = "all"
    """"all": a token for each of the 17,576 variables of three letters. "used": for those in use."""

    hidden: int = Field(512, ge=8)
    intermediate: int = Field(2048, ge=1)
    layers: int = Field(6, ge=1)
    heads: int = Field(8, ge=1)

    @property
    def values(self) -> int:
        """The number of integers that x, and the integers of lists, are drawn from: 0 .. values - 1."""
        return self.integers - 1 if self.variant == "code" else self.integers

    @model_validator(mode="after")
    def _lists_leave_integers_out(self) -> SetInclusionConfig:
        if self.list_length >= self.values:
            raise ValueError(f"list_length is {self.list_length}: a list leaves one of {self.values} integers out")
        return self
