"""Pretraining: the loop, one step, the optimizer, checkpoints; by one process or several."""
