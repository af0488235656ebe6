"""The sections of a config: every setting that can change a result, with its bounds and the paper's value."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, NonNegativeInt, model_validator


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
    """The generative distributions (appendix A.1 step 2); shares are whole percents.

    Options, not the paper's: `deterministic_percent` of a dependency's upstream objects leave their downstream object
    no choice; sentences use up to `aliases` further names of everything, and `held_out_percent` of the combinations
    of a subject's alias with a relation's synonym are never said.
    """

    facts: int = Field(100_000, ge=1)
    pairs: tuple[str, ...] = ()
    root_percent_low: int = Field(60, ge=1, le=100)
    root_percent_high: int = Field(100, ge=1, le=100)
    mode_percent: int = Field(60, ge=0, le=99)
    deterministic_percent: int = Field(0, ge=0, le=100)
    aliases: int = Field(0, ge=0, le=100)
    held_out_percent: int = Field(0, ge=0, le=100)

    @model_validator(mode="after")
    def _percents_rise(self) -> WorldConfig:
        low, high = self.root_percent_low, self.root_percent_high
        if low > high:
            raise ValueError(f"root_percent_low is {low}, more than root_percent_high, {high}")
        return self

    @model_validator(mode="after")
    def _only_names_in_use_are_held_out(self) -> WorldConfig:
        if self.held_out_percent and not self.aliases:
            raise ValueError(
                f"held_out_percent is {self.held_out_percent}, but no aliases are in use: set world.aliases too"
            )
        return self


class CorpusConfig(Section):
    """How many sentences a fact and a subject get (appendix A.1 step 3).

    An option, not the paper's: `rare_percent` of the facts get `rare_draws` draws only, and no complex sentence.
    """

    draws: int = Field(10, ge=1)
    min_truths: int = Field(6, ge=0)
    complex_per_subject: int = Field(20, ge=0, multiple_of=2)
    document_sentences: int = Field(10, ge=1)
    shuffles: int = Field(5, ge=1)
    shard_subjects: int = Field(4096, ge=1)
    rare_percent: int = Field(0, ge=0, le=100)
    rare_draws: int = Field(1, ge=1)

    @model_validator(mode="after")
    def _truths_fit(self) -> CorpusConfig:
        if self.min_truths > self.draws:
            raise ValueError(f"min_truths is {self.min_truths}, more than the {self.draws} draws")
        if self.rare_draws > self.draws:
            raise ValueError(f"rare_draws is {self.rare_draws}, more than the {self.draws} draws of other facts")
        return self


class TokensConfig(Section):
    """`words`: one piece a word, trained on the world's text; `mistral`: the 32,000 pieces of Mistral-7B-v0.1."""

    tokenizer: Literal["words", "mistral"] = "mistral"


class AgentConfig(Section):
    """Prior of every Dirichlet: `unit` has a = 1/K (strength of one observation), `flat` has a = 1."""

    prior: Literal["unit", "flat"] = "unit"


class CasesConfig(Section):
    """The editing benchmark (appendix A.2 step 2).

    `weight` is how many observations a request is worth, to editors that ask and to the agent after it: "least", those
    that give it the `target_credence` (n'), or "certain", `certain_weight`. The requests are the same.
    """

    cases: int = Field(5000, ge=1)
    reinforce_share: float = Field(0.5, ge=0, le=1)
    downstream_change_share: float = Field(0.8, ge=0, le=1)
    weight: Literal["least", "certain"] = "least"
    target_credence: float = Field(0.95, gt=0, lt=1)
    certain_weight: int = Field(1000, ge=1)
    closing_stop: bool = True


class PretrainConfig(Section):
    """Size of the Mistral and how it is trained (appendix A.3); `tokens` are training tokens, padding not counted.

    A checkpoint is written every so many minutes and, unless it is 0, every `checkpoint_steps` steps.
    """

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
    checkpoint_steps: int = Field(0, ge=0)
    checkpoints_kept: int = Field(2, ge=1)
    evaluations: int = Field(40, ge=0)
    evaluation_facts: int = Field(1000, ge=1)


class EditConfig(Section):
    """How the model is edited, and how many requests an edition of it holds.

    `mode`: "single" restores the model after each request; "sequential" makes `requests` of them one after
    another, "together" as one, and every probe of theirs is then asked. LoRA (appendix A.4): rank, alpha, steps on
    every MLP down-projection; no step is taken once the target's probability is above `stop_probability` (1.0:
    never so). `batch_tokens` bounds what is in memory at once, `chunk_cases` what a killed run loses.
    """

    mode: Literal["single", "sequential", "together"] = "single"
    requests: int = Field(1, ge=1)
    rank: int = Field(1, ge=1)
    alpha: float = Field(8.0, gt=0)
    learning_rate: float = Field(1e-4, gt=0)
    steps: int = Field(40, ge=0)
    gradient_clip: float = Field(1.0, gt=0)
    stop_probability: float = Field(1.0, gt=0, le=1)
    keep_adapters: bool = False
    batch_tokens: int = Field(8192, ge=1)
    chunk_cases: int = Field(250, ge=1)

    @model_validator(mode="after")
    def _single_is_one(self) -> EditConfig:
        if self.mode == "single" and self.requests != 1:
            raise ValueError(f"requests is {self.requests}, but mode is single: choose mode sequential or together")
        return self


