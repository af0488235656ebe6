"""The agent of a run before and after a user's edits."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from worldgen.bayes.agent import Agent, Edit
from worldgen.errors import UserError
from worldgen.evaluate.inquiry.user_text import check_weight, fact_text, read_edits
from worldgen.worlds.world import World


@dataclass(frozen=True)
class Minds:
    """An agent before and after edits; without edits, `after` is `before`."""

    world: World
    before: Agent
    after: Agent
    edits: tuple[Edit, ...]


@dataclass(frozen=True)
class WeighedEdit:
    """An edit "S | R | O" as text, and the observations that it is worth."""

    edit: str
    weight: float


@dataclass(frozen=True)
class EditWeight:
    """A user's settings for the weight of an edit that brings none of its own.

    `weight` is a number or "auto": n', the least weight with which the agent's credence in the request reaches
    `target`.
    """

    weight: str
    target: float

    @staticmethod
    def of(weight: str, target: float | None, usual_target: float) -> EditWeight:
        """Returns the weight that a user asks for; without a target of the user's, `usual_target` is the target.

        Raises UserError for a weight or a target that cannot be, and for a target beside a number as the weight.
        """
        check_weight(weight)
        if target is not None and not 0 < target < 1:
            raise UserError(f"--credence {target:g}: give a number between 0 and 1, both excluded")
        if target is not None and weight != "auto":
            raise UserError("--weight and --credence both say what an edit weighs: give one of them")
        return EditWeight(weight, target or usual_target)


def revised(world: World, agent: Agent, edits: Sequence[str], weight: EditWeight) -> Minds:
    """Returns the agent before and after the edits "S | R | O". Raises UserError for an edit that cannot be read."""
    requests = read_edits(world, agent, edits, weight.weight, weight.target)
    return Minds(world, agent, agent.revise(*requests), requests)


def weighed_edits(minds: Minds) -> list[WeighedEdit]:
    """Returns the edits as a user types them, with their weights."""
    return [WeighedEdit(fact_text(minds.world, edit), edit.weight) for edit in minds.edits]
