"""worldgen.lm.training.trainer: the gradient does not depend on how rows are cut; memory that runs out; compilation."""

import numpy as np
import pytest
import torch

from worldgen.errors import UserError
from worldgen.lm.data import BatchPlan, TokenShards, batches
from worldgen.lm.model import new_model, packed_loss
from worldgen.lm.settings import PretrainConfig
from worldgen.lm.training.processes import Processes, Share
from worldgen.lm.training.trainer import Execution, Trainer

CONFIG = PretrainConfig(hidden=16, intermediate=32, layers=2, heads=2, kv_heads=2, row_tokens=48, rows_per_step=7)
ALONE = Processes(Share(), torch.device("cpu"))
ROUNDING = {"rtol": 1e-3, "atol": 1e-6}  # float32 sums in another order


class Words:
    """Stands for a tokenizer: has all that `new_model` reads."""

    bos_token_id, eos_token_id = 1, 2

    def __len__(self):
        return 50


@pytest.fixture
def batch(tmp_path):
    generator = np.random.default_rng(0)
    lengths = generator.integers(12, 48, size=9)  # so few that the rows are of different length
    flat = [token for n in lengths for token in (1, *generator.integers(3, 50, size=n - 2), 2)]
    np.save(tmp_path / "train-00000.npy", np.array(flat, dtype=np.uint16))
    return next(batches(TokenShards(tmp_path, 1), BatchPlan(0, CONFIG.row_tokens, CONFIG.rows_per_step)))


def trainer(said=None, **execution):
    model = new_model(CONFIG, Words(), seed=0)
    return Trainer(CONFIG, model, ALONE, Execution(**execution), said.append if said is not None else print)


def gradients(trainer, batch):
    """Returns loss and gradients of a step that is not taken: AdamW's first step would magnify rounding."""
    loss = trainer._accumulated(batch)
    return loss.item(), [parameter.grad.clone() for parameter in trainer.model.parameters()]


def assert_alike(some, others):
    assert some[0] == pytest.approx(others[0], rel=1e-5)
    assert all(torch.allclose(a, b, **ROUNDING) for a, b in zip(some[1], others[1], strict=True))


@pytest.mark.parametrize("micro_rows", [1, 2, 3, 100])
def test_micro_batches_give_the_step_of_all_rows(batch, micro_rows):
    whole = trainer()
    packed_loss(whole.model, batch).backward()
    by_hand = [parameter.grad.clone() for parameter in whole.model.parameters()]
    assert_alike(gradients(trainer(micro_rows=micro_rows), batch), (packed_loss(whole.model, batch).item(), by_hand))


def test_a_mean_of_means_would_be_another_loss(batch):
    """The rows of this batch hold different numbers of predicted tokens, so that the tests above can fail."""
    model = trainer().model
    rows = [tuple(tensor[i : i + 1] for tensor in batch.tensors()) for i in range(CONFIG.rows_per_step)]
    counts = [int((labels != -100).sum()) for _, _, labels in rows]
    losses = [
        model(input_ids=ids, position_ids=places, labels=labels, use_cache=False).loss.item()
        for ids, places, labels in rows
    ]
    assert abs(np.mean(losses) - packed_loss(model, batch).item()) > 1e-4
    assert np.average(losses, weights=counts) == pytest.approx(packed_loss(model, batch).item(), rel=1e-5)


def memory_for(trainer, rows):
    """Makes the trainer's loss run out of memory above `rows` rows; returns a list of the calls' numbers of rows."""
    calls, loss = [], trainer._loss

    def limited(input_ids, *rest):
        calls.append(len(input_ids))
        result = loss(input_ids, *rest)
        if len(calls) % 2 == 0 and len(input_ids) > rows:  # now and then only in the midst of a step
            raise torch.OutOfMemoryError("CUDA out of memory")
        if len(input_ids) > rows:
            result.backward(retain_graph=True)  # a gradient that must not be left behind
            raise torch.OutOfMemoryError("CUDA out of memory")
        return result

    trainer._loss = limited
    return calls


def test_out_of_memory_halves_the_rows_and_changes_no_result(batch):
    said = []
    poor = trainer(said)
    calls = memory_for(poor, rows=2)
    assert_alike(gradients(poor, batch), gradients(trainer(), batch))
    assert calls == [7, 4, 2, 2, 2, 1]
    assert said == [
        "out of memory with 7 rows at a time: trying 4",
        "out of memory with 4 rows at a time: trying 2",
        "2 rows at a time fit in memory (--micro-rows 2)",
    ]
    calls.clear()
    poor.step(batch, 1e-2)
    assert calls == [2, 2, 2, 1]


def test_where_no_row_fits_the_user_is_told(batch):
    poor = trainer([])
    memory_for(poor, rows=0)
    with pytest.raises(UserError, match="single row"):
        poor.step(batch, 1e-2)


def test_several_processes_are_told_what_to_start_with(batch):
    poor = trainer([])
    poor._processes = Processes(Share(0, 2), torch.device("cpu"))
    memory_for(poor, rows=2)
    with pytest.raises(UserError, match="--micro-rows 3"):
        poor.step(batch, 1e-2)


@pytest.mark.parametrize(
    ("execution", "told"), [({"attention": "flex_attention"}, "on a CPU"), ({"sharded": True}, "torchrun")]
)
def test_what_this_machine_cannot_do_is_told(execution, told):
    with pytest.raises(UserError, match=told):
        trainer(**execution)


@pytest.mark.slow
def test_a_compiled_step_equals_the_plain_one(batch):
    """A compiled step computes all positions, in other kernels. Here the CPU's kernels stand for the GPU's."""
    assert_alike(gradients(trainer(compiled=True), batch), gradients(trainer(), batch))


def test_a_step_clips_at_the_norm_of_all_gradients(batch):
    stepping = trainer()
    _, expected = gradients(trainer(), batch)
    _, norm = stepping.step(batch, 1e-2).tolist()
    assert norm == pytest.approx(torch.stack([g.norm() for g in expected]).norm().item(), rel=1e-5)
    first_moment = next(iter(stepping.optimizer.state.values()))["exp_avg"]
    assert torch.allclose(first_moment, 0.1 * expected[0] / max(norm, 1.0), **ROUNDING)
    assert all(parameter.grad is None for parameter in stepping.model.parameters())
