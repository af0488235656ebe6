"""The dataset card of an exported corpus: Hugging Face's README.md, with the YAML that `load_dataset` reads."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Final, NamedTuple

import pyarrow as pa
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from worldgen.corpus.definition_sentences import subset_summaries
from worldgen.export.schema import document_schema
from worldgen.storage.manifests import Manifest
from worldgen.worlds.world import World

_KINDS: Final = {
    "atom": "a bare fact", "stated": "a fact said to be true or false", "not": "a negation",
    "and": "a conjunction", "or": "a disjunction", "report": "a bare fact with the tag of its source",
    "definition": "a definition of a variable", "question": "a bare fact under a variable",
}  # fmt: skip
# Hugging Face's size categories, each with the number of rows that it stays below.
_CATEGORIES: Final = (
    (10**3, "n<1K"), (10**4, "1K<n<10K"), (10**5, "10K<n<100K"), (10**6, "100K<n<1M"), (10**7, "1M<n<10M"),
)  # fmt: skip


class _Feature(NamedTuple):
    """A column in the words of `datasets`. The card names every column, because a JSON file may start with sentences
    that have no second atom, and the column would be read as nulls."""

    name: str
    type: str
    parts: tuple[_Feature, ...] = ()
    """The columns of a list of structs."""


def card(corpus: Manifest, world: World, format_: str) -> str:
    """Returns README.md for the world's corpus with this manifest."""
    versions = (f"{name} {corpus.versions[name]}" for name in ("worldgen", "python", "numpy", "pyarrow"))
    columns = document_schema(world)
    features = [_Feature("text", "string")] if format_ == "txt" else [_feature(field) for field in columns]
    return _environment().get_template("card.md.jinja").render(
        format=format_,
        category=_category(corpus.rows["documents"]),
        features=features,
        rows=corpus.rows,
        kinds={kind: words for kind, words in _KINDS.items() if kind in corpus.rows},
        facts=len(world),
        sources=world.sources.summaries(),
        definitions=subset_summaries(world),
        inputs=corpus.inputs,
        config_hash=corpus.inputs_hash,
        versions=", ".join(versions),
    )  # fmt: skip


def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent / "templates"), autoescape=False, undefined=StrictUndefined,
        trim_blocks=True, lstrip_blocks=True, keep_trailing_newline=True,
    )  # fmt: skip
    environment.filters["thousands"] = "{:,}".format
    environment.filters["json"] = lambda value: json.dumps(value, ensure_ascii=False)
    return environment


def _feature(field: pa.Field) -> _Feature:
    if not pa.types.is_list(field.type):
        return _Feature(field.name, str(field.type))
    return _Feature(field.name, "list", tuple(map(_feature, field.type.value_type)))


def _category(documents: int) -> str:
    return next((name for most, name in _CATEGORIES if documents < most), "10M<n<100M")
