"""The schema of an exported document with its sentences. A world with sources adds two columns to a sentence."""

from __future__ import annotations

from typing import Final

import pyarrow as pa

_SENTENCE: Final = (
    ("text", pa.string()), ("kind", pa.string()), ("truth", pa.bool_()),
    ("subject", pa.string()), ("relation", pa.string()), ("object", pa.string()),
    ("second_subject", pa.string()), ("second_relation", pa.string()), ("second_object", pa.string()),
)  # fmt: skip
_REPORT: Final = (("source", pa.string()), ("error", pa.bool_()))


def document_schema(with_sources: bool) -> pa.Schema:
    """Returns the schema of a document of a world with or without sources."""
    sentence = pa.struct([*_SENTENCE, *_REPORT] if with_sources else _SENTENCE)
    columns = {"id": pa.int64(), "subject": pa.string(), "shuffle": pa.int32(), "text": pa.string()}
    return pa.schema(columns | {"sentences": pa.list_(sentence)})
