"""Vocabularies as tables: each entity or relation has its label, its id in the source and its other names."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from worldgen.facts import Vocabulary
from worldgen.graphs.packed_names import name_lists


def names_table(*vocabularies: Vocabulary) -> pa.Table:
    """Returns vocabularies as one table, with the columns kind, id, label, source_id and aliases.

    The column `spoken` is added if any of the vocabularies has spoken names.
    """
    columns: dict[str, list] = {"kind": [], "id": [], "label": [], "source_id": []}
    for names in vocabularies:
        columns["kind"] += [names.kind] * len(names)
        columns["id"] += range(len(names))
        columns["label"] += names.labels
        columns["source_id"] += names.source_ids
    types = {"kind": pa.string(), "id": pa.int32(), "label": pa.string(), "source_id": pa.string()}
    arrays = {name: pa.array(values, types[name]) for name, values in columns.items()}
    arrays["aliases"] = pa.concat_arrays([name_lists(names.aliases) for names in vocabularies])
    if any(names.spoken for names in vocabularies):
        spoken = [name_lists(names.spoken or [()] * len(names)) for names in vocabularies]
        arrays["spoken"] = pa.concat_arrays(spoken)
    return pa.table(arrays)


def vocabulary(kind: str, columns: dict[str, np.ndarray]) -> Vocabulary:
    """Returns the vocabulary of one kind from the columns of a table that `names_table` made."""
    rows = columns["kind"] == kind
    aliases = tuple(tuple(names) for names in columns["aliases"][rows])
    spoken = tuple(tuple(names) for names in columns["spoken"][rows]) if "spoken" in columns else ()
    labels, source_ids = tuple(columns["label"][rows]), tuple(columns["source_id"][rows])
    return Vocabulary(kind, labels, source_ids, aliases, spoken if any(spoken) else ())
