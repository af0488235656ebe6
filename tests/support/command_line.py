"""The command as a user types it, in this process."""

import sys

import pytest

from worldgen import cli


def exit_code_of(*arguments: object) -> int:
    """Runs `worldgen` with these arguments."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", ["worldgen", *map(str, arguments)])
        with pytest.raises(SystemExit) as end:
            cli.main()
    return int(end.value.code or 0)
