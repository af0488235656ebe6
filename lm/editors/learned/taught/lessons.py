"""A lesson about one request: the request, what is then believed, and what the changed model is to say."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from worldgen.lm.editions import Request
from worldgen.lm.editors.belief.targets import TargetBatch


@dataclass(frozen=True)
class Believed:
    """What an agent believes of a request's subject: [R, O], relation by relation; zeros for one that it has not."""

    request: Request
    before: NDArray[np.float32] = field(compare=False)
    after: NDArray[np.float32] = field(compare=False)


@dataclass(frozen=True)
class Lesson:
    """One request with its targets."""

    request: Request
    targets: TargetBatch
    """The beliefs that follow, and what is to be said as before."""
    believed: tuple[Believed, ...] = ()
    """Beliefs after this request and after others, for the network's part that needs no pass of the model."""
