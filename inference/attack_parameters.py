"""What an attack does: its steps, in which space and norm they are measured, and when it stops."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any, Literal, get_args

from inference.preprocessing import Preprocessing

Norm = Literal["linf", "l2"]
Space = Literal["normalised", "pixel"]
StepStd = Literal["imagenet", "model"]
Stop = Literal["displayed_flip", "float_flip", "never"]

#: ImageNet's standard deviation per channel (red, green, blue), of pixels in [0, 1].
IMAGENET_STD = (0.229, 0.224, 0.225)
#: ITU-R 601-2: what each channel adds to the grey level that a grey network sees.
LUMA = (0.299, 0.587, 0.114)


@dataclass(frozen=True, slots=True)
class AttackParameters:
    """The iterative fast gradient method: x <- clip(x + step * d), `steps` times at most.

    `norm`: d is the sign of the gradient of the cross-entropy with the true label (linf) or that gradient
    with Euclidean length 1 over the whole picture (l2). `step` and `radius` (None: no limit but
    steps * step) are lengths in that norm, in the units of `space`: pixel values in [0, 1], or pixel values
    divided by a standard deviation per channel, ImageNet's or the model's own (`step_std`).

    `stop`: an image leaves the attack when its 8-bit picture is predicted wrongly, when the float picture
    is, or only after all steps. `grid`: every iterate is rounded to 8 bits.

    Source: Stock and Cisse, ECCV 2018, section 3.2; space and stop are ours where the paper is silent.
    """

    step: float = 0.001
    steps: int = 10
    norm: Norm = "linf"
    space: Space = "normalised"
    radius: float | None = None
    step_std: StepStd = "imagenet"
    stop: Stop = "displayed_flip"
    grid: bool = False

    def __post_init__(self) -> None:
        for name, value, known in (
            ("norm", self.norm, Norm),
            ("space", self.space, Space),
            ("step_std", self.step_std, StepStd),
            ("stop", self.stop, Stop),
        ):
            if value not in get_args(known):
                raise ValueError(f"Attack {name} {value!r} is none of {', '.join(get_args(known))}.")
        if not (math.isfinite(self.step) and self.step > 0):
            raise ValueError(f"An attack's step of {self.step} goes nowhere; give a positive number.")
        if not 1 <= self.steps <= 10_000:
            raise ValueError(f"An attack of {self.steps} steps; give 1 to 10,000.")
        if self.radius is not None and not (math.isfinite(self.radius) and self.radius > 0):
            raise ValueError(f"An attack's radius of {self.radius} leaves no room; give a positive number.")
        if self.grid and self.norm == "linf" and self._largest_level() < 0.5:
            raise ValueError(
                f"A step of {self.step:g} is {self._largest_level():.3g} grey levels: on the 8-bit grid "
                "(grid) nothing would ever change. Give space pixel and a step of 1/255 or more, or no grid."
            )

    def _largest_level(self) -> float:
        # The model's own deviation is not known here; ImageNet's tells the order of magnitude.
        return self.step * 255 * (max(IMAGENET_STD) if self.space == "normalised" else 1.0)

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON; `from_dict` gives the same object back."""
        return asdict(self)

    @classmethod
    def from_dict(cls, plain: Mapping[str, Any]) -> AttackParameters:
        """The inverse of `to_dict`; an unknown key is named in the error."""
        known = {field.name for field in fields(cls)}
        if unknown := sorted(set(plain) - known):
            raise ValueError(f"An attack has no {', '.join(unknown)}; it has {', '.join(sorted(known))}.")
        return cls(**plain)


def unit_of_space(parameters: AttackParameters, recipe: Preprocessing) -> tuple[float, float, float]:
    """How far one unit of the attack's space is in pixel values of [0, 1]: red, green, blue.

    A grey network sees one channel: its pictures are changed by the same amount in all three, so that grey
    pictures stay grey; of ImageNet's three deviations it takes the mean that its grey level takes.
    """
    if parameters.space == "pixel":
        return (1.0, 1.0, 1.0)
    if parameters.step_std == "imagenet":
        if recipe.channel_order == "grey":
            mean = sum(weight * std for weight, std in zip(LUMA, IMAGENET_STD, strict=True))
            return (mean, mean, mean)
        return IMAGENET_STD
    own = [std / (recipe.scale * 255.0) for std in recipe.std]
    if recipe.channel_order == "grey":
        return (own[0], own[0], own[0])
    red, green, blue = reversed(own) if recipe.channel_order == "bgr" else own
    return (red, green, blue)


def step_in_grey_levels(parameters: AttackParameters, recipe: Preprocessing) -> tuple[float, float, float]:
    """One step's length in grey levels of 255 (red, green, blue); with l2 of the whole picture's change."""
    red, green, blue = (parameters.step * unit * 255.0 for unit in unit_of_space(parameters, recipe))
    return (red, green, blue)
