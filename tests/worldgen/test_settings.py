"""The sections of graph, world and corpus: they are frozen, closed to unknown names, and checked."""

from collections.abc import Callable
from functools import partial

import pytest
from pydantic import ValidationError

from worldgen.settings import CorpusConfig, DefinitionsConfig, GraphConfig, Section, SourcesConfig, WorldConfig


@pytest.mark.parametrize("section", [GraphConfig, WorldConfig, CorpusConfig, SourcesConfig, DefinitionsConfig])
def test_a_section_is_frozen_and_refuses_unknown_names(section: type[Section]) -> None:
    name = next(iter(section.model_fields))
    with pytest.raises(ValidationError, match="frozen"):
        setattr(section(), name, getattr(section(), name))
    with pytest.raises(ValidationError, match="Extra inputs are not permitted"):
        section(nonsense=1)


TWO = partial(SourcesConfig, reliabilities=(1, 0.5))


@pytest.mark.parametrize(
    ("section", "values", "message"),
    [
        (GraphConfig, {"relations": 3}, "relations is 3, an odd number"),
        (GraphConfig, {"language": "e n"}, "language"),
        (WorldConfig, {"facts": 0}, "facts"),
        (WorldConfig, {"mode_percent": 100}, "mode_percent"),
        (WorldConfig, {"root_percent_high": 59}, "root_percent_low is 60, more than root_percent_high, 59"),
        (WorldConfig, {"held_out_percent": 10}, "no aliases are in use: set world.aliases too"),
        (CorpusConfig, {"min_truths": 11}, "min_truths is 11, more than the 10 draws"),
        (CorpusConfig, {"rare_draws": 11}, "rare_draws is 11, more than the 10 draws of other facts"),
        (CorpusConfig, {"complex_per_subject": 7}, "complex_per_subject"),
        (DefinitionsConfig, {"defined_percent": 60}, "the percents of definitions are 110 together, more than 100"),
        (DefinitionsConfig, {"newcomers": 0}, "no newcomer defines the newcomer_percent of the entities: set it to 0"),
        (DefinitionsConfig, {"newcomer_percent": 0}, "the newcomers have no definition: raise newcomer_percent"),
        (DefinitionsConfig, {"reliabilities": [1], "defined_percent": 0, "told_percent": 0}, "no tag has a definition"),
        (DefinitionsConfig, {"order": "TEE"}, "order"),
        (SourcesConfig, {"reliabilities": [0.5, 1.01]}, "reliabilities.1\n.*less than or equal to 1"),
        (SourcesConfig, {"reliabilities": [-0.1]}, "greater than or equal to 0"),
        (SourcesConfig, {"reliabilities": [float("nan")]}, "reliabilities.0"),
        (SourcesConfig, {"liars": [0]}, "no sources: set reliabilities too"),
        (SourcesConfig, {"copies": [0]}, "no sources: set reliabilities too"),
        (TWO, {"liars": [2]}, "liars names source 2, but reliabilities has the sources 0 to 1"),
        (TWO, {"copies": [3]}, "copies names source 3, who is nobody: the sources are 0 to 2"),
        (TWO, {"copies": [2]}, "source 2 copies itself"),
        (TWO, {"copies": [0, 4, 3]}, "source 3 copies itself, or copiers in a circle"),
        (TWO, {"copies": [3, 4, 3]}, "source 2 copies itself, or copiers in a circle"),
        (TWO, {"calibration_percent": 60, "report_percent": 41}, "more than 100 together"),
        (TWO, {"calibration_percent": 0, "report_percent": 0}, "no source has a report"),
        (TWO, {"newcomers": 1, "report_percent": 0}, "the newcomers have no report"),
        (TWO, {"newcomers": 2}, "no source is left for the calibration facts"),
        (TWO, {"newcomers": 3, "calibration_percent": 0}, "no source is left for the calibration facts"),
        (TWO, {"reporters": 3}, "reporters is 3, more than the 2 sources"),
        (TWO, {"reporters": 2, "newcomers": 1}, "reporters is 2, more than the 1 sources"),
    ],
)
def test_impossible_settings_are_refused(
    section: Callable[..., Section], values: dict[str, object], message: str
) -> None:
    with pytest.raises(ValidationError, match=message):
        section(**values)


def test_settings_at_their_bounds_are_accepted() -> None:
    assert WorldConfig(aliases=1, held_out_percent=100, root_percent_low=100).root_percent_high == 100
    assert CorpusConfig(draws=6, min_truths=6, rare_draws=6).rare_draws == 6


def test_sources_say_the_reports_of_the_source_at_the_end_of_a_chain() -> None:
    assert TWO(copies=(1, 2, 0), newcomers=2, calibration_percent=0).originals == (0, 1, 1, 1, 0)
    assert SourcesConfig().originals == ()
