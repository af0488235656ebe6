"""Runs: their config, their folder, and the stages that fill it."""
