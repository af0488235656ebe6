"""The choices of training in stages. Imports nothing heavy: every command reads the settings."""

from __future__ import annotations

from typing import Literal

OptimizerName = Literal["adafactor", "adamw"]
Decay = Literal["linear", "none"]
