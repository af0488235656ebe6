"""`python -m worldgen` is the command."""

from worldgen.cli import main

main()
