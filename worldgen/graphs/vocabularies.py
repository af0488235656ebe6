"""Vocabularies as tables: every entity and relation with its label, its id in the source and its further names."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from worldgen.facts import Vocabulary
from worldgen.graphs.packed_names import lists_of


def names_table(*vocabularies: Vocabulary) -> pa.Table:
    """Vocabularies as one table: kind, id, label, source_id, aliases and, where there are any, spoken names."""
    columns: dict[str, list] = {"kind": [], "id": [], "label": [], "source_id": []}
    for names in vocabularies:
        columns["kind"] += [names.kind] * len(names)
        columns["id"] += range(len(names))
        columns["label"] += names.labels
        columns["source_id"] += names.source_ids
    types = {"kind": pa.string(), "id": pa.int32(), "label": pa.string(), "source_id": pa.string()}
    arrays = {name: pa.array(values, types[name]) for name, values in columns.items()}
    arrays["aliases"] = pa.concat_arrays([lists_of(names.aliases) for names in vocabularies])
    if any(names.spoken for names in vocabularies):
        spoken = [lists_of(names.spoken or [()] * len(names)) for names in vocabularies]
        arrays["spoken"] = pa.concat_arrays(spoken)
    return pa.table(arrays)


def vocabulary(kind: str, columns: dict[str, np.ndarray]) -> Vocabulary:
    """One kind's vocabulary out of the columns that `names_table` gave."""
    rows = columns["kind"] == kind
    aliases = tuple(tuple(names) for names in columns["aliases"][rows])
    spoken = tuple(tuple(names) for names in columns["spoken"][rows]) if "spoken" in columns else ()
    labels, source_ids = tuple(columns["label"][rows]), tuple(columns["source_id"][rows])
    return Vocabulary(kind, labels, source_ids, aliases, spoken if any(spoken) else ())
