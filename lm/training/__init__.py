"""Pretraining: the loop, its optimizer, its checkpoints, one process or several."""
