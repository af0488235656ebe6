"""The schema of an exported document with its sentences."""

from __future__ import annotations

from typing import Final

import pyarrow as pa

SENTENCE: Final = pa.struct(
    {
        "text": pa.string(), "kind": pa.string(), "truth": pa.bool_(),
        "subject": pa.string(), "relation": pa.string(), "object": pa.string(),
        "second_subject": pa.string(), "second_relation": pa.string(), "second_object": pa.string(),
    }
)  # fmt: skip
DOCUMENT: Final = pa.schema(
    {
        "id": pa.int64(), "subject": pa.string(), "shuffle": pa.int32(), "text": pa.string(),
        "sentences": pa.list_(SENTENCE),
    }
)  # fmt: skip
