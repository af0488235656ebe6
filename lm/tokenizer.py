"""Text to token ids and back: a word-level tokenizer of the world's language, and the tokenizer of Mistral-7B-v0.1.

Both are saved in the format of `tokenizers`, so that transformers' AutoTokenizer loads them. In both, no piece
crosses a space: ids(a + " " + b) == ids(a) + ids(b). So `worldgen.lm.score` can join a prompt and a continuation.
Special tokens are never added here and never read out of the text.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Hashable, Iterable, Sequence
from functools import cache
from pathlib import Path
from typing import Literal

import sentencepiece
from tokenizers import Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers
from transformers import AutoTokenizer, PreTrainedTokenizerFast

from worldgen.errors import UserError
from worldgen.unspeakable import RESERVED_WORDS

UNKNOWN, BOS, EOS = SPECIAL_TOKENS = RESERVED_WORDS
LANGUAGE = ('"', ".", "is", "true", "false", "not", "and", "or")


def train_word_tokenizer(labels: Iterable[str]) -> PreTrainedTokenizerFast:
    """Returns a tokenizer with one piece for each word; each `"` and each `.` is a piece by itself.

    Ids: the special tokens (<unk> 0, <s> 1, </s> 2), the language's words, then the words of `labels` in order of
    first appearance. Any other word is <unk>. Raises UserError for a label with a special token in it.
    """
    pieces = _word_pieces()
    words = dict.fromkeys(SPECIAL_TOKENS + LANGUAGE)
    for label in labels:
        for word, _ in pieces.pre_tokenize_str(label):
            if word in SPECIAL_TOKENS:
                raise UserError(f"the label {label!r} contains {word!r}, a special token: leave it out")
            words[word] = None
    vocabulary = {word: index for index, word in enumerate(words)}
    tokenizer = Tokenizer(models.WordLevel(vocabulary, unk_token=UNKNOWN))
    tokenizer.pre_tokenizer = pieces
    tokenizer.decoder = _sentence_decoder()
    return _wrapped(tokenizer)


def load_mistral_tokenizer() -> PreTrainedTokenizerFast:
    """Loads the tokenizer of Mistral-7B-v0.1 (32,000 pieces) from the file in the `mistral_common` package."""
    return _wrapped(_mistral())


def save_tokenizer(tokenizer: PreTrainedTokenizerFast, folder: Path) -> None:
    """Writes the tokenizer to a folder that AutoTokenizer can load."""
    tokenizer.save_pretrained(folder)


def load_tokenizer(folder: Path) -> PreTrainedTokenizerFast:
    """Loads the tokenizer in a folder, without using the network."""
    tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True)
    assert isinstance(tokenizer, PreTrainedTokenizerFast)
    return tokenizer


def encode(tokenizer: PreTrainedTokenizerFast, texts: Sequence[str]) -> list[list[int]]:
    """Returns the ids of each text, without special tokens; "<s>" in a text is text and not the special token."""
    backend = tokenizer.backend_tokenizer
    backend.encode_special_tokens = True
    return [encoding.ids for encoding in backend.encode_batch_fast(list(texts), add_special_tokens=False)]


def cut_labels(kind: Literal["words", "mistral"], labels: Sequence[str], most: int) -> list[str]:
    """Returns each label, cut to at most `most` tokens.

    A label that is short enough is unchanged. Of a longer label the longest prefix is taken that ends where a token
    ends and that has at most `most` tokens by itself; white space at its end is removed. A character of several
    tokens (bytes) is never cut through: if not even the first character fits, the result is empty.
    """
    ends = _word_ends if kind == "words" else _mistral_ends_by_word(labels)
    return [_cut(label, ends, most) for label in labels]


def pieces(kind: Literal["words", "mistral"], labels: Sequence[str]) -> list[tuple[str, ...]]:
    """Returns the pieces of each label. A model cannot tell two labels with equal pieces apart."""
    if kind == "words":
        return [tuple(piece for piece, _ in _word_pieces().pre_tokenize_str(label)) for label in labels]
    return [tuple(encoding.tokens) for encoding in _mistral().encode_batch(list(labels), add_special_tokens=False)]


def spelt(kind: Literal["words", "mistral"], labels: Sequence[str]) -> list[Hashable]:
    """Returns a key for each label, quick to compute: two keys are equal if and only if the labels' `pieces` are.

    Mistral's pieces joined are the label itself with "▁" for a blank, so its labels need not be split.
    """
    return list(pieces(kind, labels)) if kind == "words" else [label.replace("▁", " ") for label in labels]


def _cut(label: str, ends: Callable[[str], list[int]], most: int) -> str:
    places = ends(label)
    if len(places) <= most:
        return label
    for end in reversed(places[:most]):
        prefix = label[:end].rstrip()
        if len(ends(prefix)) <= most:
            return prefix
    return ""


def _word_ends(text: str) -> list[int]:
    """Returns where each word-level token ends, in characters."""
    return [end for _, (_, end) in _word_pieces().pre_tokenize_str(text)]


def _mistral_ends(text: str) -> list[int]:
    """Returns where each Mistral token ends, in characters; a byte of a character ends where the character does."""
    return [end for _, end in _mistral().encode(text, add_special_tokens=False).offsets]


def _mistral_ends_by_word(labels: Sequence[str]) -> Callable[[str], list[int]]:
    """Returns `_mistral_ends` for these labels, faster: each word is split once, as no piece crosses a single blank."""
    words = list({word for label in labels for word in label.split(" ")})
    known: dict[str, list[int]] = {}
    for begin in range(0, len(words), 1 << 14):  # a batch uses all cores; one batch of all words would fill the memory
        batch = words[begin : begin + (1 << 14)]
        encoded = _mistral().encode_batch(batch, add_special_tokens=False)
        known |= {w: [end for _, end in e.offsets] for w, e in zip(batch, encoded, strict=True)}

    def ends(text: str) -> list[int]:
        words = text.split(" ")
        if not all(words) or "▁" in text:
            return _mistral_ends(text)
        places: list[int] = []
        begin = 0
        for word in words:
            if word not in known:
                known[word] = _mistral_ends(word)
            places += [begin + end for end in known[word]]
            begin += len(word) + 1
        return places

    return ends


@cache
def _word_pieces() -> pre_tokenizers.PreTokenizer:
    mark = pre_tokenizers.Split(Regex(r'["\.]'), behavior="isolated")
    return pre_tokenizers.Sequence([pre_tokenizers.WhitespaceSplit(), mark])


def _sentence_decoder() -> decoders.Decoder:
    """Joins words by spaces, but puts no space before a full stop or next to a quotation mark on its inner side."""
    joined = [decoders.WordPiece(prefix="##", cleanup=False), decoders.Fuse()]
    before_a_stop_or_closing_quote = decoders.Replace(Regex(r' (?=\.|" is )'), "")
    after_an_opening_quote = decoders.Replace(Regex(r'(?<=") (?!is (true|false))'), "")
    return decoders.Sequence([*joined, before_a_stop_or_closing_quote, after_an_opening_quote])


@cache
def _mistral() -> Tokenizer:
    """Returns SentencePiece's BPE model as a tokenizer of `tokenizers`.

    transformers' own conversion needs protobuf. Merges are ranked by the score of the piece that they make, as in
    SentencePiece; a test compares the two.
    """
    model = sentencepiece.SentencePieceProcessor(model_file=str(_mistral_file()))
    vocabulary = {model.id_to_piece(index): index for index in range(model.get_piece_size())}
    spelled = [index for index in vocabulary.values() if not (model.is_byte(index) or model.is_control(index))]
    ranked = sorted(spelled, key=lambda index: -model.get_score(index))
    merges = [pair for index in ranked for pair in _halves(model.id_to_piece(index), vocabulary)]
    tokenizer = Tokenizer(models.BPE(vocabulary, merges, unk_token=UNKNOWN, fuse_unk=True, byte_fallback=True))
    tokenizer.normalizer = normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")])
    tokenizer.decoder = decoders.Sequence(
        [decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse(), decoders.Strip(" ", left=1)]
    )
    tokenizer.encode_special_tokens = True
    return tokenizer


def _halves(piece: str, vocabulary: dict[str, int]) -> list[tuple[str, str]]:
    """Returns the pairs of pieces that make this piece, in order of their ids."""
    splits = [(piece[:cut], piece[cut:]) for cut in range(1, len(piece))]
    known = [(left, right) for left, right in splits if left in vocabulary and right in vocabulary]
    return sorted(known, key=lambda pair: (vocabulary[pair[0]], vocabulary[pair[1]]))


def _mistral_file() -> Path:
    spec = importlib.util.find_spec("mistral_common")
    assert spec is not None
    assert spec.submodule_search_locations
    return Path(spec.submodule_search_locations[0]) / "data" / "tokenizer.model.v1"


def _wrapped(tokenizer: Tokenizer) -> PreTrainedTokenizerFast:
    """Returns the tokenizer in transformers' class. </s> serves as padding, since padding is always masked."""
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        unk_token=UNKNOWN,
        bos_token=BOS,
        eos_token=EOS,
        pad_token=EOS,
        clean_up_tokenization_spaces=False,
    )
