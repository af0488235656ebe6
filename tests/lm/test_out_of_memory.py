"""worldgen.lm.out_of_memory: the first size that fits, what each failure leads to, and when to give up."""

import pytest
import torch

from worldgen.lm.out_of_memory import work_that_fits


def memory_for(most, tried):
    """Returns work that runs out of memory above `most` and notes each size in `tried`."""

    def work(size):
        tried.append(size)
        if size > most:
            raise torch.OutOfMemoryError
        return f"done with {size}"

    return work


@pytest.mark.parametrize(("most", "sizes"), [(9, [8]), (3, [8, 4, 2]), (1, [8, 4, 2, 1])])
def test_the_size_becomes_smaller_until_the_work_fits(most, sizes):
    tried = []
    assert work_that_fits(memory_for(most, tried), 8, lambda size: size // 2) == (f"done with {sizes[-1]}", sizes[-1])
    assert tried == sizes


def test_a_batch_of_one_that_does_not_fit_is_an_error():
    with pytest.raises(torch.OutOfMemoryError):
        work_that_fits(memory_for(0, []), 4, lambda size: size // 2)


def test_the_caller_can_give_up():
    def smaller(size):
        raise ValueError(f"not below {size}")

    with pytest.raises(ValueError, match="not below 4"):
        work_that_fits(memory_for(1, []), 4, smaller)


def test_the_failed_attempt_is_gone_before_the_next():
    """The exception's frames would keep the tensors of the failed attempt alive."""

    class Large:
        alive = 0

        def __init__(self):
            Large.alive += 1

        def __del__(self):
            Large.alive -= 1

    def work(size):
        held = Large()
        if size > 1:
            raise torch.OutOfMemoryError
        return held.alive

    assert work_that_fits(work, 2, lambda size: size // 2) == (1, 1)
