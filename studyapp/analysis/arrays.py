"""Names for the array types that the statistics pass to one another."""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

BoolArray: TypeAlias = npt.NDArray[np.bool_]
FloatArray: TypeAlias = npt.NDArray[np.float64]
# Any width of integer: question indices come as int32, codes as int16, counts as int64.
IntArray: TypeAlias = npt.NDArray[np.integer[Any]]
