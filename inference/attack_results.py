"""What an attack found out about each picture."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from inference.crops import Pixels


@dataclass(frozen=True, slots=True)
class Judged:
    """What the classifier says of n pictures; softmax over all classes, NaN and -1 for a picture that failed.

    `predicted`: top-1 class index. `probability`: its probability. `true_probability`: the true label's.
    """

    predicted: NDArray[np.int32]
    probability: NDArray[np.float32]
    true_probability: NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class AttackResult:
    """An attack on n pictures, in the order they were given.

    `steps_to_flip`: the first step after which the float picture is predicted wrongly; M + 1 where none was
    before the attack ended, 0 where the clean picture was wrong already (such a picture is not attacked) or
    failed. `steps_to_displayed_flip`: the same of the picture rounded to 8 bits. `steps_taken`: steps until
    it left. `clean`, `float32`, `displayed`: before, after, and after rounding. `displayed_ranking`:
    (n, k) class indices of the rounded picture, best first, k at most 20. `displayed_pixels`: (n, side, side,
    3) 8-bit RGB. `float_linf`, `float_l2`, `displayed_linf`, `displayed_l2`: size of the perturbation in grey
    levels of 255, largest of any channel and Euclidean over the picture. `forwards`: how often the picture
    went through the network. `failures`: why a picture could not be attacked, empty where it could.
    `float_pictures`: (n, 3, side, side) in [0, 1] where they were asked for.
    """

    steps: int
    steps_to_flip: NDArray[np.int32]
    steps_to_displayed_flip: NDArray[np.int32]
    steps_taken: NDArray[np.int32]
    clean: Judged
    float32: Judged
    displayed: Judged
    displayed_ranking: NDArray[np.int32]
    displayed_pixels: Pixels
    float_linf: NDArray[np.float64]
    float_l2: NDArray[np.float64]
    displayed_linf: NDArray[np.float64]
    displayed_l2: NDArray[np.float64]
    forwards: NDArray[np.int32]
    failures: tuple[str, ...]
    float_pictures: NDArray[np.float32] | None = None

    @property
    def failed(self) -> NDArray[np.bool_]:
        """Pictures that could not be attacked."""
        return np.array([bool(reason) for reason in self.failures], dtype=np.bool_)

    @property
    def wrong_at_start(self) -> NDArray[np.bool_]:
        """Pictures that were predicted wrongly before the attack."""
        wrong: NDArray[np.bool_] = (self.steps_to_flip == 0) & ~self.failed
        return wrong
