"""operations: each kind of work is counted once, and what is spent adds up."""

import torch

from worldgen.lm.editors.operations import OperationCounts, SpentOperations, operations_counter

A, B = torch.ones(2, 3), torch.ones(3, 5)
PRODUCT = 2 * 2 * 3 * 5  # two operations for each multiply and add


def test_work_is_done_only_if_its_kind_is_new():
    counts, done = OperationCounts(), []

    def work():
        done.append(A @ B)

    assert [counts.of("product", work) for _ in range(3)] == [PRODUCT] * 3
    assert len(done) == 1
    assert counts.of("products", lambda: (work(), work())) == 2 * PRODUCT


def test_work_in_a_context_is_counted_the_first_time():
    counts = OperationCounts()
    assert counts.known("step") == 0
    for rows in (2, 1):
        with counts.counted("step"):
            A[:rows] @ B
    assert counts.known("step") == PRODUCT


def test_editions_share_the_counts_and_spend_apart():
    counts = OperationCounts()
    first, second = SpentOperations(counts), SpentOperations(counts)
    assert torch.equal(first.on("product", torch.matmul, A, B), A @ B)
    first.on("product", torch.matmul, A, B)
    second.on("product", torch.matmul, A, B)
    assert (first.total, second.total) == (2 * PRODUCT, PRODUCT)


def test_attention_on_a_cpu_is_counted_with_shared_key_heads():
    """Two products of 2 x T x T x D operations for each of the query's heads."""
    heads, T, D = 4, 6, 8
    query, shared = torch.ones(1, heads, T, D), torch.ones(1, 2, T, D)
    with operations_counter() as counter:
        torch.nn.functional.scaled_dot_product_attention(query, shared, shared, enable_gqa=True)
    assert counter.get_total_flops() == 2 * heads * 2 * T * T * D
