"""`[attack]`: how adversarial images are made, as a study reports it.

Source: Stock and Cissé (ECCV 2018), section 3.2; the network side is `inference.attacks`, and a test holds
the two to the same keys and defaults.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from studyapp.protocol.keys import about

Norm = Literal["linf", "l2"]
Space = Literal["normalised", "pixel"]
StepStd = Literal["imagenet", "model"]
Stop = Literal["displayed_flip", "float_flip", "never"]


@dataclass(frozen=True, slots=True, kw_only=True)
class AttackPlan:
    """`[attack]`: the iterative fast gradient method and its parameters."""

    step: float = field(
        default=0.001,
        metadata=about(
            "Length of one step: in units of the standard deviation of normalised pixels, or of [0, 1] "
            "pixels; see `space`.",
            at_least=1e-9,
            at_most=1,
        ),
    )
    steps: int = field(default=10, metadata=about("Most steps (M).", at_least=1, at_most=1000))
    norm: Norm = field(
        default="linf",
        metadata=about(
            "`linf`: steps along the sign of the gradient; `l2`: along the gradient of length one."
        ),
    )
    space: Space = field(
        default="normalised",
        metadata=about("What a step is measured in: mean/std-normalised values, or [0, 1] pixels."),
    )
    radius: float | None = field(
        default=None,
        metadata=about(
            "Most that the whole perturbation may reach, in the norm and space; none: no limit.", at_least=0
        ),
    )
    step_std: StepStd = field(
        default="imagenet",
        metadata=about(
            "Whose standard deviation `normalised` means: ImageNet's for every model, or the model's own."
        ),
    )
    stop: Stop = field(
        default="displayed_flip",
        metadata=about(
            "When an image leaves the attack before its last step: once its 8-bit picture is mistaken, "
            "once its "
            "float picture is, or never."
        ),
    )
    grid: bool = field(
        default=False,
        metadata=about(
            "Round every iterate to the 256 grey levels of a picture, so that float and file agree."
        ),
    )