class BeliefConfig(Section):
    """Editing towards the agent (`belief`): low-rank adapters, and what is taught (see `teacher`).

    Every step has a sheet of its own. Beside the request's neighbourhood it holds `joined` facts of other subjects in
    and / or with it, and `kept` that should stay, in turn as many of subjects that earlier turns edited; a lesson names
    at most `objects`. Every turn has adapters of its own, of this `rank`. They read keys that are whitened by their
    covariance over `covariance_tokens` tokens of the corpus, with a `ridge` that is a share of its mean; a large one
    leaves keys as they are. What the adapters add to the layers over that sample, in shares of what these say there,
    counts `restraint` nats, divided among the requests of a turn (see `worldgen.lm.editors.belief.disturbance`).
    """

    rank: int = Field(4, ge=1)
    alpha: float = Field(16.0, gt=0)
    learning_rate: float = Field(1e-3, gt=0)
    steps: int = Field(80, ge=0)
    gradient_clip: float = Field(1.0, gt=0)
    objects: int = Field(6, ge=1)
    joined: int = Field(32, ge=0)
    kept: int = Field(8, ge=0)
    ridge: float = Field(0.002, gt=0)
    restraint: float = Field(10.0, ge=0)
    covariance_tokens: int = Field(100_000, ge=1)
    editions_at_once: int = Field(8, ge=1)


class FineTuningConfig(Section):
    """Fine-tuning of every weight matrix (`ft`).

    At most `steps` steps, and none once the target's probability is above `stop_probability`: by default the credence
    that the agent gives a request too (`cases.target_credence`).
    """

    optimizer: Literal["adamw", "sgd", "rmsprop"] = "adamw"
    learning_rate: float = Field(1e-4, gt=0)
    steps: int = Field(100, ge=0)
    gradient_clip: float = Field(1.0, gt=0)
    stop_probability: float = Field(0.95, gt=0, le=1)


class ConstrainedFineTuningConfig(FineTuningConfig):
    """Fine-tuning of MLPs (`ft-l`); no weight moves further than `max_norm` from the base (Zhu et al., 2020).

    `layers` are the blocks whose MLP is tuned, counted from 0; all where there are none.
    """

    max_norm: float = Field(5e-4, gt=0)
    layers: tuple[int, ...] = ()


class InContextConfig(Section):
    """How often the request is said before every prompt (`in-context`)."""

    sentences: int = Field(1, ge=1)


class RetrainConfig(Section):
    """Pretraining that goes on over corpus and request (`retrain`): what is not here is as in `pretrain`."""

    learning_rate: float = Field(5e-5, gt=0)
    steps: int = Field(40, ge=1)
    rows_per_step: int = Field(4, ge=1)


class TraceConfig(Section):
    """Causal tracing (Meng et al., 2022) over `facts` that the model knows, each under `draws` draws of noise.

    `deviations` is the noise on the subject, in standard deviations of the subjects' embeddings; `window` is how many
    layers' MLPs or attentions are put back at once.
    """

    facts: int = Field(200, ge=1)
    draws: int = Field(10, ge=1)
    deviations: float = Field(3.0, gt=0)
    window: int = Field(1, ge=1)


class RomeConfig(Section):
    """How one layer's MLP is rewritten at one token (`rome`).

    "traced" is where tracing finds the greatest effect of an MLP. What the MLP is to say is sought in `steps` steps of
    `learning_rate`, in root mean squares of the layer's states, and none once the target's probability is above
    `stop_probability`; `contexts` is how many texts the request is put after, no text being one of them. The keys'
    covariance is that of `covariance_tokens` tokens of the corpus.
    """

    token: Literal["traced", "subject", "relation"] = "traced"
    layer: int | Literal["traced"] = "traced"
    contexts: int = Field(10, ge=1)
    steps: int = Field(40, ge=1)
    learning_rate: float = Field(0.2, gt=0)
    kl_weight: float = Field(0.0625, ge=0)
    stop_probability: float = Field(0.95, gt=0, le=1)
    covariance_tokens: int = Field(100_000, ge=1)


class MemitConfig(RomeConfig):
    """How the MLPs of several layers are rewritten together (`memit`).

    They are the `layers` layers up to `layer`, or the lowest so many where there are not enough below it. A request
    weighs as much as `old_keys` keys of the corpus do on average.
    """

    layers: int = Field(4, ge=1)
    old_keys: float = Field(10.0, gt=0)


class TuneConfig(Section):
    """How many held-out cases a search over settings asks (`worldgen tune`)."""

    cases: int = Field(200, ge=1)


class TrajectoryConfig(Section):
    """After how many steps of a method all probes are asked as well (`worldgen trajectory`)."""

    steps: tuple[NonNegativeInt, ...] = (0, 1, 2, 5, 10, 20, 40)


class ScoreConfig(Section):
    """Bootstrap of the table's intervals; `flops` is what an edit may cost in the table at equal compute.

    0.0: what the cheapest method's edit costs.
    """

    bootstrap_samples: int = Field(10_000, ge=1)
    confidence: float = Field(0.95, gt=0, lt=1)
    flops: float = Field(0.0, ge=0)
