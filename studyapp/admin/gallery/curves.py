"""The progressive explanation path as points of a small drawing."""

from __future__ import annotations

from dataclasses import dataclass

from studyapp.models import Explanation

WIDTH, HEIGHT = 240, 96


@dataclass(frozen=True, slots=True)
class Curve:
    """Probability of the class by the k heaviest superpixels: points for an SVG polyline, and the numbers.

    `area` is the mean probability along the path, in [0, 1].
    """

    points: str
    steps: int
    first: float
    last: float
    area: float | None


def path_curve(explanation: Explanation | None) -> Curve | None:
    """The curve of an explanation's path; None where none is stored."""
    values = [float(value) for value in explanation.path] if explanation is not None else []
    if explanation is None or len(values) < 2:
        return None
    step = WIDTH / (len(values) - 1)
    points = " ".join(
        f"{number * step:.1f},{HEIGHT * (1 - min(max(value, 0.0), 1.0)):.1f}"
        for number, value in enumerate(values)
    )
    return Curve(points, len(values), values[0], values[-1], explanation.path_area)
