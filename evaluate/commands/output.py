"""Prints the result of a command that does not run a stage."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping

import click


def print_result(value: Mapping[str, object], text: str, as_json: bool) -> None:
    """Prints a result on stdout: the value as one JSON object, or the text for people.

    The JSON is strict: a number that is not finite, which JSON does not have, is null.
    """
    click.echo(json.dumps(_strict(value), indent=1, ensure_ascii=False, allow_nan=False) if as_json else text)


def _strict(value: object) -> object:
    if isinstance(value, Mapping):
        return {key: _strict(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_strict(inner) for inner in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def print_progress(text: str) -> None:
    """Prints a line on stderr."""
    click.echo(text, err=True)


def print_nothing(_text: str) -> None:
    """Takes the place of `print_progress` where the user wants no progress."""
