"""The settings of the rational agent."""

from __future__ import annotations

from typing import Literal

from worldgen.settings import Section


class AgentConfig(Section):
    """The prior of every Dirichlet: `unit` has a = 1/K (the strength of one observation), `flat` has a = 1."""

    prior: Literal["unit", "flat"] = "unit"
