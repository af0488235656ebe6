"""worldgen.lm.training.pretrain: a model learns, stops and goes on to the bit; what goes wrong is told."""

import hashlib
import json

import numpy as np
import pandas as pd
import pytest
import torch
from safetensors.torch import load_file
from transformers import AutoModelForCausalLM

from worldgen.errors import Paused, UserError
from worldgen.lm.settings import PretrainConfig
from worldgen.lm.tokenizer import encode, load_tokenizer, train_word_tokenizer
from worldgen.lm.training.checkpoint import checkpoints, latest_checkpoint
from worldgen.lm.training.ledger import LOSSES_HELD, PATIENCE
from worldgen.lm.training.pretrain import Observers, TokenizedCorpus, pretrain
from worldgen.lm.training.trainer import Execution

CONFIG = PretrainConfig(
    hidden=32,
    intermediate=64,
    layers=2,
    heads=4,
    kv_heads=4,
    tokens=6000,
    row_tokens=64,
    rows_per_step=4,
    learning_rate=5e-3,
    warmup_share=0.1,
    adam_beta2=0.98,
    checkpoint_steps=1,
    evaluations=3,
)
SENTENCES = [f"s{i} lives in o{i % 5}." for i in range(20)]


class StoppedError(Exception):
    """Stands for a kill."""


@pytest.fixture
def tokenizer():
    return train_word_tokenizer([f"s{i} lives in o{i}" for i in range(20)])


@pytest.fixture
def corpus(tmp_path, tokenizer):
    generator = np.random.default_rng(0)
    folder = tmp_path / "tokens"
    folder.mkdir()
    texts = [" ".join(generator.choice(SENTENCES, size=generator.integers(2, 9))) for _ in range(40)]
    flat = [token for ids in encode(tokenizer, texts) for token in [1, *ids, 2]]
    np.save(folder / "train-00000.npy", np.array(flat, dtype=np.uint16))
    return TokenizedCorpus(folder, tokenizer)


def train(config, seed, corpus, out, execution=Execution(), **observers):  # noqa: B008
    pretrain(config, seed, corpus, out, execution, Observers(quiet=True, **observers))


def interrupt_at(step):
    def report(row):
        if row["step"] == step:
            raise StoppedError

    return report


def weight_sum(model):
    assert not model.training
    assert not torch.is_grad_enabled()
    return {"weight_sum": float(model.lm_head.weight.sum())}


def hashes(out):
    files = [out / "training.parquet", *sorted((out / "final").iterdir())]
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def test_interrupted_and_resumed_it_ends_with_the_same_bytes(corpus, tmp_path):
    straight, broken = tmp_path / "straight", tmp_path / "broken"
    train(CONFIG, 3, corpus, straight, evaluate=weight_sum)
    for step in (7, 18):
        with pytest.raises(StoppedError):
            train(CONFIG, 3, corpus, broken, evaluate=weight_sum, report=interrupt_at(step))
    torch.manual_seed(12345)
    train(CONFIG, 3, corpus, broken, evaluate=weight_sum)
    assert hashes(broken) == hashes(straight)
    assert "model.safetensors" in hashes(broken)


def test_it_learns_and_the_final_model_loads(corpus, tmp_path):
    state = torch.get_rng_state()
    train(CONFIG, 0, corpus, tmp_path / "lm", evaluate=weight_sum)
    assert torch.equal(torch.get_rng_state(), state)
    history = pd.read_parquet(tmp_path / "lm" / "training.parquet")
    assert history["step"].tolist() == list(range(1, len(history) + 1))
    assert history["tokens"].iloc[-2] < CONFIG.tokens <= history["tokens"].iloc[-1]
    assert history["loss"].iloc[0] == pytest.approx(np.log(len(corpus.tokenizer)), abs=0.3)
    assert history["loss"].iloc[-1] < 0.6 * history["loss"].iloc[0]
    evaluated = history.dropna()
    assert len(evaluated) == CONFIG.evaluations
    model = AutoModelForCausalLM.from_pretrained(tmp_path / "lm" / "final", local_files_only=True)
    assert evaluated["weight_sum"].iloc[-1] == model.lm_head.weight.sum().item()
    assert len(load_tokenizer(tmp_path / "lm" / "final")) == model.config.vocab_size


def test_another_seed_another_model(corpus, tmp_path):
    short = CONFIG.model_copy(update={"tokens": 500})
    for seed in (0, 1):
        train(short, seed, corpus, tmp_path / str(seed))
    assert hashes(tmp_path / "0")["model.safetensors"] != hashes(tmp_path / "1")["model.safetensors"]


