"""The schema of an exported document with its sentences. Sources and definitions add columns to a sentence."""

from __future__ import annotations

from typing import Final

import pyarrow as pa

from worldgen.worlds.world import World

_SENTENCE: Final = (
    ("text", pa.string()), ("kind", pa.string()), ("truth", pa.bool_()),
    ("subject", pa.string()), ("relation", pa.string()), ("object", pa.string()),
    ("second_subject", pa.string()), ("second_relation", pa.string()), ("second_object", pa.string()),
)  # fmt: skip
_REPORT: Final = (("source", pa.string()), ("error", pa.bool_()))
_VARIABLE: Final = (("variable", pa.string()),)


def document_schema(world: World) -> pa.Schema:
    """Returns the schema of a document of a world, with or without sources and definitions."""
    tagged = _REPORT if len(world.sources) or len(world.definitions) else ()
    sentence = pa.struct([*_SENTENCE, *tagged, *(_VARIABLE if len(world.definitions) else ())])
    columns = {"id": pa.int64(), "subject": pa.string(), "shuffle": pa.int32(), "text": pa.string()}
    return pa.schema(columns | {"sentences": pa.list_(sentence)})
