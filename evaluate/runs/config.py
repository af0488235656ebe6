"""One complete, frozen config of a run; presets are functions that return one.

A config is written into the run folder whole, and every field that can change a result is in it. What
cannot change a result (number of workers, verbosity) is not.
"""

from __future__ import annotations

import difflib
import tomllib
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import tomli_w
from pydantic import Field, ValidationError

from worldgen.errors import UserError
from worldgen.bayes.settings import AgentConfig
from worldgen.lm.editors.settings import BeliefConfig, ConstrainedFineTuningConfig, FineTuningConfig, InContextConfig, MemitConfig, RetrainConfig, RomeConfig
from worldgen.evaluate.settings import CasesConfig, EditConfig, ScoreConfig, TrajectoryConfig, TuneConfig
from worldgen.settings import CorpusConfig, GraphConfig, Section, WorldConfig
from worldgen.lm.settings import PretrainConfig, TokensConfig, TraceConfig


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
    trace: TraceConfig = TraceConfig()
    edit: EditConfig = EditConfig()
    belief: BeliefConfig = BeliefConfig()
    ft: FineTuningConfig = FineTuningConfig()
    ft_l: ConstrainedFineTuningConfig = ConstrainedFineTuningConfig()
    in_context: InContextConfig = InContextConfig()
    retrain: RetrainConfig = RetrainConfig()
    rome: RomeConfig = RomeConfig()
    memit: MemitConfig = MemitConfig()
    tune: TuneConfig = TuneConfig()
    trajectory: TrajectoryConfig = TrajectoryConfig()
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
            hidden=320, intermediate=1280, layers=4, heads=5, kv_heads=5, tokens=12_000_000, row_tokens=192,
            rows_per_step=8, learning_rate=1e-3, final_learning_rate_share=0.0, warmup_share=0.02, adam_beta2=0.98,
        ),
        edit=EditConfig(learning_rate=4e-4),
    )  # fmt: skip


def tiny() -> RunConfig:
    """About 600 facts and a model of 1.2M parameters: the whole run in minutes on two CPU cores."""
    return RunConfig(
        graph=GraphConfig(builtin_facts=600, min_cooccurrence=100, relations=4),
        world=WorldConfig(facts=600),
        tokens=TokensConfig(tokenizer="words"),
        cases=CasesConfig(cases=120),
        pretrain=PretrainConfig(
            hidden=128, intermediate=512, layers=4, heads=4, kv_heads=4, tokens=700_000, row_tokens=192,
            rows_per_step=3, learning_rate=1.5e-3, final_learning_rate_share=0.0, warmup_share=0.02, adam_beta2=0.98,
            checkpoint_minutes=0.5, evaluations=10, evaluation_facts=100,
        ),
        belief=BeliefConfig(learning_rate=7e-3),
        edit=EditConfig(learning_rate=1.2e-3, chunk_cases=60),
        ft_l=ConstrainedFineTuningConfig(learning_rate=1e-3, max_norm=2e-3),
        trace=TraceConfig(facts=100, draws=5),
        tune=TuneConfig(cases=60),
        rome=RomeConfig(contexts=4),
        memit=MemitConfig(contexts=4, layers=2),
        retrain=RetrainConfig(learning_rate=2e-4, steps=20, rows_per_step=1),
    )  # fmt: skip


PRESETS: dict[str, Callable[[], RunConfig]] = {"tiny": tiny, "small": small, "paper": paper}


# (hidden size, layers) of the paper's family. It gives the shape of the smallest only; the others' are ours, with heads
# of 64 and an MLP of four times the hidden size as there, so that 32,000 pieces come to the count in the name.
SIZES = {"83m": (512, 12), "162m": (768, 12), "334m": (1024, 16), "1b": (1536, 24)}


def with_size(config: RunConfig, size: str) -> RunConfig:
    """The config with a model of the paper's family."""
    hidden, layers = SIZES[size]
    heads = hidden // 64
    shape = {"hidden": hidden, "intermediate": 4 * hidden, "layers": layers, "heads": heads, "kv_heads": heads}
    return config.model_copy(update={"pretrain": config.pretrain.model_copy(update=shape)})


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
