"""Numbering tens of millions of ids: each distinct text gets a code 0, 1, ... in the order of first appearance.

Ids like Q42 (the same letter for all, then a number) are kept as numbers, and a table with one place for each number
gives their codes: this needs no hashing, and half the time and memory. Arrow's dictionaries number all other ids.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from worldgen.arrays import Ids
from worldgen.graphs.packed_names import PackedTexts

# Wikidata's largest id is about 2^27. The table takes 8 bytes for each number up to the largest.
_NUMBER_LIMIT: Final = 1 << 28


@dataclass(frozen=True)
class _Numbered:
    """Texts that are the same letter and a number without leading zeros."""

    letter: str
    numbers: Ids

    @staticmethod
    def of(texts: pa.Array) -> _Numbered | None:
        """Returns the texts as numbers, or None if any of them is no such text."""
        letter = texts[0].as_py()[:1]
        if not letter or not pc.all(pc.starts_with(texts, letter)).as_py():
            return None
        try:
            numbers = np.from_dlpack(pc.utf8_slice_codeunits(texts, 1).cast(pa.int32())).astype(np.int32, copy=False)
        except pa.ArrowInvalid:
            return None
        if numbers.max() >= _NUMBER_LIMIT:
            return None
        # Other spellings of a number (01, +1, -1, 0x1F) are longer, so the lengths add up if and only if all are plain.
        digits = len(numbers) + sum(int(np.count_nonzero(numbers >= 10**power)) for power in range(1, 9))
        letters = len(numbers) * len(letter.encode())
        return _Numbered(letter, numbers) if pc.sum(pc.binary_length(texts)).as_py() == letters + digits else None

    def texts(self) -> pa.LargeStringArray:
        letter, nothing = pa.scalar(self.letter, pa.large_string()), pa.scalar("", pa.large_string())
        return pc.binary_join_element_wise(letter, pa.array(self.numbers).cast(pa.large_string()), nothing)


@dataclass
class TextNumbering:
    """Texts that are added block by block and then numbered."""

    blocks: list[_Numbered | pa.DictionaryArray] = field(default_factory=list)

    def add(self, texts: pa.LargeStringArray) -> None:
        """Adds a block of texts."""
        if len(texts):
            self.blocks.append(_Numbered.of(texts) or texts.dictionary_encode())

    def codes_and_texts(self) -> tuple[Ids, PackedTexts]:
        """Returns the code of each added text, and the text of each code. At least one text must have been added."""
        numbered = [block for block in self.blocks if isinstance(block, _Numbered)]
        if len(numbered) == len(self.blocks) and len({block.letter for block in numbered}) == 1:
            return _numbered_by_table(
                _Numbered(numbered[0].letter, np.concatenate([block.numbers for block in numbered]))
            )
        return _numbered_by_dictionary(
            [block.texts().dictionary_encode() if isinstance(block, _Numbered) else block for block in self.blocks]
        )


def _numbered_by_table(ids: _Numbered) -> tuple[Ids, PackedTexts]:
    never = len(ids.numbers)
    table = np.full(int(ids.numbers.max()) + 1, never, dtype=np.int32)  # where each number first appears, then its code
    np.minimum.at(table, ids.numbers, np.arange(never, dtype=np.int32))
    known = np.flatnonzero(table < never).astype(np.int32)
    in_order = known[np.argsort(table[known])]
    table[in_order] = np.arange(len(in_order), dtype=np.int32)
    return table[ids.numbers], PackedTexts(_Numbered(ids.letter, in_order).texts())


def _numbered_by_dictionary(blocks: list[pa.DictionaryArray]) -> tuple[Ids, PackedTexts]:
    unified = pa.chunked_array(blocks).unify_dictionaries()
    codes = np.concatenate([np.from_dlpack(chunk.indices) for chunk in unified.chunks])
    return codes.astype(np.int32, copy=False), PackedTexts(unified.chunk(0).dictionary)
