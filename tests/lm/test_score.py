"""worldgen.lm.score: exact for uniform logits, equal to the plain sum for any; greedy equals recomputing the argmax."""

import math

import numpy as np
import pytest
import torch

from worldgen.lm.editions import Edited
from worldgen.lm.model import new_model
from worldgen.lm.score import greedy, log_probabilities
from worldgen.lm.settings import PretrainConfig
from worldgen.lm.tokenizer import encode, train_word_tokenizer

SIZE = PretrainConfig(hidden=32, intermediate=64, layers=2, heads=4, kv_heads=2, row_tokens=64)
WORDS = ["ada", "lovelace", "born", "in", "paris", "san", "salvador", "university"]
PAIRS = [
    ("ada born in", "paris."),
    ("ada lovelace born in", "san salvador university."),
    ("ada born in", "san salvador."),
    ('"ada born in paris" is', "true"),
    ("ada born in", "paris."),
    ('"ada born in paris" is', "false"),
    ("", "ada"),
]
ROUNDING = 1e-5  # float32 sums in another order


@pytest.fixture(scope="module")
def tokenizer():
    return train_word_tokenizer(WORDS)


@pytest.fixture(scope="module")
def model(tokenizer):
    model = new_model(SIZE, tokenizer, seed=0).eval()
    with torch.no_grad():
        model.lm_head.weight.mul_(20)  # far from uniform
    return model


def plain(model, tokenizer, prompt, continuation):
    """Returns log p by the definition: one text, one position after another."""
    before, after = encode(tokenizer, [prompt, continuation])
    ids, total = [1, *before], 0.0
    for token in after:
        with torch.no_grad():
            logits = model(input_ids=torch.tensor([ids])).logits[0, -1]
        total += torch.log_softmax(logits.double(), -1)[token].item()
        ids.append(token)
    return total


@pytest.mark.parametrize("batch_tokens", [1, 16, 8192])
def test_uniform_logits_give_exactly_v_to_the_minus_n(tokenizer, batch_tokens):
    model = new_model(SIZE, tokenizer, seed=0)
    torch.nn.init.zeros_(model.lm_head.weight)
    scores = log_probabilities(model, tokenizer, PAIRS, batch_tokens)
    one = float(torch.log_softmax(torch.zeros(len(tokenizer)), -1)[0])  # -log V as float32 has it
    assert one == pytest.approx(-math.log(len(tokenizer)), rel=1e-7)
    assert scores.tolist() == [2 * one, 4 * one, 3 * one, one, 2 * one, one, one]
    assert scores.dtype == np.float64


@pytest.mark.parametrize("batch_tokens", [1, 12, 20, 8192])
def test_the_score_is_the_sum_over_the_continuation(model, tokenizer, batch_tokens):
    scores = log_probabilities(model, tokenizer, PAIRS, batch_tokens)
    expected = [plain(model, tokenizer, *pair) for pair in PAIRS]
    assert scores == pytest.approx(expected, rel=ROUNDING)
    assert len({round(score, 3) for score in scores}) == 6


def test_continuations_of_one_length_sum_to_one(model, tokenizer):
    vocabulary = list(tokenizer.get_vocab())
    words = [word for word in vocabulary if word not in ("<unk>", "<s>", "</s>")]
    scores = log_probabilities(model, tokenizer, [("ada born in", word) for word in words])
    with torch.no_grad():
        logits = model(input_ids=torch.tensor([[1, *encode(tokenizer, ["ada born in"])[0]]])).logits[0, -1]
    specials = torch.softmax(logits, -1)[:3].sum().item()
    assert np.exp(scores).sum() + specials == pytest.approx(1.0, abs=ROUNDING)


def test_equal_pairs_are_scored_once(model, tokenizer):
    """ "true" and "false" after one prompt are one row."""
    rows = []
    hook = model.model.register_forward_pre_hook(
        lambda _, __, kwargs: rows.append(len(kwargs["input_ids"])), with_kwargs=True
    )
    log_probabilities(model, tokenizer, PAIRS * 3)
    hook.remove()
    assert rows == [5]


def test_the_longest_texts_come_first_and_batches_keep_to_the_bound(model, tokenizer):
    shapes = []
    hook = model.model.register_forward_pre_hook(
        lambda _, __, kwargs: shapes.append(tuple(kwargs["input_ids"].shape)), with_kwargs=True
    )
    log_probabilities(model, tokenizer, PAIRS, batch_tokens=16)
    hook.remove()
    assert [width for _, width in shapes] == sorted((width for _, width in shapes), reverse=True)
    assert all(rows * width <= 16 for rows, width in shapes)


def test_no_questions_have_no_answers(model, tokenizer):
    assert log_probabilities(model, tokenizer, []).tolist() == []
    assert greedy(model, tokenizer, [], 3) == []
    assert greedy(model, tokenizer, ["ada"], 0) == [[]]


