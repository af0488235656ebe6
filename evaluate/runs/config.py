"""One complete, frozen config of a run.

It is written into the run folder whole. Every setting that can change a result is in it; the number of workers and
the verbosity are not.
"""

from __future__ import annotations

import difflib
import tomllib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Annotated, Any, Final, Literal, get_origin

import tomli_w
from pydantic import Field, ValidationError

from worldgen.bayes.settings import AgentConfig
from worldgen.errors import UserError
from worldgen.evaluate.settings import CasesConfig, EditConfig, ScoreConfig, TrajectoryConfig, TuneConfig
from worldgen.evaluate.slag.settings import SlagConfig
from worldgen.evaluate.sources.settings import TrustConfig
from worldgen.lm.editors.learned.settings import ConstrainedConfig, KeConfig, LearnedConfig, RationalConfig
from worldgen.lm.editors.settings import (
    BeliefConfig,
    ConstrainedFineTuningConfig,
    FineTuningConfig,
    InContextConfig,
    MemitConfig,
    RetrainConfig,
    RomeConfig,
)
from worldgen.lm.settings import PretrainConfig, TokensConfig, TraceConfig
from worldgen.settings import CorpusConfig, GraphConfig, Section, SourcesConfig, WorldConfig


class RunConfig(Section):
    """The config of a run: a section of settings for each part of it, and two seeds.

    `seed` decides the world, its corpus, its cases and the questions; `model_seed` decides the model and its edits. The
    value "seed" of `model_seed` means: the same number. `system` is what `worldgen run` carries out.
    """

    seed: int = Field(0, ge=0, lt=2**63)
    system: Literal["testbed", "slag", "sources"] = "testbed"
    model_seed: Annotated[int, Field(ge=0, lt=2**63)] | Literal["seed"] = "seed"
    graph: GraphConfig = GraphConfig()
    world: WorldConfig = WorldConfig()
    sources: SourcesConfig = SourcesConfig()
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
    slag: SlagConfig = SlagConfig()
    slag_editor: LearnedConfig = LearnedConfig()
    ke: KeConfig = KeConfig()
    ke_constrained: ConstrainedConfig = ConstrainedConfig()
    rational: RationalConfig = RationalConfig()
    trust: TrustConfig = TrustConfig()

    @property
    def training_seed(self) -> int:
        """The number that `model_seed` stands for."""
        return self.seed if self.model_seed == "seed" else self.model_seed

    def inputs(self, settings: Iterable[str]) -> dict[str, Any]:
        """Returns the values of settings by name. A section ("world") stands for all fields but its `work_fields`.

        A world without sources has no value of the section "sources": it is the world that it was before there were
        sources, and its stages are not made anew.
        """
        flat: dict[str, Any] = {}
        for setting in settings:
            section, _, name = setting.partition(".")
            value = getattr(self, section)
            if setting == "model_seed":
                flat[setting] = self.training_seed
            elif isinstance(value, SourcesConfig):
                # By a slash: a stage ignores a noted value of a setting that is not among its inputs any more, but must
                # not ignore that it had sources.
                told = value.model_dump(mode="json") if value.reliabilities else {}
                flat |= {f"{setting}/{field}": plain for field, plain in told.items()}
            elif not isinstance(value, Section):
                flat[setting] = value
            else:
                fields = [name] if name else list(type(value).model_fields)
                plain = value.model_dump(mode="json")
                flat |= {f"{section}.{field}": plain[field] for field in fields if field not in value.work_fields}
        return flat


FORMER: Final[Mapping[str, Any]] = {
    f"{section}.{name}": value
    for section, field in RunConfig.model_fields.items()
    if isinstance(field.default, Section)
    for name, value in field.default.former.items()
}
"""The meaning of a setting before it was one: the name of the setting -> its value in runs of older versions."""


def to_toml(config: RunConfig) -> str:
    """Returns the whole config as TOML that `from_toml` reads back."""
    return tomli_w.dumps(config.model_dump(mode="json"))


def from_toml(text: str, origin: str) -> RunConfig:
    """Returns the config that a TOML text describes. A setting that it leaves out is as in the `paper` preset.

    Raises UserError (one line, naming `origin`) for bad TOML, an unknown field or an impossible value.
    """
    return _validated(_parsed(text, origin), origin)


def load(path: Path) -> RunConfig:
    """Reads the config in a TOML file. Raises UserError for a file that cannot be read."""
    return from_toml(_text_of(path), str(path))


def load_of_run(path: Path) -> RunConfig:
    """Reads the config of a run folder: a setting that came later stands for what held before it (`FORMER`).

    Raises UserError as `load` does.
    """
    fields = _parsed(_text_of(path), str(path))
    for setting, value in FORMER.items():
        section, _, name = setting.partition(".")
        if isinstance(values := fields.setdefault(section, {}), dict):
            values.setdefault(name, value)
    return _validated(fields, str(path))


def _text_of(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"cannot read the config {path}: {error}") from None


def _parsed(text: str, origin: str) -> dict[str, Any]:
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise UserError(f"{origin} is not TOML: {error}") from None


def override(config: RunConfig, settings: Iterable[str]) -> RunConfig:
    """Returns the config with `section.field=value` settings applied. A list needs no brackets: `slag.r=1,10`.

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
        (fields[section] if section else fields)[name] = _list_value(value) if _is_list(key) else _toml_value(value)
    return _validated(fields, "the settings")


def field_names() -> list[str]:
    """Returns the names of all settings, as `--set` takes them: `seed`, `graph.relations`, ..."""
    names = []
    for name, field in RunConfig.model_fields.items():
        annotation = field.annotation
        if isinstance(annotation, type) and issubclass(annotation, Section):
            names += [f"{name}.{inner}" for inner in annotation.model_fields]
        else:
            names.append(name)
    return names


def _is_list(key: str) -> bool:
    section, _, name = key.rpartition(".")
    owner: Any = RunConfig.model_fields[section].annotation if section else RunConfig
    return get_origin(owner.model_fields[name].annotation) is tuple


def _list_value(text: str) -> Any:
    """Returns a list as TOML reads it, with or without its brackets. Raises UserError for brackets without a list."""
    value = _toml_value(text)
    if text.startswith("[") and not isinstance(value, list):
        raise UserError(f"--set: {text} is no list: write numbers as 0.5, not .5, and texts in quotes")
    return value if isinstance(value, list) else _toml_value(f"[{text}]")


def _toml_value(text: str) -> Any:
    """Returns a value as TOML reads it; a text that is no TOML is a string."""
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
