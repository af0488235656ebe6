"""Asking the agent of a run: its best objects for a subject and relation, before and after an edit."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from bayes.agent import Agent, Edit
from evaluate.load import load_agent, load_world
from worldgen.config import RunConfig
from worldgen.errors import UserError
from worldgen.world import World


@dataclass(frozen=True)
class Credence:
    """The agent's belief that an object is the answer; `after` is None without an edit."""

    object: str
    before: float
    after: float | None


@dataclass(frozen=True)
class Reply:
    """What the agent believes of "subject relation", most probable first (by the later belief)."""

    subject: str
    relation: str
    depends_on: str | None
    edit: str | None
    weight: float | None
    objects: list[Credence]

    def as_dict(self) -> dict[str, Any]:
        """Nested plain values, for JSON."""
        return asdict(self)


def ask(
    folder: Path, config: RunConfig, subject: str, relation: str, edit: str | None, weight: str, most: int
) -> Reply:
    """The `most` best objects. `edit` is "S | R | O"; `weight` a number or "auto" (n').

    Raises UserError for a name that is unknown, or an edit or weight that cannot be read.
    """
    world = load_world(folder)
    agent = load_agent(folder, world, config.agent)
    s, r = world.subjects.id_of(subject), world.relations.id_of(relation)
    request = _request(world, agent, edit, weight, config.cases.target_credence) if edit else None
    before = agent.belief(s, r)
    after = agent.revise(request).belief(s, r) if request else None
    upstream = agent.upstream_of(s, r)
    objects, _ = (after or before).top(most)
    return Reply(
        subject=world.subjects[s],
        relation=world.relations[r],
        depends_on=None if upstream is None else world.relations[upstream],
        edit=None if request is None else _said(world, request),
        weight=None if request is None else request.weight,
        objects=[Credence(world.objects[o], before[o], after[o] if after else None) for o in objects.tolist()],
    )


def as_text(reply: Reply) -> str:
    """The reply for a terminal."""
    lines = [f"{reply.subject} | {reply.relation}"]
    if reply.depends_on:
        lines.append(f"depends on {reply.depends_on}")
    if reply.edit:
        lines.append(f"edit: {reply.edit}, weight {reply.weight:g}")
    width = max(len(credence.object) for credence in reply.objects)
    for credence in reply.objects:
        after = "" if credence.after is None else f"  ->  {credence.after:.6f}"
        lines.append(f"  {credence.object:{width}}  {credence.before:.6f}{after}")
    return "\n".join(lines)


def _request(world: World, agent: Agent, text: str, weight: str, target: float) -> Edit:
    names = [name.strip() for name in text.split("|")]
    if len(names) != 3:
        raise UserError(f"--edit {text!r}: write it as 'subject | relation | object'")
    s, r, o = world.subjects.id_of(names[0]), world.relations.id_of(names[1]), world.objects.id_of(names[2])
    if weight == "auto":
        return Edit(s, r, o, agent.weight_for(s, r, o, target))
    try:
        number = float(weight)
    except ValueError:
        number = -1.0
    if not 0 <= number < float("inf"):
        raise UserError(f"--weight {weight!r}: give a number that is not negative, or auto")
    return Edit(s, r, o, number)


def _said(world: World, edit: Edit) -> str:
    return f"{world.subjects[edit.subject]} | {world.relations[edit.relation]} | {world.objects[edit.object]}"
