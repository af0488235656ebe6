"""The settings of the rational agent."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Literal

from pydantic import Field, model_validator

from worldgen.bayes.reading import Reading, ReadingName
from worldgen.settings import Section


class AgentConfig(Section):
    """The assumptions of the agent (docs/rational-agent.md).

    `prior`: `unit` has a = 1/K (the strength of one observation) in every Dirichlet, `flat` has a = 1.
    `downstream` says by what a downstream fact is believed. `marginal`: by its upstream fact alone (the paper).
    `edits`: its own edits count as observations on top. `own`: its own sentences too; there the marginal weighs `kappa`
    observations.
    """

    former: ClassVar[Mapping[str, Any]] = {"downstream": "marginal", "kappa": 1.0}

    prior: Literal["unit", "flat"] = "unit"
    downstream: ReadingName = "edits"
    kappa: float = Field(1.0, gt=0, allow_inf_nan=False)

    @model_validator(mode="after")
    def _only_own_weighs_the_marginal(self) -> AgentConfig:
        if self.kappa != 1 and self.downstream != "own":
            raise ValueError(f"kappa is {self.kappa}, but downstream is {self.downstream}: only own has a kappa")
        return self

    @property
    def reading(self) -> Reading:
        """How the agent reads what it is told of a downstream fact."""
        return Reading(self.downstream, self.kappa)
