"""worldgen.lm.training.checkpoint: training goes on to the bit; half-written folders are not taken for checkpoints."""

import pytest
import torch

from worldgen.lm.training.checkpoint import (
    PARTIAL,
    Position,
    latest_checkpoint,
    load_checkpoint,
    remove_partial,
    save_checkpoint,
    whole_folder,
)


def learner(seed):
    torch.manual_seed(seed)
    model = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.Linear(4, 2))
    return model, torch.optim.AdamW(model.parameters(), lr=0.1, fused=True)


def steps(model, optimizer, count):
    for _ in range(count):
        optimizer.zero_grad()
        model(torch.randn(5, 3)).square().mean().backward()
        optimizer.step()


def test_training_goes_on_to_the_bit(tmp_path):
    model, optimizer = learner(0)
    steps(model, optimizer, 3)
    position = Position(3, 77, [{"step": 1, "loss": 0.1 + 0.2}])
    path = save_checkpoint(tmp_path, model, optimizer, position, keep=2)
    steps(model, optimizer, 3)

    resumed, its_optimizer = learner(1)
    assert load_checkpoint(path, resumed, its_optimizer) == position
    steps(resumed, its_optimizer, 3)
    assert all(torch.equal(a, b) for a, b in zip(model.parameters(), resumed.parameters(), strict=True))


def test_the_latest_are_kept(tmp_path):
    model, optimizer = learner(0)
    steps(model, optimizer, 1)
    for step in (9, 10, 100):
        save_checkpoint(tmp_path, model, optimizer, Position(step), keep=2)
    assert [path.name for path in sorted(tmp_path.iterdir())] == ["checkpoint-000000010", "checkpoint-000000100"]
    assert latest_checkpoint(tmp_path) == tmp_path / "checkpoint-000000100"


def test_a_damaged_one_is_told_of_and_the_one_before_it_is_taken(tmp_path, capsys):
    model, optimizer = learner(0)
    steps(model, optimizer, 1)
    good = save_checkpoint(tmp_path, model, optimizer, Position(1), keep=1)
    for name in sorted(path.name for path in good.iterdir()):
        bad = save_checkpoint(tmp_path, model, optimizer, Position(2), keep=2)
        content = bytearray((bad / name).read_bytes())
        content[len(content) // 2] ^= 1
        (bad / name).write_bytes(content)
        assert latest_checkpoint(tmp_path) == good
        assert "checkpoint-000000002 is damaged" in capsys.readouterr().err
    # Training goes on from step 1 and saves sooner than before: the damaged one must not push out good ones.
    again = save_checkpoint(tmp_path, model, optimizer, Position(1), keep=1)
    assert list(tmp_path.iterdir()) == [again]


def test_a_half_written_one_is_ignored_and_removed(tmp_path):
    model, optimizer = learner(0)
    path = save_checkpoint(tmp_path, model, optimizer, Position(1), keep=2)
    half = tmp_path / f"checkpoint-000000002{PARTIAL}"
    half.mkdir()
    (half / "model.safetensors").write_bytes(b"half")
    assert latest_checkpoint(tmp_path) == path
    remove_partial(tmp_path)
    assert not half.exists()
    assert path.exists()


def test_a_folder_may_hold_no_checkpoint(tmp_path):
    assert latest_checkpoint(tmp_path) is None
    assert latest_checkpoint(tmp_path / "nowhere") is None


def test_an_exception_while_writing_leaves_the_old_folder(tmp_path):
    with whole_folder(tmp_path / "a") as folder:
        (folder / "x").write_text("old")
    with pytest.raises(IsADirectoryError), whole_folder(tmp_path / "a") as folder:
        folder.write_text("new")
    assert [path.name for path in tmp_path.iterdir()] == ["a"]
    assert (tmp_path / "a" / "x").read_text() == "old"
