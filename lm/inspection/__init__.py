"""Inspection of a model: where it keeps its answers, by causal tracing."""
