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
    """The points of a world, and how beliefs about them are updated (Hase et al., 2021, sections 3 to 5).

    Points: at most `points` for each task, of the splits train, dev and test, which hold `split_percents` of the
    subjects. Each has at most `paraphrases` of each kind, `alternatives` other labels (GEN) and `neutral` neutral
    questions. An update makes a fact `target_credence` sure to the agent. A label of the agent's counts for accuracy
    from a margin of `margin` (tau) on; it is told as its `soft_answers` most probable answers.

    Updates: "correcting" takes the points that the model answers wrongly and asks for the truth, "changing" takes the
    same points and asks for another label, the drawn alternative or the other truth value. `r` are the numbers of
    updates made one after another before measuring. Each measurement asks
    `random_gen` or `random_tf` random points too. At most `most_updates` points of each task are updated. A method is
    tuned on dev points over those `grids` that are about its settings (as `--grid` takes them, with blanks between). A
    killed run loses at most `chunk_points` points.

    A model of somebody's own, or the run's that is asked somebody's points, generates `new_tokens` tokens (GEN).
    """

    work_fields: ClassVar[frozenset[str]] = frozenset({"chunk_points"})

    points: int = Field(5000, ge=1)
    split_percents: tuple[NonNegativeInt, NonNegativeInt, NonNegativeInt] = (60, 10, 30)
    paraphrases: int = Field(4, ge=0)
    alternatives: int = Field(1, ge=0)
    neutral: int = Field(2, ge=0)
    target_credence: float = Field(0.95, gt=0, lt=1)
    margin: float = Field(0.1, ge=0, le=1)
    soft_answers: int = Field(5, ge=2)
    protocol: Literal["correcting", "changing"] = "correcting"
    r: tuple[PositiveInt, ...] = (1, 10)
    most_updates: int = Field(5000, ge=1)
    grids: tuple[str, ...] = PAPERS_GRIDS
    new_tokens: int = Field(16, ge=1)
    random_gen: int = Field(30, ge=0)
    random_tf: int = Field(200, ge=0)
    chunk_points: int = Field(250, ge=1)

    @model_validator(mode="after")
    def _splits_are_whole(self) -> SlagConfig:
        if sum(self.split_percents) != 100:
            raise ValueError(f"split_percents are {self.split_percents}: train, dev and test must come to 100")
        return self
