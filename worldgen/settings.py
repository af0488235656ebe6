"""The settings of graph, world and corpus, with their bounds. The defaults are the paper's values."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from worldgen.grammar import WordOrder


class Section(BaseModel):
    """A section of the config. It is frozen and refuses unknown names, and numbers that are not finite."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    work_fields: ClassVar[frozenset[str]] = frozenset()
    """Fields that say how the work is done and change no result: they never decide whether a stage is made anew."""

    efforts: ClassVar[Mapping[str, Mapping[str, Any]]] = {}
    """What `section.effort=NAME` stands for: the values of several fields, by NAME."""

    former: ClassVar[Mapping[str, Any]] = {}
    """The meaning of a run folder without a field, where that is not the field's default."""

    removed: ClassVar[frozenset[str]] = frozenset()
    """Fields of older versions that mean nothing now: a run folder may still have them."""


class GraphConfig(Section):
    """The choice of a knowledge graph and of the facts to take from it (paper, appendix A.1 step 1).

    `properties` are the only relations to take; an empty tuple means all. `language` is the language of the names
    taken from Wikidata's own dumps (Wikidata5m is English).
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
    """The settings of the generative distributions (paper, appendix A.1 step 2). Shares are whole percents.

    Three options are not the paper's. For `deterministic_percent` of a dependency's upstream objects the downstream
    object is certain. Sentences use up to `aliases` further names of each subject, relation and object. The corpus
    never says `held_out_percent` of the combinations of a subject's alias with a relation's synonym.
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
    """The numbers of sentences for a fact and for a subject (paper, appendix A.1 step 3).

    One option is not the paper's: `rare_percent` of the facts get only `rare_draws` draws and no complex sentence.
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


Share = Annotated[float, Field(ge=0, le=1)]


class SourcesConfig(Section):
    """The sources of a world's reports: whose sentences bear a tag, and how often they are right. None by default.

    Source k, counted from 0, reports the truth with probability `reliabilities`[k]. The errors of the sources in
    `liars` come from a table, the same every time; those of the others are independent. Each number in `copies` adds a
    further source, which repeats every report of the source with that number.

    `calibration_percent` of the facts are in untagged sentences and in reports, `report_percent` in reports only. The
    last `newcomers` of the `reliabilities` report facts of the second kind only. So many `reporters`, and
    those who copy them, report each fact, each in so many `sentences`. In `cooldown_percent` of the tagged sentences
    about calibration facts the tag is left out. `place` is where tags stand; they have `tag_letters` letters.
    """

    reliabilities: tuple[Share, ...] = ()
    liars: tuple[Annotated[int, Field(ge=0)], ...] = ()
    copies: tuple[Annotated[int, Field(ge=0)], ...] = ()
    newcomers: int = Field(0, ge=0)
    calibration_percent: int = Field(30, ge=0, le=100)
    report_percent: int = Field(30, ge=0, le=100)
    reporters: int = Field(1, ge=1)
    sentences: int = Field(10, ge=1)
    cooldown_percent: int = Field(0, ge=0, le=100)
    place: Literal["first", "last", "apart"] = "first"
    tag_letters: int = Field(6, ge=1, le=20)

    @property
    def originals(self) -> tuple[int, ...]:
        """For each source the one whose reports it says: itself, or the source at the end of a chain of copies."""
        return tuple(self._end_of_chain(k) for k in range(len(self.reliabilities) + len(self.copies)))

    def _end_of_chain(self, k: int) -> int:
        """Returns the source that source k copies, directly or not; a copier if they copy in a circle."""
        own = len(self.reliabilities)
        for _ in self.copies:
            k = self.copies[k - own] if k >= own else k
        return k

    @model_validator(mode="after")
    def _sources_exist(self) -> SourcesConfig:
        own, count = len(self.reliabilities), len(self.reliabilities) + len(self.copies)
        if not own and (self.liars or self.copies or self.newcomers):
            raise ValueError("there are liars, copies or newcomers, but no sources: set reliabilities too")
        if strange := [k for k in self.liars if k >= own]:
            raise ValueError(f"liars names source {strange[0]}, but reliabilities has the sources 0 to {own - 1}")
        if strange := [k for k in self.copies if k >= count]:
            raise ValueError(f"copies names source {strange[0]}, who is nobody: the sources are 0 to {count - 1}")
        if circle := [k for k, original in enumerate(self.originals) if original >= own]:
            raise ValueError(f"source {circle[0]} copies itself, or copiers in a circle: name one with a reliability")
        return self

    @model_validator(mode="after")
    def _everyone_reports(self) -> SourcesConfig:
        if not self.reliabilities:
            return self
        if self.calibration_percent + self.report_percent > 100:
            raise ValueError("calibration_percent and report_percent are more than 100 together: lower one of them")
        if not self.calibration_percent + self.report_percent:
            raise ValueError("no source has a report: raise calibration_percent or report_percent")
        if self.newcomers and not self.report_percent:
            raise ValueError("the newcomers have no report: raise report_percent")
        calibrated = len(self.reliabilities) - self.newcomers
        if calibrated < bool(self.calibration_percent):
            raise ValueError(f"newcomers is {self.newcomers}: no source is left for the calibration facts, lower it")
        fewest = calibrated if self.calibration_percent else len(self.reliabilities)
        if self.reporters > fewest:
            raise ValueError(f"reporters is {self.reporters}, more than the {fewest} sources that can report a fact")
        return self


class DefinitionsConfig(Section):
    """The variables of a world, and whose definitions say what they stand for. None by default.

    A variable is a new name of an entity, which is a subject of the world; `entities` of them take part (0: all that
    untagged sentences tell two facts of). In stage 1 a reader meets facts of a variable's entity, and definitions; in
    stage 2 definitions of other variables. Tag k, counted from 0, defines in both stages; of its definitions of stage 1
    the share `reliabilities`[k] is right, and all of stage 2 are. `newcomers` are further tags of stage 2 alone.

    The percents are shares of the entities (Krasheninnikov et al. 2024, table 1, is the default). Stage 1: `defined`
    variables have facts and a definition, `undefined` ones facts alone, and `unreplaced` entities have no variable, but
    facts under their own name. Stage 2: `told` variables have a definition by a tag of stage 1, `newcomer` ones by a
    newcomer, `unseen` ones none. `stage2_seed` decides who is in which part of stage 2; "seed" is the run's seed.

    The corpus says each definition, and each fact of a variable, `sentences` times; with 0 it leaves them to an
    experiment of two stages. `order` is the word order.
    """

    reliabilities: tuple[Share, ...] = ()
    newcomers: int = Field(1, ge=0)
    entities: int = Field(0, ge=0)
    defined_percent: int = Field(50, ge=0, le=100)
    undefined_percent: int = Field(10, ge=0, le=100)
    unreplaced_percent: int = Field(10, ge=0, le=100)
    told_percent: int = Field(16, ge=0, le=100)
    newcomer_percent: int = Field(8, ge=0, le=100)
    unseen_percent: int = Field(6, ge=0, le=100)
    stage2_seed: Annotated[int, Field(ge=0, lt=2**63)] | Literal["seed"] = "seed"
    sentences: int = Field(10, ge=0)
    order: WordOrder = "TAE"
    variable_letters: int = Field(5, ge=1, le=20)
    tag_letters: int = Field(6, ge=1, le=20)

    @property
    def percents(self) -> dict[str, int]:
        """The percents by the names of their settings."""
        return {name: getattr(self, name) for name in type(self).model_fields if name.endswith("_percent")}

    @model_validator(mode="after")
    def _parts_fit(self) -> DefinitionsConfig:
        if (total := sum(self.percents.values())) > 100:
            raise ValueError(f"the percents of definitions are {total} together, more than 100: lower one of them")
        if self.newcomers and not self.newcomer_percent:
            raise ValueError("the newcomers have no definition: raise newcomer_percent, or set newcomers=0")
        if self.newcomer_percent and not self.newcomers:
            raise ValueError(
                "no newcomer defines the newcomer_percent of the entities: set it to 0, or raise newcomers"
            )
        if self.reliabilities and not self.defined_percent + self.told_percent:
            raise ValueError("no tag has a definition: raise defined_percent or told_percent")
        return self
