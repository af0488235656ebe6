"""The sections of graph, world and corpus: they are frozen, closed to unknown names, and checked."""

import pytest
from pydantic import ValidationError

from worldgen.settings import CorpusConfig, GraphConfig, Section, WorldConfig


@pytest.mark.parametrize("section", [GraphConfig, WorldConfig, CorpusConfig])
def test_a_section_is_frozen_and_refuses_unknown_names(section: type[Section]) -> None:
    name = next(iter(section.model_fields))
    with pytest.raises(ValidationError, match="frozen"):
        setattr(section(), name, getattr(section(), name))
    with pytest.raises(ValidationError, match="Extra inputs are not permitted"):
        section(nonsense=1)


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
    ],
)
def test_impossible_settings_are_refused(section: type[Section], values: dict[str, object], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        section(**values)


def test_settings_at_their_bounds_are_accepted() -> None:
    assert WorldConfig(aliases=1, held_out_percent=100, root_percent_low=100).root_percent_high == 100
    assert CorpusConfig(draws=6, min_truths=6, rare_draws=6).rare_draws == 6