def test_an_empty_continuation_is_refused(model, tokenizer):
    with pytest.raises(ValueError, match="no tokens"):
        log_probabilities(model, tokenizer, [("ada born in", " ")])


@pytest.mark.parametrize("batch_tokens", [1, 8192])
def test_greedy_takes_the_argmax_at_each_step(model, tokenizer, batch_tokens):
    prompts = ["ada born in", "ada lovelace born in", "", "san salvador university", "ada born in"]
    expected = []
    for ids in encode(tokenizer, prompts):
        text = [1, *ids]
        for _ in range(5):
            with torch.no_grad():
                text.append(int(model(input_ids=torch.tensor([text])).logits[0, -1].argmax()))
        expected.append(text[-5:])
    assert greedy(model, tokenizer, prompts, 5, batch_tokens) == expected


def test_greedy_takes_the_lowest_of_equals(tokenizer):
    model = new_model(SIZE, tokenizer, seed=0)
    torch.nn.init.zeros_(model.lm_head.weight)
    assert greedy(model, tokenizer, ["ada", "ada born in"], 3) == [[0, 0, 0], [0, 0, 0]]


class Router:
    """Makes a model into two editions: the second's logits are shifted towards one word. Records which were asked."""

    def __init__(self, model, word):
        self.rows, self.batches, self.shift = [0], [], torch.zeros(model.lm_head.out_features)
        self.shift[word] = 3.0
        self.hook = model.model.register_forward_hook(self.note, with_kwargs=True)
        self.head = model.lm_head.register_forward_hook(self.shifted)

    def route(self, editions):
        self.rows = list(editions)

    def note(self, _, __, kwargs, ___):
        self.batches.append(self.rows)
        assert len(kwargs["input_ids"]) == len(self.rows)

    def shifted(self, _, __, logits):
        # one asked token a text: row n of the logits is text n
        shift = torch.tensor(self.rows)[:, None] * self.shift
        return logits + (shift if logits.ndim == 2 else shift[:, None])


@pytest.fixture
def router(model, tokenizer):
    router = Router(model, encode(tokenizer, ["paris"])[0][0])
    yield router
    router.hook.remove()
    router.head.remove()


@pytest.mark.parametrize("batch_tokens", [1, 8192])
def test_a_batch_mixes_editions(model, tokenizer, router, batch_tokens):
    pairs = [("ada born in", "paris"), ("ada", "paris"), ("ada born in", "paris"), ("ada born in", "paris")]
    edited = Edited(model, (), router.route)
    scores = log_probabilities(edited, tokenizer, pairs, batch_tokens, editions=[0, 1, 1, 0])
    batches = list(router.batches)
    for edition in (0, 1):
        router.route([edition])
        expected = [plain(model, tokenizer, *pair) for pair in pairs]
        mine = [0, 3] if edition == 0 else [1, 2]
        assert scores[mine] == pytest.approx([expected[number] for number in mine], rel=ROUNDING)
    assert scores[0] == scores[3] < scores[2] - 0.1
    asked = [row for rows in batches for row in rows]
    assert sorted(asked) == [0, 1, 1]  # equal questions to one edition are asked once, to two editions twice


def test_greedy_asks_the_edition(model, tokenizer, router):
    edited = Edited(model, (), router.route)
    router.shift *= 100
    said = greedy(edited, tokenizer, ["ada", "ada", "ada born in", "ada"], 2, editions=[0, 1, 1, 1])
    paris = encode(tokenizer, ["paris"])[0][0]
    assert said[1] == said[3] == said[2] == [paris, paris]
    router.route([0])
    assert said[0] == greedy(model, tokenizer, ["ada"], 2)[0] != said[1]


def test_a_preface_is_read_before_every_prompt(model, tokenizer):
    edited = Edited(model, (), prefaces=("", "ada born in paris."))
    pairs = [("lovelace born in", "san")] * 2
    scores = log_probabilities(edited, tokenizer, pairs, editions=[0, 1])
    expected = [
        plain(model, tokenizer, *pairs[0]),
        plain(model, tokenizer, "ada born in paris. lovelace born in", "san"),
    ]
    assert scores == pytest.approx(expected, rel=ROUNDING)
    assert scores[0] != pytest.approx(scores[1], rel=1e-3)
    prompts = ["ada", "ada born in paris. ada"]
    assert greedy(edited, tokenizer, ["ada"], 3, editions=[1]) == greedy(model, tokenizer, prompts[1:], 3)


def test_the_last_token_is_asked_for_and_not_read(model, tokenizer):
    widths = []
    hook = model.model.register_forward_pre_hook(
        lambda _, __, kwargs: widths.append(kwargs["input_ids"].shape[1]), with_kwargs=True
    )
    log_probabilities(model, tokenizer, [("ada born in", "paris.")])
    hook.remove()
    assert widths == [1 + 3 + 1]  # BOS, the prompt, and paris, which predicts the full stop
