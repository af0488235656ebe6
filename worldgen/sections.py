"""The sections of a config: every setting that can change a result, with its bounds and the paper's value."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator


class Section(BaseModel):
    """A part of the config: frozen, and closed to names it does not know."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class GraphConfig(Section):
    """Which facts are taken from which knowledge graph (paper, appendix A.1 step 1).

    `properties` are the only relations to take, all where there are none; `language` is that of the names in
    Wikidata's own dumps (Wikidata5m is English).
    """

    source: str = "builtin"
    language: str = Field("en", pattern="^[A-Za-z]+(-[A-Za-z0-9]+)*$")
    properties: tuple[str, ...] = ()
    builtin_facts: int = Field(160_000, ge=1)
    max_triples: int = Field(2_000_000, ge=1)
    excluded_relations: tuple[str, ...] = ("P735", "P131")
    excluded_entities: tuple[str, ...] = ("Q16521", "Q5")
    min_cooccurrence: int = Field(1000, ge=1)
    relations: int = Field(10, ge=2)
    max_object_tokens: int = Field(4, ge=1)
    strict: bool = False

    @model_validator(mode="after")
    def _relations_pair_up(self) -> GraphConfig:
        if self.relations % 2:
            raise ValueError(f"relations is {self.relations}, an odd number: relations are paired, ask for an even one")
        return self


class WorldConfig(Section):
    """The generative distributions (appendix A.1 step 2); shares are whole percents."""

    facts: int = Field(100_000, ge=1)
    pairs: tuple[str, ...] = ()
    root_percent_low: int = Field(60, ge=1, le=100)
    root_percent_high: int = Field(100, ge=1, le=100)
    mode_percent: int = Field(60, ge=0, le=99)

    @model_validator(mode="after")
    def _percents_rise(self) -> WorldConfig:
        low, high = self.root_percent_low, self.root_percent_high
        if low > high:
            raise ValueError(f"root_percent_low is {low}, more than root_percent_high, {high}")
        return self


class CorpusConfig(Section):
    """How many sentences a fact and a subject get (appendix A.1 step 3)."""

    draws: int = Field(10, ge=1)
    min_truths: int = Field(6, ge=0)
    complex_per_subject: int = Field(20, ge=0, multiple_of=2)
    document_sentences: int = Field(10, ge=1)
    shuffles: int = Field(5, ge=1)
    shard_subjects: int = Field(4096, ge=1)

    @model_validator(mode="after")
    def _truths_fit(self) -> CorpusConfig:
        if self.min_truths > self.draws:
            raise ValueError(f"min_truths is {self.min_truths}, more than the {self.draws} draws")
        return self


class TokensConfig(Section):
    """`words`: one piece a word, trained on the world's text; `mistral`: the 32,000 pieces of Mistral-7B-v0.1."""

    tokenizer: Literal["words", "mistral"] = "mistral"


class AgentConfig(Section):
    """Prior of every Dirichlet: `unit` has a = 1/K (strength of one observation), `flat` has a = 1."""

    prior: Literal["unit", "flat"] = "unit"


class CasesConfig(Section):
    """The editing benchmark (appendix A.2 step 2)."""

    cases: int = Field(5000, ge=1)
    reinforce_share: float = Field(0.5, ge=0, le=1)
    downstream_change_share: float = Field(0.8, ge=0, le=1)
    target_credence: float = Field(0.95, gt=0, lt=1)
    certain_weight: int = Field(1000, ge=1)
    closing_stop: bool = True


class PretrainConfig(Section):
    """Size of the Mistral and how it is trained (appendix A.3); `tokens` are training tokens, padding not counted."""

    hidden: int = Field(512, ge=1)
    intermediate: int = Field(2048, ge=1)
    layers: int = Field(12, ge=1)
    heads: int = Field(8, ge=1)
    kv_heads: int = Field(8, ge=1)
    tokens: int = Field(1_000_000_000, ge=1)
    row_tokens: int = Field(1024, ge=8)
    rows_per_step: int = Field(20, ge=1)
    learning_rate: float = Field(5e-5, gt=0)
    final_learning_rate_share: float = Field(0.1, ge=0, le=1)
    warmup_share: float = Field(0.0, ge=0, lt=1)
    weight_decay: float = Field(1e-4, ge=0)
    adam_beta2: float = Field(0.999, gt=0, lt=1)
    gradient_clip: float = Field(1.0, gt=0)
    checkpoint_minutes: float = Field(10.0, gt=0)
    checkpoints_kept: int = Field(2, ge=1)
    evaluations: int = Field(40, ge=0)
    evaluation_facts: int = Field(1000, ge=1)


class EditConfig(Section):
    """LoRA on every MLP down-projection (appendix A.4)."""

    rank: int = Field(1, ge=1)
    alpha: float = Field(8.0, gt=0)
    learning_rate: float = Field(1e-4, gt=0)
    steps: int = Field(40, ge=0)
    gradient_clip: float = Field(1.0, gt=0)
    chunk_cases: int = Field(50, ge=1)


class ScoreConfig(Section):
    """Bootstrap of the table's intervals."""

    bootstrap_samples: int = Field(10_000, ge=1)
    confidence: float = Field(0.95, gt=0, lt=1)
