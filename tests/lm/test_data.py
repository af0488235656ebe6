"""worldgen.lm.data: documents are found by BOS and packed once an epoch; the stream of batches can start anywhere."""

from itertools import islice

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from worldgen.errors import UserError
from worldgen.lm.data import IGNORED, BatchPlan, Share, TokenShards, batches, epoch_order, pack

BOS, EOS = 1, 2
CPU = torch.device("cpu")


def write_shards(folder, lengths, files=2, seed=0):
    """Writes documents of these lengths into several files; document i has the token 10 + i inside. Returns them."""
    documents = [[BOS, *[10 + i] * (length - 2), EOS] for i, length in enumerate(lengths)]
    folder.mkdir(exist_ok=True)
    for number, part in enumerate(np.array_split(np.arange(len(documents)), files)):
        flat = np.array([token for i in part for token in documents[i]], dtype=np.uint16)
        np.save(folder / f"train-{number:05d}.npy", flat)
    return documents


@pytest.fixture
def lengths():
    return np.random.default_rng(0).integers(2, 30, size=200).tolist()


@pytest.fixture
def shards(tmp_path, lengths):
    write_shards(tmp_path, lengths)
    return TokenShards(tmp_path, BOS)


def test_documents_are_found_by_their_beginnings(tmp_path, lengths):
    documents = write_shards(tmp_path, lengths, files=3)
    shards = TokenShards(tmp_path, BOS)
    assert len(shards) == 200
    assert shards.lengths.tolist() == lengths
    assert [shards.document(i).tolist() for i in range(200)] == documents


def test_an_empty_file_among_the_shards_does_no_harm(tmp_path):
    documents = write_shards(tmp_path, [5, 7], files=4)
    shards = TokenShards(tmp_path, BOS)
    assert [shards.document(i).tolist() for i in range(2)] == documents


def test_folders_without_documents_and_files_without_bos_are_refused(tmp_path):
    with pytest.raises(UserError, match="no documents"):
        TokenShards(tmp_path, BOS)
    np.save(tmp_path / "train-00000.npy", np.array([7, BOS, 8, EOS], dtype=np.uint16))
    with pytest.raises(UserError, match="does not begin"):
        TokenShards(tmp_path, BOS)


def test_epoch_order_is_a_function_of_seed_and_epoch():
    assert epoch_order(50, 3, 1).tolist() == epoch_order(50, 3, 1).tolist()
    orders = {tuple(epoch_order(50, seed, epoch)) for seed in range(3) for epoch in range(3)}
    assert len(orders) == 9
    assert all(sorted(order) == list(range(50)) for order in orders)


@given(st.lists(st.integers(1, 40), max_size=300), st.integers(40, 100))
def test_packing_takes_each_document_once_and_rows_fit(lengths, row_tokens):
    rows = list(pack(np.array(lengths, dtype=np.int64), row_tokens))
    assert sorted(index for row in rows for index in row) == list(range(len(lengths)))
    assert all(0 < sum(lengths[i] for i in row) <= row_tokens for row in rows)


def test_packing_fills_rows_well():
    lengths = np.random.default_rng(0).integers(80, 120, size=20_000)
    rows = list(pack(lengths, 1024))
    assert lengths.sum() / (1024 * len(rows)) > 0.96


def test_a_document_longer_than_a_row_names_the_setting():
    with pytest.raises(UserError, match=r"pretrain\.row_tokens to 65"):
        list(pack(np.array([10, 65]), 64))


def test_a_batch_has_positions_labels_and_counts_of_its_documents(shards):
    batch = next(batches(shards, BatchPlan(0, 64, rows_per_step=8)))
    assert (batch.position_ids[:, -1] > 0).any()
    assert batch.input_ids.shape[1] <= 64
    beginnings = batch.input_ids == BOS
    padding = (batch.input_ids == 0) & (batch.position_ids == 0)
    assert batch.tokens == (~padding).sum()
    assert (batch.position_ids[beginnings] == 0).all()
    following = ~beginnings & ~padding
    assert (batch.position_ids[:, 1:] - batch.position_ids[:, :-1] == 1)[following[:, 1:]].all()
    assert torch.equal(batch.labels[following], batch.input_ids[following])
    assert (batch.labels[~following] == IGNORED).all()


def test_each_document_comes_once_an_epoch(shards, lengths):
    stream = batches(shards, BatchPlan(0, 64, rows_per_step=4))
    seen = [0] * 200
    tokens = 0
    while tokens < 3 * sum(lengths):
        batch = next(stream)
        tokens += batch.tokens
        for row, column in (batch.input_ids == BOS).nonzero().tolist():
            if batch.input_ids[row, column + 1] != EOS:
                seen[batch.input_ids[row, column + 1] - 10] += 1
    assert {count for i, count in enumerate(seen) if lengths[i] > 2} <= {3, 4}


def test_the_shares_of_all_processes_make_up_the_step(shards):
    """The processes take rows in turn; the counts are those of the whole step."""
    whole = next(batches(shards, BatchPlan(0, 64, 6), padded=True))
    parts = [next(batches(shards, BatchPlan(0, 64, 6), share=Share(number, 3), padded=True)) for number in range(3)]
    for name in ("input_ids", "position_ids", "labels"):
        together = torch.stack([getattr(part, name) for part in parts], dim=1).flatten(0, 1)
        assert torch.equal(together, getattr(whole, name))
    assert {(part.tokens, part.predicted) for part in parts} == {(whole.tokens, whole.predicted)}
    assert whole.predicted == (whole.labels != IGNORED).sum()


def test_padded_batches_have_one_shape(shards):
    stream = batches(shards, BatchPlan(0, 64, rows_per_step=4), padded=True)
    assert {next(stream).input_ids.shape for _ in range(50)} == {(4, 64)}


@given(st.integers(0, 120))
def test_the_stream_starts_anywhere(tmp_path_factory, start):
    folder = tmp_path_factory.getbasetemp() / "stream"
    write_shards(folder, [5, 9, 17, 30, 3, 12] * 8)
    shards = TokenShards(folder, BOS)
    skipped = next(islice(batches(shards, BatchPlan(7, 32, 3)), start, None))
    started = next(batches(shards, BatchPlan(7, 32, 3), start=start))
    assert torch.equal(skipped.input_ids, started.input_ids)
    assert torch.equal(skipped.position_ids, started.position_ids)
    assert torch.equal(skipped.labels, started.labels)
    assert skipped.tokens == started.tokens
