"""From sentences to tokens. Each fragment of text is spelled once; documents are put together from the ids.

The tokenizer would give the same ids for the documents' text, because its pieces never cross a blank; a test compares
the two. Shapes: N sentences, T tokens.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from worldgen.arrays import gather_rows, row_starts
from worldgen.corpus.sentences import Documents, Shard
from worldgen.corpus.wording import Wording
from worldgen.storage.engines import Engine
from worldgen.storage.files import array_bytes
from worldgen.storage.shards import ShardFiles, write_shards
from worldgen.storage.stores import Store
from worldgen.worlds.world import World

if TYPE_CHECKING:  # slow to import, and the workers that encode do without it
    from transformers import PreTrainedTokenizerFast

Tokens = NDArray[np.unsignedinteger]


class Ragged:
    """Rows of different lengths, stored back to back: row i is values[start[i] : start[i+1]]."""

    def __init__(self, values: NDArray, start: NDArray[np.int64]) -> None:
        self.values = values
        self.start = start

    def lengths(self) -> NDArray[np.int64]:
        """Returns the length of each row."""
        return np.diff(self.start)

    def gather(self, rows: NDArray[np.integer]) -> Ragged:
        """Returns these rows, in this order."""
        entries, lengths = gather_rows(self.start, rows)
        return Ragged(self.values[entries], row_starts(lengths))

    def joined(self, start: NDArray[np.int64]) -> Ragged:
        """Returns longer rows: new row i is the rows start[i] .. start[i+1]-1 joined."""
        return Ragged(self.values, self.start[start])


def spell_fragments(wording: Wording, tokenizer: PreTrainedTokenizerFast) -> Ragged:
    """Returns the token ids of each fragment, in the smallest unsigned type that holds the vocabulary."""
    from worldgen.lm.tokenizer import encode  # slow to import, and the workers that encode do not spell

    spelled = encode(tokenizer, wording.fragments)
    flat = np.fromiter((id_ for ids in spelled for id_ in ids), dtype=_id_type(tokenizer))
    return Ragged(flat, row_starts(np.array([len(ids) for ids in spelled])))


def encode_documents(wording: Wording, spelled: Ragged, shard: Shard, bos: int, eos: int) -> Tokens:
    """Returns the shard's documents back to back, each between the tokens `bos` and `eos`: [T]."""
    fragment, start = wording.fragments_of(shard.sentences)
    sentences = spelled.gather(fragment).joined(start)
    documents: Documents = shard.documents
    body = sentences.gather(documents.sentence - shard.first_sentence).joined(documents.start)
    lengths = body.lengths()
    tokens = np.empty(len(body.values) + 2 * len(documents), dtype=body.values.dtype)
    begin = row_starts(lengths + 2)
    tokens[begin[:-1]], tokens[begin[1:] - 1] = bos, eos
    inside = np.ones(len(tokens), dtype=bool)
    inside[begin[:-1]] = inside[begin[1:] - 1] = False
    tokens[inside] = body.values
    return tokens


@dataclass(frozen=True)
class Encoder:
    """Encodes shards of a world: holds the spelled fragments, the tokens around a document, the vocabulary's size."""

    world: World
    spelled: Ragged
    bos: int
    eos: int
    vocabulary: int

    @staticmethod
    def of(world: World, tokenizer: PreTrainedTokenizerFast) -> Encoder:
        """Spells the fragments of a world, once for all shards and workers."""
        spelled = spell_fragments(Wording(world), tokenizer)
        return Encoder(world, spelled, tokenizer.bos_token_id, tokenizer.eos_token_id, len(tokenizer))


def token_files(encoder: Encoder, numbered: tuple[int, Shard]) -> ShardFiles:
    """Returns the file train-NUMBER.npy of the shard with this number, and the counts of its tokens and documents."""
    number, shard = numbered
    tokens = encode_documents(Wording(encoder.world), encoder.spelled, shard, encoder.bos, encoder.eos)
    rows = {"tokens": len(tokens), "documents": len(shard.documents)}
    return ShardFiles({f"train-{number:05d}.npy": array_bytes(tokens)}, rows)


def write_tokens(encoder: Encoder, shards: Iterable[Shard], store: Store, engine: Engine) -> dict[str, int]:
    """Writes train-*.npy, one for each shard of the corpus; returns the counts of `token_rows`."""
    return token_rows(encoder, write_shards(engine, token_files, encoder, enumerate(shards), store))


def token_rows(encoder: Encoder, of_shards: Iterable[Mapping[str, int]]) -> dict[str, int]:
    """Returns the sums of the shards' counts (tokens, documents), and the size of the vocabulary."""
    counted = list(of_shards)
    summed = {name: sum(rows[name] for rows in counted) for name in ("tokens", "documents")}
    return summed | {"vocabulary": encoder.vocabulary}


def _id_type(tokenizer: PreTrainedTokenizerFast) -> type[np.unsignedinteger]:
    return np.uint16 if len(tokenizer) <= 2**16 else np.uint32
