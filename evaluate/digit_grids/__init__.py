"""Implicit meta-learning without text: grids of handwritten digits, and networks that see images."""
