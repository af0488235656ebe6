"""Looking into a model: causal tracing."""
