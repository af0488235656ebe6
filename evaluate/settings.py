"""The settings of the benchmark: its cases, its edits, the searches over them and the scores."""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field, NonNegativeInt, model_validator

from worldgen.lm.editors.settings import LoraConfig
from worldgen.settings import Section


class CasesConfig(Section):
    """The cases of the editing benchmark (paper, appendix A.2 step 2)."""

    cases: int = Field(5000, ge=1)
    """The number of cases."""
    reinforce_share: float = Field(0.5, ge=0, le=1)
    """The probability that a request is the truth."""
    downstream_change_share: float = Field(0.8, ge=0, le=1)
    """The share of contradictions, upstream of another fact, that should change the agent's downstream answer."""
    weight: Literal["least", "certain"] = "least"
    """How many observations a request is worth to the agent, and to an editor that asks.

    "least": the fewest that lift the credence in the request to `target_credence` (n'). "certain": `certain_weight`.
    The requests are the same.
    """
    target_credence: float = Field(0.95, gt=0, lt=1)
    certain_weight: int = Field(1000, ge=1)
    closing_stop: bool = True
    """Whether the full stop belongs to the event that an object follows."""


class EditConfig(LoraConfig):
    """How the model is edited, and how many requests an edition of it holds; beside them LoRA's own settings."""

    work_fields: ClassVar[frozenset[str]] = LoraConfig.work_fields | {"chunk_cases"}

    mode: Literal["single", "sequential", "together"] = "single"
    """How requests are made. "single": the model is restored after each request.

    "sequential": `requests` of them are made one after another. "together": they are made as one. Then the questions of
    all of them are asked.
    """
    requests: int = Field(1, ge=1)
    """The number of requests that an edition holds."""
    keep_adapters: bool = False
    """Whether each edition's adapters are written beside its measurements."""
    chunk_cases: int = Field(250, ge=1)
    """The number of cases that are measured and saved together: the most that a killed run loses."""

    @model_validator(mode="after")
    def _single_is_one(self) -> EditConfig:
        if self.mode == "single" and self.requests != 1:
            raise ValueError(f"requests is {self.requests}, but mode is single: choose mode sequential or together")
        return self


class TuneConfig(Section):
    """The number of held-out cases that a search over settings asks about (`worldgen tune`)."""

    cases: int = Field(200, ge=1)


class TrajectoryConfig(Section):
    """The numbers of steps after which every question is asked as well (`worldgen trajectory`)."""

    steps: tuple[NonNegativeInt, ...] = (0, 1, 2, 5, 10, 20, 40)


class ScoreConfig(Section):
    """The intervals of the tables, and the table at equal compute."""

    bootstrap_samples: int = Field(10_000, ge=1)
    """The number of resamples of the cases."""
    confidence: float = Field(0.95, gt=0, lt=1)
    """The probability of the intervals."""
    flops: float = Field(0.0, ge=0)
    """The operations that an edit may cost in the table at equal compute; 0.0: the cost of the cheapest method."""
