"""worldgen.lm.training.processes: two processes over gloo train as one does, to rounding; DDP and FSDP2."""

import json
import multiprocessing
import os
import shutil
import socket

import numpy as np
import pandas as pd
import pytest
import torch
from transformers import AutoModelForCausalLM

from worldgen.errors import UserError
from worldgen.lm.settings import PretrainConfig
from worldgen.lm.tokenizer import encode, train_word_tokenizer
from worldgen.lm.training.pretrain import Observers, TokenizedCorpus, pretrain
from worldgen.lm.training.trainer import Execution

CONFIG = PretrainConfig(
    hidden=32, intermediate=64, layers=2, heads=4, kv_heads=2, tokens=4000, row_tokens=64, rows_per_step=6,
    learning_rate=2e-3, warmup_share=0.1, gradient_clip=0.5, evaluations=2, checkpoint_steps=4,
)  # fmt: skip
# Sums in float32 in another order, through a dozen steps of AdamW.
ROUNDING = 1e-3
NAMES = [f"s{i} lives in o{i % 5}" for i in range(20)]
# A server that has imported everything once and forks: a fresh process in milliseconds, without any thread.
PROCESSES = multiprocessing.get_context("forkserver")
PROCESSES.set_forkserver_preload(["worldgen.lm.training.pretrain"])


@pytest.fixture(scope="module")
def tokens(tmp_path_factory):
    generator, tokenizer = np.random.default_rng(0), train_word_tokenizer(NAMES)
    folder = tmp_path_factory.mktemp("tokens")
    texts = [" ".join(f"{NAMES[i]}." for i in generator.integers(20, size=generator.integers(2, 9))) for _ in range(60)]
    flat = [token for ids in encode(tokenizer, texts) for token in (1, *ids, 2)]
    np.save(folder / "train-00000.npy", np.array(flat, dtype=np.uint16))
    return folder


def weight_norm(model):
    """Returns a mark that needs the forward pass of every process's model."""
    return {"logit": float(model(input_ids=torch.tensor([[1, 5, 6, 7]])).logits.sum())}


def train(tokens, out, execution, config=CONFIG, evaluate=weight_norm):
    corpus = TokenizedCorpus(tokens, train_word_tokenizer(NAMES))
    pretrain(config, 3, corpus, out, execution, Observers(evaluate, quiet=True))


def _one_of_several(rank, of, port, tokens, out, execution, config):
    """Trains as one of `of` processes, with the environment that torchrun gives it."""
    os.environ |= {
        "RANK": str(rank), "LOCAL_RANK": str(rank), "WORLD_SIZE": str(of), "MASTER_ADDR": "127.0.0.1",
        "MASTER_PORT": str(port),
    }  # fmt: skip
    try:
        train(tokens, out, execution, config)
    except UserError as error:
        (out / f"told-{rank}.json").write_text(json.dumps(str(error)))


def train_as(of, tokens, out, execution=Execution(), config=CONFIG):  # noqa: B008
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    out.mkdir(exist_ok=True)
    arguments = (of, port, tokens, out, execution, config)
    ranks = [PROCESSES.Process(target=_one_of_several, args=(rank, *arguments)) for rank in range(of)]
    for process in ranks:
        process.start()
    for process in ranks:
        process.join(240)
        process.kill()  # nothing, unless it hangs
    assert [process.exitcode for process in ranks] == [0] * of


@pytest.fixture(scope="module")
def alone(tokens, tmp_path_factory):
    """Returns the folder of the same training by one process."""
    out = tmp_path_factory.mktemp("alone")
    train_as(1, tokens, out)
    return out


def assert_same_training(out, alone):
    history, expected = (pd.read_parquet(folder / "training.parquet") for folder in (out, alone))
    assert list(history.columns) == list(expected.columns)
    assert history["tokens"].tolist() == expected["tokens"].tolist()
    for name in ("loss", "gradient_norm", "logit"):
        np.testing.assert_allclose(history[name], expected[name], rtol=ROUNDING, atol=ROUNDING)
    assert history["logit"].notna().sum() == 2
    models = [AutoModelForCausalLM.from_pretrained(folder / "final").state_dict() for folder in (out, alone)]
    assert all(torch.allclose(models[0][name], models[1][name], atol=ROUNDING) for name in models[1])


@pytest.mark.parametrize("execution", [Execution(), Execution(sharded=True), Execution(micro_rows=2)])
def test_two_processes_train_as_one(tokens, alone, tmp_path, execution):
    train_as(2, tokens, tmp_path / "two", execution)
    assert_same_training(tmp_path / "two", alone)


def test_a_checkpoint_of_one_kind_goes_on_in_another(tokens, alone, tmp_path):
    """Training goes from two processes with sharded weights to one with whole weights, and back."""
    out, config = tmp_path / "out", CONFIG.model_copy(update={"checkpoints_kept": 100})
    for last_kept, of, sharded in ((0, 2, True), (4, 1, False), (8, 2, True)):
        shutil.rmtree(out / "final", ignore_errors=True)
        for checkpoint in out.glob("checkpoint-*"):
            if int(checkpoint.name.split("-")[1]) > last_kept:  # take back what came later
                shutil.rmtree(checkpoint)
        train_as(of, tokens, out, Execution(sharded=sharded), config)
        assert_same_training(out, alone)


def test_rows_that_cannot_be_shared_are_told(tokens, tmp_path):
    train_as(2, tokens, tmp_path, config=CONFIG.model_copy(update={"rows_per_step": 5}))
    assert "multiple of their number" in (tmp_path / "told-1.json").read_text()
