"""A model and a tokenizer that cannot be asked the questions of points are told in one line."""

import pytest
from small_causal_models import ARCHITECTURES, KINDS, POSITIONS, model_of, tokenizer_of
from tokenizers import Tokenizer, decoders, models
from transformers import PreTrainedTokenizerFast

from worldgen.errors import UserError
from worldgen.evaluate.slag.any_model_predictions import ModelReader
from worldgen.evaluate.slag.model_faults import check_model
from worldgen.evaluate.slag.points import Asked, Neutral, Point, Task
from worldgen.lm.tokenizer import train_word_tokenizer


def gen(prompt: str, *labels: str, neutral: tuple[Neutral, ...] = ()) -> Point:
    return Point("p7", Task.GEN, "test", "p7", Asked(prompt, labels), neutral=neutral)


def tf(prompt: str) -> Point:
    return Point("p7", Task.TF, "test", "p7", Asked(prompt, ("true",)))


def told(tokenizer, point: Point, new_tokens: int = 16, architecture="llama") -> str:
    """The one line that refuses the point."""
    with pytest.raises(UserError) as error:
        check_model(model_of(architecture, len(tokenizer)), ModelReader(tokenizer, new_tokens), [point])
    assert "\n" not in str(error.value)
    assert str(error.value).startswith("point 'p7': ")
    return str(error.value)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("bos", [True, False])
def test_usual_tokenizers_can_be_asked_usual_questions(kind, bos):
    tokenizer = tokenizer_of(kind, bos)
    points = [
        gen("ada was born in", "Mt. Ox", neutral=(Neutral(Asked("ada works as", ())),)),
        gen("Q: Where was ada born? A:", "an unusually long-winded name", "York"),
        tf('"ada was born in York" is'),
        tf('"A lion is a fox." is'),
    ]
    check_model(model_of("gpt2", len(tokenizer)), ModelReader(tokenizer), points)


def test_a_tokenizer_that_joins_prompt_and_answer_is_told():
    """Its merges go across spaces, so "is true" has a piece "s " that neither "is" nor " true" has."""
    letters = {letter: i for i, letter in enumerate(dict.fromkeys('"ad istruefl'))}
    backend = Tokenizer(models.BPE(letters | {"s ": len(letters)}, [("s", " ")]))
    backend.decoder = decoders.Fuse()
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=backend)
    assert "splits '\"ada\" is true' otherwise than the prompt and 'true' by themselves" in told(
        tokenizer, tf('"ada" is')
    )


def test_a_prompt_with_unknown_words_is_told():
    tokenizer = train_word_tokenizer(["ada", "born in", "York"])
    assert "no token for a part of 'zoe born in'" in told(tokenizer, gen("zoe born in", "York"))


def test_a_question_none_of_whose_labels_can_be_written_is_told():
    tokenizer = train_word_tokenizer(["ada", "born in", "York"])
    check_model(model_of("llama", len(tokenizer)), ModelReader(tokenizer), [gen("ada born in", "Leeds", "York")])
    assert "cannot write 'Leeds': it writes ''" in told(tokenizer, gen("ada born in", "Leeds"))
    inner = gen("ada born in", "York", neutral=(Neutral(Asked("ada", ("Leeds",))),))
    assert "cannot write 'Leeds'" in told(tokenizer, inner)


def test_labels_that_are_all_longer_than_what_is_generated_are_told():
    tokenizer = tokenizer_of("bytes", True)
    point = gen("ada was born in", "Oxwell", "Mt. Ox on Wye")
    check_model(model_of("llama", len(tokenizer)), ModelReader(tokenizer, len(" Oxwell")), [point])
    assert "its shortest label has 7 tokens, and 6 are generated" in told(tokenizer, point, len(" Oxwell") - 1)


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_a_prompt_longer_than_the_model_reads_is_told(architecture):
    tokenizer = tokenizer_of("bytes", True)
    room = POSITIONS - 16 - 1  # BOS
    check_model(model_of(architecture, len(tokenizer)), ModelReader(tokenizer), [gen("a" * room, "York")])
    line = told(tokenizer, gen("a" * (room + 1), "York"), architecture=architecture)
    assert f"the prompt has {room + 2} tokens and the answer up to 16, and the model reads {POSITIONS}" in line
