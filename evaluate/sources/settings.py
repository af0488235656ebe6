"""The settings of the bench of sources."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from worldgen.settings import Section


class TrustConfig(Section):
    """The agent's prior of reliabilities, and the requests by which editing methods show whom they trust."""

    prior: Literal["uniform", "skeptical"] = "uniform"
    """The agent's belief about a reliability beforehand. "uniform": Beta(1, 1).

    "skeptical": a Beta of the same weight whose mean is that of a guess among all objects.
    """
    facts: int = Field(60, ge=1)
    """The number of facts, of each kind, that every source makes a request about."""
    weight: int = Field(1000, ge=1)
    """How many observations a request is worth to the agent, if it is genuine."""
