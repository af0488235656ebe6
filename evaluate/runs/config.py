"""One complete, frozen config of a run.

It is written into the run folder whole. Every setting that can change a result is in it; the number of workers and
the verbosity are not.
"""

from __future__ import annotations

import difflib
import hashlib
import tomllib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Annotated, Any, Final, Literal, get_origin

import tomli_w
from pydantic import Field, ValidationError

from worldgen.bayes.settings import AgentConfig
from worldgen.errors import UserError
from worldgen.evaluate.internalizing.settings import InternalizeConfig, SetInclusionConfig
from worldgen.evaluate.settings import CasesConfig, EditConfig, ScoreConfig, TrajectoryConfig, TuneConfig
from worldgen.evaluate.slag.settings import SlagConfig
from worldgen.evaluate.sources.settings import TrustConfig
from worldgen.lm.editors.learned.settings import ConstrainedConfig, KeConfig, LearnedConfig, RationalConfig
from worldgen.lm.editors.settings import (
    BeliefConfig,
    BeliefMemitConfig,
    ConstrainedFineTuningConfig,
    DocumentsConfig,
    FineTuningConfig,
    InContextConfig,
    LoraConfig,
    MemitConfig,
    RetrainConfig,
    RomeConfig,
)
from worldgen.lm.settings import PretrainConfig, TokensConfig, TraceConfig
from worldgen.settings import CorpusConfig, DefinitionsConfig, GraphConfig, Section, SourcesConfig, WorldConfig


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
    definitions: DefinitionsConfig = DefinitionsConfig()
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
    closure_lora: LoraConfig = LoraConfig()
    closure_ft: FineTuningConfig = FineTuningConfig()
    closure_memit: MemitConfig = MemitConfig()
    belief_memit: BeliefMemitConfig = BeliefMemitConfig()
    documents: DocumentsConfig = DocumentsConfig()
    tune: TuneConfig = TuneConfig()
    trajectory: TrajectoryConfig = TrajectoryConfig()
    score: ScoreConfig = ScoreConfig()
    slag: SlagConfig = SlagConfig()
    slag_editor: LearnedConfig = LearnedConfig()
    ke: KeConfig = KeConfig()
    ke_constrained: ConstrainedConfig = ConstrainedConfig()
    rational: RationalConfig = RationalConfig()
    trust: TrustConfig = TrustConfig()
    internalize: InternalizeConfig = InternalizeConfig()
    set_inclusion: SetInclusionConfig = SetInclusionConfig()

    @property
    def training_seed(self) -> int:
        """The number that `model_seed` stands for."""
        return self.seed if self.model_seed == "seed" else self.model_seed

    def inputs(self, settings: Iterable[str]) -> dict[str, Any]:
        """Returns the values of settings by name. A section ("world") stands for all fields but its `work_fields`.

        A world without sources has no value of the section "sources": it is the world that it was before there were
        sources, and its stages are not made anew. So it is with definitions.
        """
        flat: dict[str, Any] = {}
        for setting in settings:
            section, _, name = setting.partition(".")
            value = getattr(self, section)
            if setting == "model_seed":
                flat[setting] = self.training_seed
            elif isinstance(value, SourcesConfig | DefinitionsConfig):
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
REMOVED: Final = {
    section: field.default.removed
    for section, field in RunConfig.model_fields.items()
    if isinstance(field.default, Section)
}
"""The settings of older versions that mean nothing now, by section."""


SECTIONS_OF_ALL_VERSIONS: Final = frozenset(
    ("seed", "graph", "world", "corpus", "tokens", "agent", "cases", "pretrain", "edit", "score")
)
"""Settings that the config of every run has, however old."""


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


_SEAL: Final = "# SHA-256 of what follows: "


def sealed_toml(config: RunConfig) -> str:
    """Returns the text of a run folder's config: its hash as a comment, then the config."""
    text = to_toml(config)
    return f"{_SEAL}{hashlib.sha256(text.encode()).hexdigest()}\n{text}"


def load_of_run(path: Path) -> RunConfig:
    """Reads the config of a run folder: a setting that came later stands for what held before it (`FORMER`).

    A setting that has been removed is passed over (`REMOVED`).

    Raises UserError as `load` does, and for a text that has changed since it was written: it says so by its hash, or,
    without a hash, by the sections that it lacks.
    """
    seal, _, text = (whole := _text_of(path)).partition("\n")
    if seal.startswith("#") and seal != f"{_SEAL}{hashlib.sha256(text.encode()).hexdigest()}":
        raise UserError(
            f"{path} has changed since worldgen wrote it: put it back, and change settings by --set; "
            "if it is right as it is, delete its first line"
        )
    fields = _parsed(whole, str(path))
    if missing := sorted(SECTIONS_OF_ALL_VERSIONS - set(fields)):
        raise UserError(f"{path} is cut or not of a run: it says nothing of {missing[0]!r}; put the whole file back")
    for setting, value in FORMER.items():
        section, _, name = setting.partition(".")
        if isinstance(values := fields.setdefault(section, {}), dict):
            values.setdefault(name, value)
    for section, names in REMOVED.items():
        if isinstance(values := fields.get(section), dict):
            fields[section] = {name: value for name, value in values.items() if name not in names}
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

    "belief.effort=quick" stands for several settings of its section; those that are given too win.

    Raises UserError for a setting without "=", an unknown key (the nearest is offered) or a bad value.
    """
    fields = config.model_dump(mode="json")
    for setting in sorted(settings, key=lambda setting: ".effort=" not in setting):
        key, equals, value = setting.partition("=")
        if not equals:
            raise UserError(f"--set {setting!r}: write it as section.field=value, e.g. --set world.facts=600")
        if key in EFFORTS:
            fields[key.removesuffix(".effort")] |= _effort(key, str(_toml_value(value)))
            continue
        known = [*field_names(), *EFFORTS]
        if key not in known:
            near = difflib.get_close_matches(key, known, n=1, cutoff=0.4)
            hint = f"did you mean {near[0]!r}?" if near else "see `worldgen config` for the fields"
            raise UserError(f"--set: there is no setting {key!r}: {hint}")
        section, _, name = key.rpartition(".")
        (fields[section] if section else fields)[name] = _list_value(value) if _is_list(key) else _toml_value(value)
    return _validated(fields, "the settings")


EFFORTS: Final = {
    f"{name}.effort": field.default.efforts
    for name, field in RunConfig.model_fields.items()
    if isinstance(field.default, Section) and field.default.efforts
}
"""The settings that stand for several others of their section, with what their values stand for."""


def _effort(key: str, value: str) -> Mapping[str, Any]:
    """Returns the fields that an effort stands for. Raises UserError for one that is not known."""
    if value not in EFFORTS[key]:
        raise UserError(f"--set {key}={value}: choose from {', '.join(EFFORTS[key])}")
    return EFFORTS[key][value]


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
