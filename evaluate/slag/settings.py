"""The settings of SLAG: its points, and how they are updated and measured."""

from __future__ import annotations

from typing import ClassVar, Final, Literal

from pydantic import Field, NonNegativeInt, PositiveInt, model_validator

from worldgen.settings import Section

PAPERS_GRIDS: Final = (
    "ft.optimizer=adamw,rmsprop ft.learning_rate=1e-4,1e-5,1e-6 ft.steps=5,10,100",
    "ft.optimizer=sgd ft.learning_rate=1e-1,1e-2,1e-3 ft.steps=5,10,100",
)
"""The 27 settings that the paper tunes its baselines over (supplement B.2)."""


class SlagConfig(Section):
    """The points of a world, and how beliefs about them are updated (Hase et al., 2021, sections 3 to 5)."""

    work_fields: ClassVar[frozenset[str]] = frozenset({"chunk_points"})

    points: int = Field(5000, ge=1)
    """The most points of each task."""
    split_percents: tuple[NonNegativeInt, NonNegativeInt, NonNegativeInt] = (60, 10, 30)
    """The shares of the subjects in the splits train, dev and test."""
    paraphrases: int = Field(4, ge=0)
    """The most paraphrases of each kind: another name of the subject, of the relation, of both."""
    alternatives: int = Field(1, ge=0)
    """The number of other objects of the relation that an update may ask for (GEN)."""
    neutral: int = Field(2, ge=0)
    """The most neutral questions of a point."""
    target_credence: float = Field(0.95, gt=0, lt=1)
    """The credence that an update lifts its fact to: so many observations it is worth to the agent."""
    margin: float = Field(0.1, ge=0, le=1)
    """The margin from which on a label of the agent's counts for accuracy (tau)."""
    soft_answers: int = Field(5, ge=2)
    """The number of answers that a label of the agent's tells, the most probable ones."""
    protocol: Literal["correcting", "changing", "beam"] = "correcting"
    """The label that updates ask for, always of the points that the model answers wrongly.

    "correcting": the truth. "changing": the drawn alternative, or the truth value that the model does not predict.
    "beam": another answer from the model's own beam (GEN); in TF as "changing".
    """
    r: tuple[PositiveInt, ...] = (1, 10)
    """The numbers of updates that are made one after another before the model is measured."""
    most_updates: int = Field(5000, ge=1)
    """The most points of each task that are updated."""
    grids: tuple[str, ...] = PAPERS_GRIDS
    """The settings that a method is tuned over on dev points, as `--grid` takes them, with blanks between.

    A grid counts for a method if all of its settings are that method's.
    """
    new_tokens: int = Field(16, ge=1)
    """The tokens of an answer in GEN, of a model of somebody's own, or of the run's that is asked somebody's points."""
    random_gen: int = Field(30, ge=0)
    """The number of random points that a measurement asks about in GEN."""
    random_tf: int = Field(200, ge=0)
    """The number of random points that each measurement asks in TF."""
    chunk_points: int = Field(250, ge=1)
    """The number of points that are measured and saved together: the most that a killed run loses."""

    @model_validator(mode="after")
    def _splits_are_whole(self) -> SlagConfig:
        if sum(self.split_percents) != 100:
            raise ValueError(f"split_percents are {self.split_percents}: train, dev and test must come to 100")
        return self
