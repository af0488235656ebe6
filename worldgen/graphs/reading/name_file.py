"""Reading names from a text file: each line is an id, its label and its aliases, with tabs between them."""

from __future__ import annotations

from collections.abc import Collection

from worldgen.graphs.packed_names import PackedNames
from worldgen.graphs.reading.line_file import LineFile, decoded


def read_names(file: LineFile, ids: Collection[str]) -> PackedNames:
    """Returns the names of `ids`; an id without names is left out, and an id on several lines has the last one's names.

    Raises UserError if the line of one of the ids is not UTF-8.
    """
    wanted = {id_.encode(): id_ for id_ in ids}
    names: dict[str, bytes] = {}
    for block in file.blocks():
        for number, ended in enumerate(block.content.split(b"\n"), block.number):
            id_ = wanted.get(ended.partition(b"\t")[0].strip())
            if id_ is not None:
                line = ended.rstrip(b"\r")
                decoded(line, file, number)
                if known := dict.fromkeys(filter(None, line.split(b"\t")[1:])):
                    names[id_] = b"\t".join(known)
    return PackedNames(names)
