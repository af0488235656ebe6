"""Random words for new names: tags and variables."""

from __future__ import annotations

from collections.abc import Set
from string import ascii_lowercase

import numpy as np

from worldgen.errors import UserError


def random_words(
    draw: np.random.Generator, count: int, letters: int, taken: Set[str], wish: str, setting: str
) -> tuple[str, ...]:
    """Draws `count` different words of so many lower-case letters, none of which is `taken`.

    Raises UserError where fewer words are free. The message has the wish ("sources need a tag each") and the setting
    that the number of letters is from.
    """
    free = len(ascii_lowercase) ** letters - sum(len(w) == letters and set(w) <= {*ascii_lowercase} for w in taken)
    if count > free:
        raise UserError(f"{count} {wish}, but only {free} words of {letters} letters are free: raise {setting}")
    words = dict[str, None]()
    while len(words) < count:
        word = "".join(ascii_lowercase[i] for i in draw.integers(len(ascii_lowercase), size=letters))
        if word not in taken:
            words[word] = None
    return tuple(words)
