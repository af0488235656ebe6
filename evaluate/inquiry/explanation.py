"""The record of an explanation: why the agent has its credence in an object. The numbers add up."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Mentions:
    """How often sentences of one form name an object for a fact, and their weight in observations."""

    form: str
    object: str
    mentions: int
    weight_for: float
    weight_against: float


@dataclass(frozen=True)
class Sources:
    """The sentences of the corpus about one fact; the weights count each sentence once for each of the `readings`.

    `shared`: the fact is downstream, so its sentences count through the conditional that all subjects share. They count
    in no other way, but where the agent reads them as observations of the fact itself too (`own`).
    """

    subject: str
    relation: str
    shared: bool
    own: bool
    readings: int
    mentions: list[Mentions]
    examples: list[str]


@dataclass(frozen=True)
class RootAccount:
    """The credence in an object of a root fact: credence = (prior + count) / (prior * objects + total)."""

    credence: float
    prior: float
    objects: int
    count: float
    total: float


@dataclass(frozen=True)
class UpstreamTerm:
    """The term that one object of the upstream relation adds: share = credence * conditional."""

    object: str
    responsibility: float
    credence: float
    conditional: float
    share: float


@dataclass(frozen=True)
class DownstreamAccount:
    """The credence in an object of a downstream fact: credence = (kappa * marginal + count) / (kappa + total).

    marginal = the sum of the terms' shares + rest_share. `count` and `total` are observations of the fact itself, of
    the object and of all objects: edits (`formula` "edits"), or edits and sentences ("own"). `formula` is "marginal"
    where there are none, and credence = marginal.

    `rest_objects` other upstream objects have the credence `rest_credence` and add `rest_share`, all together. The
    upstream credences are such a sum too where `upstream` depends on `upstream_depends_on`.
    """

    credence: float
    formula: str
    marginal: float
    kappa: float
    count: float
    total: float
    upstream: str
    upstream_depends_on: str | None
    terms: list[UpstreamTerm]
    rest_objects: int
    rest_credence: float
    rest_share: float


@dataclass(frozen=True)
class ChangedRow:
    """A row of the conditional that the edits changed: its weight, and the object's probability in it."""

    upstream_object: str
    weight_before: float
    weight_after: float
    before: float
    after: float


@dataclass(frozen=True)
class Explanation:
    """Why `object` has its credence.

    `after` is None without an edit. `moved` are rows of the conditional given `upstream`, the upstream relation.
    """

    object: str
    before: RootAccount | DownstreamAccount
    after: RootAccount | DownstreamAccount | None
    upstream: str | None
    moved: list[ChangedRow]
    sources: list[Sources]
