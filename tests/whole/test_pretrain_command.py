"""`worldgen pretrain`, in this process; tests/slow has it in processes of its own."""

import miniature
from click.testing import CliRunner

from worldgen.cli import cli
from worldgen.errors import Paused


def test_paused_is_not_taken_for_a_fault(built_run, tmp_path, monkeypatch):
    built = miniature.variant(built_run, tmp_path / "run").folder

    def pause(*_, **__):
        raise Paused("enough")

    monkeypatch.setattr("worldgen.lm.training.pretrain.pretrain", pause)
    result = CliRunner().invoke(cli, ["pretrain", str(built), "--quiet"])
    assert isinstance(result.exception, Paused)
    assert not (built / "logs").exists()
