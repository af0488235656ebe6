"""The dataset card of an exported corpus: Hugging Face's README.md, with the YAML that `load_dataset` reads."""

from __future__ import annotations

import json
from typing import Final

from worldgen.storage.manifests import Manifest

_KINDS: Final = {
    "atom": "a bare fact", "stated": "a fact said to be true or false", "not": "a negation",
    "and": "a conjunction", "or": "a disjunction",
}  # fmt: skip
# Hugging Face's size categories: the largest number of rows that each holds.
_CATEGORIES: Final = (
    (10**3, "n<1K"), (10**4, "1K<n<10K"), (10**5, "10K<n<100K"), (10**6, "100K<n<1M"), (10**7, "1M<n<10M"),
)  # fmt: skip
# Said in full, so that a JSON file in whose first lines no sentence has a second atom reads like the others.
_FEATURES: Final = """\
  features:
  - name: id
    dtype: int64
  - name: subject
    dtype: string
  - name: shuffle
    dtype: int32
  - name: text
    dtype: string
  - name: sentences
    list:
    - name: text
      dtype: string
    - name: kind
      dtype: string
    - name: truth
      dtype: bool
    - name: subject
      dtype: string
    - name: relation
      dtype: string
    - name: object
      dtype: string
    - name: second_subject
      dtype: string
    - name: second_relation
      dtype: string
    - name: second_object
      dtype: string
"""
_TEXT_FEATURES: Final = """\
  features:
  - name: text
    dtype: string
"""
_COLUMNS: Final = """\
| column | what it is |
|---|---|
| `id` | the document's place in the corpus |
| `subject` | the subject that all its sentences name |
| `shuffle` | which of the orders of the subject's sentences it was cut from |
| `text` | the document: its sentences, each with its full stop, joined by blanks |
| `sentences` | for each its `text`, `kind`, `truth` (what it says of its formula; a bare fact is said to be true), \
the `subject`, `relation` and `object` of its atom, and `second_...`: those of the second operand, else null |"""


_LINES: Final = "A line is a document: its sentences, each with its full stop, joined by blanks."
_CARD: Final = """\
---
pretty_name: A world known exactly
language:
- en
task_categories:
- text-generation
tags:
- synthetic
- formal-language
- model-editing
size_categories:
- {category}
configs:
- config_name: default
  data_files:
  - split: train
    path: data/*.{format}
dataset_info:
  config_name: default
{features}---

# A corpus about a world that is known exactly

{documents:,} documents of {sentences:,} sentences about {facts:,} facts, in a small formal language.
The corpus is noisy on purpose: it names each object about as often as the world's own probability says, and the
objects of some relations depend on those of others. Made by Worldgen; the testbed is that of "Fundamental Problems
With Model Editing: How Should Rational Belief Revision Work in LLMs?" (TMLR 2024).

```python
from datasets import load_dataset
documents = load_dataset("PATH/OF/THIS/FOLDER", split="train")
```

| sentences | count |
|---|---|
{kinds}
| all | {sentences:,} |

{columns}

## How it was made

`worldgen build RUN`, then `worldgen export RUN --format {format}`; the same settings give the same bytes.

- seed: {seed}
- config hash: `{config_hash}` (sha256 of the settings below)
- versions: {versions}

```text
{settings}
```

`manifest.json` holds the sha256 of every file.

## Where the facts come from, and their licence

{provenance}
The sentences are generated: most of what they say is false of the real world, of which they may name people and places.
"""


def card(corpus: Manifest, format_: str) -> str:
    """README.md for the corpus that `corpus` is the manifest of; a function of that alone."""
    rows, inputs, plain = corpus.rows, corpus.inputs, format_ == "txt"
    versions = (f"{name} {corpus.versions[name]}" for name in ("worldgen", "python", "numpy", "pyarrow"))
    return _CARD.format(
        format=format_,
        category=_category(rows["documents"]),
        features=_TEXT_FEATURES if plain else _FEATURES,
        columns=_LINES if plain else _COLUMNS,
        documents=rows["documents"],
        sentences=rows["sentences"],
        facts=rows["atom"] // inputs["corpus.draws"],
        kinds="\n".join(f"| {words} (`{kind}`) | {rows[kind]:,} |" for kind, words in _KINDS.items()),
        seed=inputs["seed"],
        config_hash=corpus.inputs_hash,
        versions=", ".join(versions),
        settings="\n".join(f"{name} = {json.dumps(value, ensure_ascii=False)}" for name, value in inputs.items()),
        provenance=_provenance(inputs["graph.source"]),
    )


def _category(documents: int) -> str:
    return next((name for most, name in _CATEGORIES if documents < most), "10M<n<100M")


def _provenance(source: str) -> str:
    if source == "builtin":
        return (
            "The facts are Worldgen's built-in graph: drawn from the seed, with made-up names. Nothing is taken from a "
            "data set,\nso no licence of others lies on them. The relations bear Wikidata's names."
        )
    return (
        f"The facts come from `{source}`. Whatever licence lies on them lies on this corpus too: name it here before "
        "you publish.\nWikidata's facts and labels, Wikidata5m's among them, are given to the public domain (CC0 1.0)."
    )
