"""The part of the page about learned optimizers."""
