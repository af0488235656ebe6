"""The settings of the benchmark: its cases, its edits, the searches over them and the scores."""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field, NonNegativeInt, model_validator

from worldgen.lm.editors.settings import LoraConfig
from worldgen.settings import Section


class CasesConfig(Section):
    """The editing benchmark (appendix A.2 step 2).

    `weight` is how many observations a request is worth, to editors that ask and to the agent after it: "least", those
    that give it the `target_credence` (n'), or "certain", `certain_weight`. The requests are the same.
    """

    cases: int = Field(5000, ge=1)
    reinforce_share: float = Field(0.5, ge=0, le=1)
    downstream_change_share: float = Field(0.8, ge=0, le=1)
    weight: Literal["least", "certain"] = "least"
    target_credence: float = Field(0.95, gt=0, lt=1)
    certain_weight: int = Field(1000, ge=1)
    closing_stop: bool = True


class EditConfig(LoraConfig):
    """How the model is edited, and how many requests an edition of it holds; beside them LoRA's own settings.

    `mode`: "single" restores the model after each request; "sequential" makes `requests` of them one after
    another, "together" as one, and every question of theirs is then asked. A killed run loses at most
    `chunk_cases`. `keep_adapters` writes each edition's adapters beside its measurements.
    """

    work_fields: ClassVar[frozenset[str]] = LoraConfig.work_fields | {"chunk_cases"}

    mode: Literal["single", "sequential", "together"] = "single"
    requests: int = Field(1, ge=1)
    keep_adapters: bool = False
    chunk_cases: int = Field(250, ge=1)

    @model_validator(mode="after")
    def _single_is_one(self) -> EditConfig:
        if self.mode == "single" and self.requests != 1:
            raise ValueError(f"requests is {self.requests}, but mode is single: choose mode sequential or together")
        return self


class TuneConfig(Section):
    """How many held-out cases a search over settings asks (`worldgen tune`)."""

    cases: int = Field(200, ge=1)


class TrajectoryConfig(Section):
    """After how many steps of a method all probes are asked as well (`worldgen trajectory`)."""

    steps: tuple[NonNegativeInt, ...] = (0, 1, 2, 5, 10, 20, 40)


class ScoreConfig(Section):
    """Bootstrap of the table's intervals; `flops` is what an edit may cost in the table at equal compute.

    0.0: what the cheapest method's edit costs.
    """

    bootstrap_samples: int = Field(10_000, ge=1)
    confidence: float = Field(0.95, gt=0, lt=1)
    flops: float = Field(0.0, ge=0)
