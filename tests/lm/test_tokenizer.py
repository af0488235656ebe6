"""worldgen.lm.tokenizer: round trips, no piece across a space, equality with SentencePiece, labels that are cut."""

import pytest
import sentencepiece
from hypothesis import given, settings
from hypothesis import strategies as st

from worldgen.errors import UserError
from worldgen.lm import tokenizer as tok

LABELS = ["ada lovelace", "born in", "london", "st. mary's college", "lives in", "not"]
TEXT = 'ada lovelace born in london. "not ada lovelace born in london" is false. "x" is true.'


@pytest.fixture(scope="module", params=["words", "mistral"])
def tokenizer(request):
    return tok.train_word_tokenizer(LABELS) if request.param == "words" else tok.load_mistral_tokenizer()


def test_word_vocabulary_is_in_order_of_first_appearance():
    words = tok.train_word_tokenizer(LABELS).get_vocab()
    expected = "<unk> <s> </s> \" . is true false not and or ada lovelace born in london st mary's college lives"
    assert sorted(words, key=words.__getitem__) == expected.split(" ")


def test_marks_are_words_of_their_own_and_the_text_comes_back():
    words = tok.train_word_tokenizer([*LABELS, "x"])
    (ids,) = tok.encode(words, [TEXT])
    assert words.convert_ids_to_tokens(ids[4:8]) == ["london", ".", '"', "not"]
    assert words.decode(ids) == TEXT


def test_a_special_token_in_a_label_is_refused():
    with pytest.raises(UserError, match="special token"):
        tok.train_word_tokenizer(["the <s> band"])


def test_special_tokens(tokenizer):
    assert (tokenizer.unk_token_id, tokenizer.bos_token_id, tokenizer.eos_token_id) == (0, 1, 2)
    assert tokenizer.pad_token_id == 2


def test_mistral_has_32000_pieces_and_reads_no_special_token_out_of_text():
    mistral = tok.load_mistral_tokenizer()
    assert len(mistral) == 32_000
    (ids,) = tok.encode(mistral, ["a <s> b </s>"])
    assert not {1, 2} & set(ids)


def test_saved_and_loaded_it_encodes_the_same(tokenizer, tmp_path):
    tok.save_tokenizer(tokenizer, tmp_path)
    loaded = tok.load_tokenizer(tmp_path)
    texts = [TEXT, "", "a <s> b", "東京  and  Zürich"]
    assert tok.encode(loaded, texts) == tok.encode(tokenizer, texts)
    assert loaded.pad_token_id == 2
    assert len(loaded) == len(tokenizer)


def test_a_folder_with_a_mistral_config_beside_it_loads_the_same_tokenizer(tokenizer, tmp_path):
    tok.save_tokenizer(tokenizer, tmp_path)
    (tmp_path / "config.json").write_text('{"model_type": "mistral"}')
    assert tok.encode(tok.load_tokenizer(tmp_path), [TEXT]) == tok.encode(tokenizer, [TEXT])


@pytest.fixture(scope="module")
def mistral_and_oracle():
    oracle = sentencepiece.SentencePieceProcessor(model_file=str(tok._mistral_file()))
    return tok.load_mistral_tokenizer(), oracle


WORDS = st.sampled_from(["ada", "london.", '"not', "in", 'x"', "is", "true.", "東京", "mary's"])


@given(st.lists(WORDS, min_size=1), st.lists(WORDS, min_size=1))
def test_no_piece_crosses_a_space(tokenizer, left, right):
    a, b = " ".join(left), " ".join(right)
    whole, first, second = tok.encode(tokenizer, [f"{a} {b}", a, b])
    assert whole == first + second


@given(st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"]), max_size=40))
@settings(max_examples=300)
def test_mistral_gives_the_ids_of_sentencepiece(mistral_and_oracle, text):
    mistral, oracle = mistral_and_oracle
    assert tok.encode(mistral, [text]) == [oracle.encode(text)]


@pytest.mark.parametrize("kind", ["words", "mistral"])
@given(label=st.text(max_size=30), most=st.integers(1, 6))
def test_a_cut_label_is_the_longest_fitting_prefix(kind, label, most):
    ends = tok._word_ends if kind == "words" else tok._mistral_ends
    (cut,) = tok.cut_labels(kind, [label], most)
    assert label.startswith(cut)
    assert len(ends(cut)) <= most
    if len(ends(label)) <= most:
        assert cut == label
    else:
        assert cut == cut.rstrip()
        longer = [label[:end].rstrip() for end in ends(label)[:most] if len(label[:end].rstrip()) > len(cut)]
        assert all(len(ends(prefix)) > most for prefix in longer)


@pytest.mark.parametrize("kind", ["words", "mistral"])
@given(labels=st.lists(st.text(st.sampled_from('ab. ▁"<0x41>é東\u00a0\t'), max_size=4), min_size=2, max_size=40))
def test_labels_have_equal_keys_if_and_only_if_their_pieces_are_equal(kind, labels):
    pieces, spelt = tok.pieces(kind, labels), tok.spelt(kind, labels)
    assert len(set(zip(pieces, spelt, strict=True))) == len(set(pieces)) == len(set(spelt))


def test_cut_labels_by_hand():
    assert tok.cut_labels("words", ["university  of st. andrews", "a b"], 4) == ["university  of st.", "a b"]
    assert tok.cut_labels("mistral", ["university of london", "東京"], 2) == ["university of", "東"]
    assert tok.cut_labels("mistral", ["ᗹx"], 3) == [""]  # one character of four tokens: a blank and three bytes
