"""Runs the command line: `python -m worldgen` is the same as `worldgen`."""

from worldgen.cli import main

main()
