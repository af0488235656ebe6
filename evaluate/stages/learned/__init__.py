"""The training of the optimizer that the agent teaches, as a stage."""
