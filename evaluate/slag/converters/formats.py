"""The formats by their names, each with its converter and its usual template."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from worldgen.evaluate.slag.converters.conversion import GAP, Conversion, Options, checked_template
from worldgen.evaluate.slag.converters.fever import fever_points
from worldgen.evaluate.slag.converters.leap_of_thought import leap_of_thought_points
from worldgen.evaluate.slag.converters.wikidata5m import wikidata5m_points
from worldgen.evaluate.slag.converters.zsre import zsre_points


@dataclass(frozen=True)
class Format:
    """A public format."""

    convert: Callable[[Path, Options], Conversion]
    template: str
    """The template of its prompts that is taken if the user gives none."""

    def options(self, template: str | None, count: int | None, seed: int) -> Options:
        """Returns the options. Raises UserError for a template in which {} does not stand once."""
        return Options(checked_template(template or self.template), seed, count)


FORMATS: Final[Mapping[str, Format]] = {
    "zsre": Format(zsre_points, GAP),
    "fever": Format(fever_points, f'"{GAP}" is'),
    "leap-of-thought": Format(leap_of_thought_points, f'"{GAP}" is'),
    "wikidata5m": Format(wikidata5m_points, GAP),
}