def test_a_loss_that_is_no_number_is_told_and_the_checkpoint_kept(corpus, tmp_path):
    def spoil(model):
        with torch.no_grad():
            model.lm_head.weight.fill_(float("nan"))
        return {}

    with pytest.raises(UserError, match="loss is nan at step"):
        train(CONFIG, 0, corpus, tmp_path, evaluate=spoil)
    assert not (tmp_path / "final").exists()


def test_a_gradient_that_is_no_number_spoils_no_checkpoint(corpus, tmp_path, monkeypatch):
    """The loss before the step is sound, the weights after it are not."""
    clip = torch.nn.utils.clip_grad_norm_
    calls = []

    def spoiling(parameters, most):
        parameters = list(parameters)
        calls.append(1)
        if len(calls) == 6:
            parameters[0].grad.fill_(float("inf"))
        return clip(parameters, most)

    monkeypatch.setattr(torch.nn.utils, "clip_grad_norm_", spoiling)
    with pytest.raises(UserError, match="gradient's norm is inf at step 6"):
        train(CONFIG, 0, corpus, tmp_path)
    latest = latest_checkpoint(tmp_path)
    assert latest.name == "checkpoint-000000005"
    assert all(tensor.isfinite().all() for tensor in load_file(latest / "model.safetensors").values())


def test_a_loss_that_stays_above_the_first_is_told_and_a_good_checkpoint_kept(corpus, tmp_path, monkeypatch):
    """Each step goes uphill. With a far too high rate rounding would decide whether the gradient overflows first."""
    monkeypatch.setattr("worldgen.lm.training.pretrain.learning_rate", lambda config, tokens: -config.learning_rate)
    long = CONFIG.model_copy(update={"tokens": 40_000})
    with pytest.raises(UserError, match=f"diverges: for {PATIENCE} steps.*lower pretrain"):
        train(long, 0, corpus, tmp_path)
    first, *_, last = json.loads((latest_checkpoint(tmp_path) / "position.json").read_text())["history"]
    losses = pd.read_parquet(tmp_path / "training.parquet")["loss"]
    assert len(losses) < PATIENCE
    assert min(losses[-LOSSES_HELD:]) <= losses[0]
    assert first["step"] == 1 < last["step"]


def test_after_so_many_minutes_it_pauses_behind_a_checkpoint(corpus, tmp_path):
    """With no time at all each start takes one step and pauses."""
    seldom = CONFIG.model_copy(update={"checkpoint_steps": 0, "tokens": 2000})
    straight, stopped = tmp_path / "straight", tmp_path / "stopped"
    train(seldom, 3, corpus, straight, evaluate=weight_sum)
    steps = len(pd.read_parquet(straight / "training.parquet"))
    for step in range(1, steps + 1):
        with pytest.raises(Paused, match="the same command goes on"):
            train(seldom, 3, corpus, stopped, Execution(max_minutes=0), evaluate=weight_sum)
        assert latest_checkpoint(stopped).name == f"checkpoint-{step:09d}"
        assert len(pd.read_parquet(stopped / "training.parquet")) == step
    train(seldom, 3, corpus, stopped, evaluate=weight_sum)
    assert hashes(stopped) == hashes(straight)


def test_checkpoints_come_by_steps(corpus, tmp_path):
    config = CONFIG.model_copy(update={"checkpoint_steps": 5, "checkpoints_kept": 100, "tokens": 3000})
    train(config, 0, corpus, tmp_path)
    steps = len(pd.read_parquet(tmp_path / "training.parquet"))
    assert [int(path.name.split("-")[1]) for path in checkpoints(tmp_path)] == list(range(5, steps + 1, 5))


def test_what_is_reported_has_the_speed_and_the_marks(corpus, tmp_path):
    rows = []
    train(CONFIG, 0, corpus, tmp_path, evaluate=weight_sum, report=rows.append)
    history = pd.read_parquet(tmp_path / "training.parquet")
    assert [row["loss"] for row in rows if "loss" in row] == history["loss"].tolist()
    assert all(row["tokens_per_second"] > 0 and row["mfu"] > 0 for row in rows if "loss" in row)
    marks = [row["weight_sum"] for row in rows if "weight_sum" in row]
    assert marks == history["weight_sum"].dropna().tolist()
    assert "mfu" not in history  # the log is a function of the config, not of the clock


def test_the_checkpoint_carries_the_history(corpus, tmp_path):
    with pytest.raises(StoppedError):
        train(CONFIG, 0, corpus, tmp_path / "lm", report=interrupt_at(9))
    (*_, latest) = sorted((tmp_path / "lm").glob("checkpoint-*"))
    position = json.loads((latest / "position.json").read_text())
    assert [row["step"] for row in position["history"]] == list(range(1, position["step"] + 1)) == list(range(1, 9))
