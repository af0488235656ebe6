"""Worldgen: a synthetic world in which it is known exactly what a rational mind should believe, and a bench for models.

This is the only import package. `worldgen.bayes`, `worldgen.lm`, `worldgen.evaluate` and `worldgen.cli` are links to
the top-level folders and the file of those names.
"""
