"""worldgen.lm.model: the paper's sizes, packed documents that do not see one another, saving and loading to the bit."""

import pytest
import torch
from transformers import AutoModelForCausalLM

from worldgen.errors import UserError
from worldgen.evaluate.runs.presets import paper, with_size
from worldgen.lm.data import IGNORED, Batch
from worldgen.lm.model import count_parameters, new_model, next_token_logits, packed_loss
from worldgen.lm.settings import PretrainConfig
from worldgen.lm.tokenizer import train_word_tokenizer

TINY = PretrainConfig(hidden=32, intermediate=64, layers=2, heads=4, kv_heads=2, row_tokens=32)
ROUNDING = {"atol": 1e-5, "rtol": 1e-5}  # float32, other shapes of the same sums


@pytest.fixture(scope="module")
def tokenizer():
    return train_word_tokenizer(["ada", "born in", "london", "paris"])


@pytest.fixture(scope="module")
def model(tokenizer):
    return new_model(TINY, tokenizer, seed=0)


def all_logits(model, input_ids, position_ids):
    rows, columns = torch.ones_like(input_ids).nonzero(as_tuple=True)
    return next_token_logits(model, input_ids, rows, columns, position_ids).unflatten(0, input_ids.shape)


def packed(documents, width):
    input_ids = torch.zeros(1, width, dtype=torch.long)
    position_ids = torch.zeros(1, width, dtype=torch.long)
    labels = torch.full((1, width), IGNORED)
    end = 0
    for document in documents:
        start, end = end, end + len(document)
        input_ids[0, start:end] = torch.tensor(document)
        position_ids[0, start:end] = torch.arange(len(document))
        labels[0, start + 1 : end] = torch.tensor(document[1:])
    return Batch(input_ids, position_ids, labels, end, end - len(documents))


DOCUMENTS = [[1, 5, 6, 7, 2], [1, 9, 8, 2], [1, 4, 3, 10, 11, 2]]


@torch.no_grad()
def test_packed_documents_are_read_as_if_each_were_alone(model):
    batch = packed(DOCUMENTS, width=20)
    together = all_logits(model, batch.input_ids, batch.position_ids)[0, :15]
    alone = [model(input_ids=torch.tensor([document])).logits[0] for document in DOCUMENTS]
    assert torch.allclose(together, torch.cat(alone), **ROUNDING)


@torch.no_grad()
def test_a_document_and_padding_do_not_reach_another_document(model):
    one, other = packed(DOCUMENTS, 20), packed([[1, 12, 12, 12, 2], *DOCUMENTS[1:]], 20)
    other.input_ids[0, 15:] = 9
    first = all_logits(model, one.input_ids, one.position_ids)
    second = all_logits(model, other.input_ids, other.position_ids)
    assert torch.equal(first[0, 5:15], second[0, 5:15])
    assert not torch.allclose(first[0, :5], second[0, :5])


def test_the_packed_loss_is_the_mean_over_all_predicted_tokens(model):
    losses = []
    for document in DOCUMENTS:
        logits = model(input_ids=torch.tensor([document])).logits[0, :-1]
        losses += torch.nn.functional.cross_entropy(logits, torch.tensor(document[1:]), reduction="none").tolist()
    batch = packed(DOCUMENTS, 20)
    assert packed_loss(model, batch).item() == pytest.approx(sum(losses) / len(losses), rel=1e-5)
    by_transformers = model(
        input_ids=batch.input_ids, position_ids=batch.position_ids, labels=batch.labels, use_cache=False
    )
    assert packed_loss(model, batch).item() == pytest.approx(by_transformers.loss.item(), rel=1e-5)


def test_the_seed_alone_makes_the_weights(tokenizer):
    state = torch.get_rng_state()
    first, again, other = (new_model(TINY, tokenizer, seed).state_dict() for seed in (1, 1, 2))
    assert torch.equal(torch.get_rng_state(), state)
    assert all(torch.equal(first[name], again[name]) for name in first)
    assert not torch.equal(first["lm_head.weight"], other["lm_head.weight"])


class Mistral32k:
    """Stands for the tokenizer of Mistral-7B-v0.1: has all that `new_model` reads."""

    bos_token_id, eos_token_id = 1, 2

    def __len__(self):
        return 32_000


@pytest.mark.parametrize(
    ("size", "count"), [("83m", 83_112_448), ("162m", 162_417_408), ("334m", 334_005_248), ("1b", 1_004_348_928)]
)
def test_the_papers_family_has_the_parameters_in_the_names(size, count):
    config = with_size(paper(), size).pretrain
    with torch.device("meta"):
        model = new_model(config, Mistral32k(), seed=0)
    embedding_and_head = 2 * 32_000 * config.hidden
    layer = 4 * config.hidden**2 + 3 * config.hidden * config.intermediate + 2 * config.hidden
    assert count_parameters(model) == embedding_and_head + config.layers * layer + config.hidden == count
    assert config.hidden == 64 * config.heads
    assert size != "83m" or config == PretrainConfig()


@torch.no_grad()
def test_a_saved_model_loads_to_the_bit(model, tmp_path):
    model.save_pretrained(tmp_path)
    assert [path.name for path in tmp_path.glob("*.safetensors")] == ["model.safetensors"]
    loaded = AutoModelForCausalLM.from_pretrained(tmp_path, local_files_only=True)
    input_ids = torch.tensor([DOCUMENTS[2]])
    assert torch.equal(loaded(input_ids=input_ids).logits, model(input_ids=input_ids).logits)
    assert loaded.config.sliding_window is None
    assert not loaded.config.tie_word_embeddings


def test_sizes_that_do_not_go_together_are_refused(tokenizer):
    with pytest.raises(UserError, match="do not go together"):
        new_model(TINY.model_copy(update={"hidden": 30}), tokenizer, seed=0)
