"""The workbench: what an editing method may be made of."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from transformers import MistralForCausalLM, PreTrainedModel, PreTrainedTokenizerFast

from worldgen.evaluate.settings import EditConfig
from worldgen.lm.settings import PretrainConfig
from worldgen.settings import Section
from worldgen.worlds.world import World

if TYPE_CHECKING:
    import pandas as pd

    from worldgen.bayes.agent import Agent
    from worldgen.evaluate.teaching.teacher import Heard
    from worldgen.evaluate.testbed.cases import Case


class ModelBench(Protocol):
    """A model to be edited, and no more than that: what methods need that can edit anybody's."""

    @property
    def settings(self) -> Section:
        """The method's own section of the config."""

    @property
    def edit(self) -> EditConfig:
        """How many requests an edition holds, and how they are made."""

    @property
    def model(self) -> PreTrainedModel:
        """The model."""

    @property
    def tokenizer(self) -> PreTrainedTokenizerFast:
        """Its tokenizer."""

    @property
    def adapters(self) -> Path | None:
        """The folder where adapters are saved; None where nobody asked for them."""


@dataclass(frozen=True)
class AnyModelBench:
    """A model of anybody's that is to be edited (`ModelBench`); its adapters are not kept."""

    settings: Section
    edit: EditConfig
    model: PreTrainedModel
    tokenizer: PreTrainedTokenizerFast
    adapters: None = None


@dataclass(frozen=True)
class Workbench:
    """A model to be edited, and what a method may use beside it. What is slow to load is loaded when asked for."""

    settings: Section
    """The method's own section of the config."""

    edit: EditConfig
    """How many requests an edition holds, and how they are made."""

    pretrain: PretrainConfig
    """How the model was trained."""

    seed: int
    """The seed of the model and its edits."""

    model: MistralForCausalLM
    tokenizer: PreTrainedTokenizerFast
    world: World

    cases: Sequence[Case]
    """The cases whose requests will be made."""

    corpus: Path
    """The folder of the corpus's sentences."""

    tokens: Path
    """The folder of the corpus's tokens."""

    optimizer: Path
    """The folder of the method's trained optimizer, for a method that is trained."""

    keeps: Path
    """The folder of the method's measurements, where it may keep files."""

    agent: Callable[[], Agent]
    """Loads the rational agent, for a method that needs it ("agent")."""

    effects: Callable[[], pd.DataFrame]
    """Loads the effects that causal tracing found, for a method that needs them ("trace")."""

    heard: Heard | None = None
    """Judges the requests of sources, for a method that asks the agent; None where requests are nobody's."""

    @property
    def adapters(self) -> Path | None:
        """The folder where adapters are saved; None where nobody asked for them."""
        return self.keeps / "adapters" if self.edit.keep_adapters else None
