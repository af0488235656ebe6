"""The process of the command line: `worldgen`, or `python -m worldgen`, and what a signal makes of it."""

import os
import signal
import sys
from types import FrameType


def main() -> None:
    """Runs a command. Exit codes: those of `worldgen.cli.main`, and 143 where the process was asked to end."""
    signal.signal(signal.SIGTERM, _end)
    try:  # the import takes half a second, in which a person may press Ctrl-C, too
        from worldgen.cli import main as run_command
    except KeyboardInterrupt:
        print("interrupted: nothing was begun", file=sys.stderr)
        sys.exit(130)
    run_command()


def _end(_signal: int, _frame: FrameType | None) -> None:
    """Leaves as after an error: locks are given back, half-written files removed."""
    os.write(2, b"terminated: run the same command again to go on\n")
    sys.exit(128 + signal.SIGTERM)


if __name__ == "__main__":
    main()
