"""Arrays of integers and floats, and sums and look-ups in sparse columns."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Integers = NDArray[np.int64]
Floats = NDArray[np.floating]
Flags = NDArray[np.bool_]
