"""One complete, frozen config of a run; presets are functions that return one.

A config is written into the run folder whole, and every field that can change a result is in it. What
cannot change a result (number of workers, verbosity) is not.
"""

from __future__ import annotations

import difflib
import tomllib
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, Literal

import tomli_w
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from worldgen.errors import UserError


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


class RunConfig(Section):
    """Everything that decides what a run contains."""

    seed: int = Field(0, ge=0, lt=2**63)
    graph: GraphConfig = GraphConfig()
    world: WorldConfig = WorldConfig()
    corpus: CorpusConfig = CorpusConfig()
    tokens: TokensConfig = TokensConfig()
    agent: AgentConfig = AgentConfig()
    cases: CasesConfig = CasesConfig()
    pretrain: PretrainConfig = PretrainConfig()
    edit: EditConfig = EditConfig()
    score: ScoreConfig = ScoreConfig()


def paper() -> RunConfig:
    """The published sizes."""
    return RunConfig()


def small() -> RunConfig:
    """10k facts and a model of about 10M parameters."""
    return RunConfig(
        graph=GraphConfig(builtin_facts=10_000, min_cooccurrence=100),
        world=WorldConfig(facts=10_000),
        tokens=TokensConfig(tokenizer="words"),
        cases=CasesConfig(cases=1000),
        pretrain=PretrainConfig(
            hidden=256, intermediate=1024, layers=8, heads=4, kv_heads=4, tokens=60_000_000, row_tokens=512,
            rows_per_step=16, learning_rate=1e-3, warmup_share=0.02, adam_beta2=0.98,
        ),
        edit=EditConfig(learning_rate=1e-3),
    )  # fmt: skip


def tiny() -> RunConfig:
    """About 600 facts and a model of about 1.3M parameters: the whole run in minutes on two CPU cores."""
    return RunConfig(
        graph=GraphConfig(builtin_facts=600, min_cooccurrence=100, relations=4),
        world=WorldConfig(facts=600),
        tokens=TokensConfig(tokenizer="words"),
        cases=CasesConfig(cases=120),
        pretrain=PretrainConfig(
            hidden=128, intermediate=512, layers=4, heads=4, kv_heads=4, tokens=1_200_000, row_tokens=256,
            rows_per_step=4, learning_rate=2e-3, warmup_share=0.02, adam_beta2=0.98, checkpoint_minutes=0.5,
            evaluations=12, evaluation_facts=200,
        ),
        edit=EditConfig(learning_rate=1.2e-3, chunk_cases=10),
    )  # fmt: skip


PRESETS: dict[str, Callable[[], RunConfig]] = {"tiny": tiny, "small": small, "paper": paper}


def to_toml(config: RunConfig) -> str:
    """The whole config as TOML that `from_toml` reads back."""
    return tomli_w.dumps(config.model_dump(mode="json"))


def from_toml(text: str, origin: str) -> RunConfig:
    """The config that a TOML text describes; what it leaves out is as in the `paper` preset.

    Raises UserError (one line, naming `origin`) for bad TOML, an unknown field or an impossible value.
    """
    try:
        fields = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise UserError(f"{origin} is not TOML: {error}") from None
    return _validated(fields, origin)


def load(path: Path) -> RunConfig:
    """The config in a TOML file."""
    try:
        return from_toml(path.read_text(encoding="utf-8"), str(path))
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"cannot read the config {path}: {error}") from None


def override(config: RunConfig, settings: Iterable[str]) -> RunConfig:
    """The config with `section.field=value` settings applied, each checked against the fields there are.

    Raises UserError for a setting without "=", an unknown key (the nearest is offered) or a bad value.
    """
    fields = config.model_dump(mode="json")
    for setting in settings:
        key, equals, value = setting.partition("=")
        if not equals:
            raise UserError(f"--set {setting!r}: write it as section.field=value, e.g. --set world.facts=600")
        known = field_names()
        if key not in known:
            near = difflib.get_close_matches(key, known, n=1, cutoff=0.4)
            hint = f"did you mean {near[0]!r}?" if near else "see `worldgen config` for the fields"
            raise UserError(f"--set: there is no setting {key!r}: {hint}")
        section, _, name = key.rpartition(".")
        (fields[section] if section else fields)[name] = _toml_value(value)
    return _validated(fields, "the settings")


def field_names() -> list[str]:
    """Every key that `--set` takes: `seed`, `graph.relations`, ..."""
    names = []
    for name, field in RunConfig.model_fields.items():
        annotation = field.annotation
        if isinstance(annotation, type) and issubclass(annotation, Section):
            names += [f"{name}.{inner}" for inner in annotation.model_fields]
        else:
            names.append(name)
    return names


def _toml_value(text: str) -> Any:
    """A value as TOML reads it; what TOML does not read is a bare string."""
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        return text


def _validated(fields: dict[str, Any], origin: str) -> RunConfig:
    try:
        return RunConfig.model_validate(fields)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"])
        if first["type"] == "extra_forbidden":
            near = difflib.get_close_matches(place, field_names(), n=1, cutoff=0.4)
            hint = f", did you mean {near[0]!r}?" if near else ""
            raise UserError(f"{origin}: there is no setting {place!r}{hint}") from None
        message = first["msg"].removeprefix("Value error, ")
        raise UserError(f"{origin}: {place}: {message}") from None
