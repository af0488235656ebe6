"""From sentences to tokens: every fragment is spelled once, documents are put together from ids.

That this is what the tokenizer makes of the documents' text holds because its pieces never cross a blank; a
test compares the two. Shapes: N sentences, T tokens.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lm.tokenizer import encode
from worldgen.files import write_array
from worldgen.randomness import ragged_arange
from worldgen.sentences import Documents, Shard
from worldgen.wording import Wording

Tokens = NDArray[np.unsignedinteger]


class Ragged:
    """Rows of different length, back to back: row i is values[start[i] : start[i+1]]."""

    def __init__(self, values: NDArray, start: NDArray[np.int64]) -> None:
        self.values = values
        self.start = start

    def lengths(self) -> NDArray[np.int64]:
        """The length of every row."""
        return np.diff(self.start)

    def gather(self, rows: NDArray[np.integer]) -> Ragged:
        """These rows, in this order."""
        lengths = self.lengths()[rows]
        values = self.values[np.repeat(self.start[rows], lengths) + ragged_arange(lengths)]
        return Ragged(values, starts(lengths))

    def joined(self, start: NDArray[np.int64]) -> Ragged:
        """Runs of rows as one row each: new row i is the rows start[i] .. start[i+1]-1."""
        return Ragged(self.values, self.start[start])


def starts(lengths: NDArray[np.integer]) -> NDArray[np.int64]:
    """Where rows of these lengths start, and where the last ends: [N+1]."""
    return np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)


def spell_fragments(wording: Wording, tokenizer: Any) -> Ragged:
    """The token ids of every fragment, in the least unsigned type that holds the vocabulary."""
    spelled = encode(tokenizer, wording.fragments)
    flat = np.fromiter((id_ for ids in spelled for id_ in ids), dtype=_id_type(tokenizer))
    return Ragged(flat, starts(np.array([len(ids) for ids in spelled])))


def encode_documents(wording: Wording, spelled: Ragged, shard: Shard, bos: int, eos: int) -> Tokens:
    """[T]: the shard's documents back to back, each between its beginning and end tokens."""
    fragment, start = wording.fragments_of(shard.sentences)
    sentences = spelled.gather(fragment).joined(start)
    documents: Documents = shard.documents
    body = sentences.gather(documents.sentence - shard.first_sentence).joined(documents.start)
    lengths = body.lengths()
    tokens = np.empty(len(body.values) + 2 * len(documents), dtype=body.values.dtype)
    begin = starts(lengths + 2)
    tokens[begin[:-1]], tokens[begin[1:] - 1] = bos, eos
    inside = np.ones(len(tokens), dtype=bool)
    inside[begin[:-1]] = inside[begin[1:] - 1] = False
    tokens[inside] = body.values
    return tokens


def write_tokens(wording: Wording, tokenizer: Any, shards: Iterable[Shard], out: Path) -> dict[str, Any]:
    """Write train-*.npy, one for each shard of the corpus; returns how many tokens and documents there are."""
    spelled = spell_fragments(wording, tokenizer)
    tokens = documents = 0
    for number, shard in enumerate(shards):
        encoded = encode_documents(wording, spelled, shard, tokenizer.bos_token_id, tokenizer.eos_token_id)
        write_array(out / f"train-{number:05d}.npy", encoded)
        tokens, documents = tokens + len(encoded), documents + len(shard.documents)
    return {"tokens": tokens, "documents": documents, "vocabulary": len(tokenizer)}


def _id_type(tokenizer: Any) -> type[np.unsignedinteger]:
    return np.uint16 if len(tokenizer) <= 2**16 else np.uint32
