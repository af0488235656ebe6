"""Worldgen: a synthetic world in which it is known exactly what a rational mind should believe, and a bench for models.

The one import package. `worldgen.bayes`, `worldgen.lm`, `worldgen.evaluate` and `worldgen.cli` are links to the
top-level folders of those names.
"""
