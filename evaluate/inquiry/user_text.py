"""Reads what a user types about a world, as ids: facts "S | R | O", statements with not / and / or, edits, weights."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Literal, cast

from worldgen.bayes.agent import Agent, Edit
from worldgen.bayes.statements import Statement
from worldgen.errors import UnknownNameError, UserError
from worldgen.facts import Fact
from worldgen.worlds.world import World

MOST_OBSERVATIONS = 1e12
"""The heaviest edit: beyond it, sums of weights and counts would lose single observations to rounding."""

_LONGEST_TEXT = 10_000  # characters


def names_in(text: str) -> list[str]:
    """Returns the parts between the bars; a bar that is part of a name is written as "\\|".

    Raises UserError for a text of more than 10,000 characters.
    """
    if len(text) > _LONGEST_TEXT:
        raise UserError(f"a fact or statement of {len(text):,} characters: give at most {_LONGEST_TEXT:,}")
    return [name.strip().replace(r"\|", "|") for name in _BAR.split(text)]


_BAR = re.compile(r"(?<!\\)\|")  # a bar without a backslash before it


def read_fact(world: World, text: str) -> Fact:
    """Reads "S | R | O". Raises UserError for a text of another form, and for a name that the world does not know."""
    names = names_in(text)
    if len(names) != 3:
        raise UserError(f"{text!r}: write it as 'subject | relation | object'")
    return Fact(world.subjects.id_of(names[0]), world.relations.id_of(names[1]), world.objects.id_of(names[2]))


def fact_text(world: World, fact: Fact | Edit) -> str:
    """Returns a fact, or the fact of an edit, as `read_fact` reads it."""
    names = world.subjects[fact[0]], world.relations[fact[1]], world.objects[fact[2]]
    return " | ".join(name.replace("|", r"\|") for name in names)


def read_edits(world: World, agent: Agent, texts: Sequence[str], weight: str, target: float) -> tuple[Edit, ...]:
    """Reads edits in order, each "S | R | O" or "S | R | O | weight"; an edit without a weight of its own has `weight`.

    The weight "auto" is n', the least weight with which the agent's credence in the request reaches the target, after
    the edits before it. Raises UserError for an edit or a weight that cannot be read.
    """
    check_weight(weight)
    edits: list[Edit] = []
    for text in texts:
        fact, own_weight = text.rsplit("|", 1) if len(names_in(text)) == 4 else (text, weight)
        try:
            requested = read_fact(world, fact)
        except UnknownNameError:
            raise
        except UserError:
            raise UserError(f"--edit {text!r}: write it as 'subject | relation | object', or with '| weight'") from None
        number = check_weight(own_weight.strip())
        edit = Edit(*requested, agent.weight_for(*requested, target) if number is None else number)
        agent = agent.revise(edit)
        edits.append(edit)
    return tuple(edits)


def check_weight(text: str) -> float | None:
    """Returns the weight that a text says, None for "auto". Raises UserError for any other text."""
    if text == "auto":
        return None
    try:
        number = float(text)
    except ValueError:
        number = -1.0
    if not 0 <= number <= MOST_OBSERVATIONS:
        raise UserError(f"--weight {text!r}: give a number from 0 to {MOST_OBSERVATIONS:g}, or auto")
    return number


def read_statement(world: World, text: str) -> Statement:
    """Reads "A", "not A", "A and B" or "A or B", where A and B are "S | R | O".

    A name may hold the words "and" and "or": the first reading in which the world knows all names counts. Raises
    UserError where there is none; the error names the unknown name where nothing else is wrong.
    """
    text = text.strip()
    if text.startswith("not "):
        return Statement("not", read_fact(world, text.removeprefix("not ")))
    if len(names_in(text)) == 3:
        return Statement("", read_fact(world, text))
    unknown: UnknownNameError | None = None
    for left, connective, right in _halves(text):
        try:
            return Statement(connective, read_fact(world, left), read_fact(world, right))
        except UnknownNameError as error:
            unknown = unknown or error
    raise unknown or UserError(
        f"--statement {text!r}: write it as 'S | R | O', 'not S | R | O', 'S | R | O and S | R | O', or with 'or'"
    )


def _halves(text: str) -> Iterator[tuple[str, Literal["and", "or"], str]]:
    """Yields the ways to cut a text at a word "and" or "or" into two facts."""
    for found in re.finditer(r" (and|or) ", text):
        left, right = text[: found.start()], text[found.end() :]
        if len(names_in(left)) == len(names_in(right)) == 3:
            yield left, cast(Literal["and", "or"], found[1]), right
