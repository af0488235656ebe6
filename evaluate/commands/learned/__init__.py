"""The command that trains learned optimizers."""
