"""The knowledge graph and the tokenizer that a config names."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from worldgen.evaluate.runs.config import RunConfig
from worldgen.graphs.builtin.builtin_graph import BuiltinGraph
from worldgen.graphs.reading.opening import open_graph
from worldgen.graphs.sources import Source
from worldgen.graphs.spelling import Spelling
from worldgen.lm.tokenizer import cut_labels, load_mistral_tokenizer, pieces, spelt, train_word_tokenizer
from worldgen.worlds.world import World

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast


def source_of(config: RunConfig) -> Source:
    """Returns the knowledge graph that the config names."""
    if config.graph.source == "builtin":
        return BuiltinGraph(config.graph.builtin_facts, config.seed)
    return open_graph(Path(config.graph.source), config.graph.language, config.graph.properties)


def spelling_of(config: RunConfig) -> Spelling:
    """Returns how the config's tokenizer spells labels."""
    kind = config.tokens.tokenizer
    return Spelling(
        lambda labels, most: cut_labels(kind, labels, most),
        lambda labels: pieces(kind, labels),
        lambda labels: spelt(kind, labels),
    )


def tokenizer_for(config: RunConfig, world: World) -> PreTrainedTokenizerFast:
    """Returns the config's tokenizer. A word-level one is trained on the world's names, tags and variables."""
    if config.tokens.tokenizer == "mistral":
        return load_mistral_tokenizer()
    defined = world.definitions
    roles = world.relations, world.objects, world.subjects, world.sources.tags, defined.tags, defined.variables
    return train_word_tokenizer([name for names in roles for name in names.every_name])
