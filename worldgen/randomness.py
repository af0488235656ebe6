"""Random numbers as a function of (seed, stage, subject): Philox 4x64-10 on arrays.

Every random number has an address; none depends on what was drawn before it. A subject's draws are therefore the same
whatever other subjects, shards or workers there are. Source: Salmon et al. 2011, "Parallel random numbers: as
easy as 1, 2, 3". The tests compare with numpy's own `Philox`, one counter at a time.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from worldgen.arrays import ragged_arange

Words = NDArray[np.uint64]  # random 64-bit words

_MULTIPLIER_0 = 0xD2E7470EE14C6C93
_MULTIPLIER_1 = 0xCA5A826395121157
_WEYL_0 = 0x9E3779B97F4A7C15
_WEYL_1 = 0xBB67AE8584CAA73B
_LOW = np.uint64(0xFFFFFFFF)
_HALF = np.uint64(32)
_TO_UNIT = 2.0**-53


def keys_of(names: Iterable[str]) -> Words:
    """Returns one 64-bit key for each name, [N]. A key stands for the name in the cipher's counter."""
    digests = b"".join(hashlib.blake2b(name.encode(), digest_size=8).digest() for name in names)
    return np.frombuffer(digests, dtype="<u8").astype(np.uint64)


@dataclass(frozen=True)
class Stream:
    """The random numbers of one named stage of one run. Every subject has a stream of its own in it."""

    seed: int
    stage: str

    def words(self, subjects: Words, counts: NDArray[np.integer]) -> Words:
        """Returns the first counts[i] words of each subject's stream, back to back, uniform on 0 .. 2^64-1.

        Shapes: subjects (their keys, see `keys_of`) and counts [N]; result [sum of counts].
        """
        counts = np.asarray(counts, dtype=np.int64)
        blocks = -(-counts // 4)
        block = ragged_arange(blocks)
        words = philox(block.astype(np.uint64), np.repeat(subjects, blocks), self.seed, self._stage_key())
        used = ragged_arange(4 * blocks) < np.repeat(counts, 4 * blocks)
        return words.reshape(-1)[used]

    def _stage_key(self) -> int:
        return int.from_bytes(hashlib.blake2b(self.stage.encode(), digest_size=8).digest(), "little")


def generator(seed: int, stage: str) -> np.random.Generator:
    """Returns a numpy generator over the same cipher, for a stage that draws one number after another."""
    key = np.array([seed, Stream(seed, stage)._stage_key()], dtype=np.uint64)
    return np.random.Generator(np.random.Philox(key=key))


def to_unit(words: Words) -> NDArray[np.float64]:
    """Returns the words as numbers uniform on [0, 1), in steps of 2^-53."""
    return (words >> np.uint64(11)).astype(np.float64) * _TO_UNIT


def below(words: Words, bounds: NDArray[np.integer] | int) -> NDArray[np.int64]:
    """Returns the words as whole numbers uniform on 0 .. bound-1. The bias is below bound / 2^53."""
    return np.floor(to_unit(words) * bounds).astype(np.int64)


def philox(counter_0: Words, counter_1: Words, key_0: int, key_1: int) -> Words:
    """Returns the Philox 4x64-10 blocks of the counters (counter_0, counter_1, 0, 0) under one key: [N, 4]."""
    x0, x1 = counter_0.copy(), counter_1.copy()
    x2, x3 = np.zeros_like(x0), np.zeros_like(x0)
    for round_ in range(10):
        k0 = np.uint64((key_0 + round_ * _WEYL_0) % 2**64)
        k1 = np.uint64((key_1 + round_ * _WEYL_1) % 2**64)
        high_0, low_0 = _multiply(x0, _MULTIPLIER_0)
        high_1, low_1 = _multiply(x2, _MULTIPLIER_1)
        x0, x1, x2, x3 = high_1 ^ x1 ^ k0, low_1, high_0 ^ x3 ^ k1, low_0
    return np.stack([x0, x1, x2, x3], axis=1)


def _multiply(a: Words, constant: int) -> tuple[Words, Words]:
    """Returns the high and the low word of the 128-bit products a * constant, worked out by 32-bit halves."""
    b_high, b_low = np.uint64(constant >> 32), np.uint64(constant & 0xFFFFFFFF)
    a_high, a_low = a >> _HALF, a & _LOW
    low_low = a_low * b_low
    middle = a_high * b_low + (low_low >> _HALF)
    cross = a_low * b_high + (middle & _LOW)
    return a_high * b_high + (middle >> _HALF) + (cross >> _HALF), a * np.uint64(constant)
