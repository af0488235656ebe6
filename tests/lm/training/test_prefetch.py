"""worldgen.lm.training.prefetch: the same batches in the same order, made by a thread; errors arrive in their place."""

import threading
from itertools import islice

import numpy as np
import pytest
import torch

from worldgen.errors import UserError
from worldgen.lm.data import BatchPlan, TokenShards, batches
from worldgen.lm.training.prefetch import prefetched

BOS, EOS = 1, 2
PLAN = BatchPlan(seed=0, row_tokens=64, rows_per_step=4)
CPU = torch.device("cpu")


@pytest.fixture
def shards(tmp_path):
    generator = np.random.default_rng(0)
    documents = [[BOS, *generator.integers(3, 99, size=size), EOS] for size in generator.integers(0, 28, size=200)]
    np.save(tmp_path / "train-00000.npy", np.array([token for ids in documents for token in ids], dtype=np.uint16))
    return TokenShards(tmp_path, BOS)


def test_prefetching_changes_nothing_but_the_thread(shards):
    plain = list(islice(batches(shards, PLAN), 30))
    with prefetched(batches(shards, PLAN), CPU) as stream:
        ahead = [next(stream) for _ in range(30)]
    assert all(torch.equal(a.input_ids, b.input_ids) for a, b in zip(plain, ahead, strict=True))
    assert not [thread for thread in threading.enumerate() if thread.name == "batches"]


def test_an_exception_of_the_stream_is_raised_in_its_place(shards):
    def failing():
        yield from islice(batches(shards, PLAN), 2)
        raise UserError("no more")

    with prefetched(failing(), CPU) as stream:
        next(stream)
        next(stream)
        with pytest.raises(UserError, match="no more"):
            next(stream)
