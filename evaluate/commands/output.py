"""Prints the result of a command that does not run a stage."""

from __future__ import annotations

import json
from collections.abc import Mapping

import click


def print_result(value: Mapping[str, object], text: str, as_json: bool) -> None:
    """Prints a result on stdout: the value as one JSON object, or the text for people."""
    click.echo(json.dumps(value, indent=1, ensure_ascii=False) if as_json else text)


def print_progress(text: str) -> None:
    """Prints a line on stderr."""
    click.echo(text, err=True)


def print_nothing(_text: str) -> None:
    """Takes the place of `print_progress` where the user wants no progress."""
