"""The small built-in world with sources who report its facts."""

from __future__ import annotations

from functools import cache

import worlds

from worldgen.settings import SourcesConfig
from worldgen.worlds.reporting import with_sources
from worldgen.worlds.world import World

# A liar, a newcomer, a copier and a copier of the copier; two of the six report each fact.
EVERYTHING = SourcesConfig(
    reliabilities=(1, 0.9, 0.75, 0.5, 0.25, 0), liars=(3,), copies=(1, 6), newcomers=1, reporters=2,
    cooldown_percent=15, sentences=3,
)  # fmt: skip


@cache
def reported(config: SourcesConfig = EVERYTHING, seed: int = 0) -> World:
    """The world of `worlds` with sources of some settings."""
    return with_sources(worlds.world(), config, seed)


@cache
def speaking_and_reported() -> World:
    """The world with aliases and with all kinds of sources."""
    return with_sources(worlds.speaking(), EVERYTHING, 0)
