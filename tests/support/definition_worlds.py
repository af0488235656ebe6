"""The small built-in world with variables and definitions."""

from __future__ import annotations

from functools import cache

import worlds
from source_worlds import reported

from worldgen.settings import DefinitionsConfig
from worldgen.worlds.defining import with_definitions
from worldgen.worlds.world import World

# Table 1 of the paper: one tag is always right and one always wrong; a third is new in stage 2.
TABLE_1 = DefinitionsConfig(reliabilities=(1, 0))
# The order sweep: no newcomer, and an alpha of .75.
SWEEP = TABLE_1.model_copy(
    update={"reliabilities": (0.75, 0.25), "newcomers": 0, "newcomer_percent": 0, "told_percent": 20}
)


@cache
def defined(config: DefinitionsConfig = TABLE_1, seed: int = 0) -> World:
    """The world of `worlds` with definitions of some settings."""
    return with_definitions(worlds.world(), config, seed)


@cache
def reported_and_defined(config: DefinitionsConfig = TABLE_1) -> World:
    """The world with all kinds of sources, and with definitions."""
    return with_definitions(reported(), config, 0)
