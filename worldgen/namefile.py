"""Names out of a text file: a line is an id, its label and its aliases, with tabs between them."""

from __future__ import annotations

from collections.abc import Collection

from worldgen.compact import PackedNames
from worldgen.linefile import LineFile, decoded


def read_names(file: LineFile, ids: Collection[str]) -> PackedNames:
    """The names of those of `ids` that have any; of several lines of an id the last. Raises UserError if not UTF-8."""
    wanted = {id_.encode(): id_ for id_ in ids}
    names: dict[str, bytes] = {}
    for block in file.blocks():
        for number, line in block.lines():
            id_bytes, _, columns = line.partition(b"\t")
            id_ = wanted.get(id_bytes.strip())
            if id_ is not None:
                decoded(line, file, number)
                if columns.strip(b"\t"):
                    names[id_] = columns
    return PackedNames(names)
