"""Small drawings on the explanations' pages: where each bar stands, computed before a template draws it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

WIDTH, HEIGHT = 320, 72
SMALL_WIDTH, SMALL_HEIGHT = 100, 24


@dataclass(frozen=True, slots=True)
class Mark:
    """A bar in the units of the drawing; `kind`: "for" or "against" the class, or "plain"."""

    x: float
    y: float
    width: float
    height: float
    kind: str
    shown: bool
    words: str


@dataclass(frozen=True, slots=True)
class Marks:
    """Bars, and where zero lies."""

    bars: tuple[Mark, ...]
    zero: float
    width: int
    height: int


def weight_marks(weights: Sequence[float], shown: int) -> Marks | None:
    """Weights by descending value, the first `shown` positive ones marked; None where all are zero."""
    largest = max((abs(weight) for weight in weights), default=0.0)
    if largest == 0:
        return None
    order = sorted(range(len(weights)), key=lambda label: -weights[label])
    top, low = max(weights), min(0.0, *weights)
    unit = HEIGHT / (max(top, 0.0) - low)
    zero = max(top, 0.0) * unit
    step = min(WIDTH / len(weights), 16.0)
    bars = []
    for place, label in enumerate(order):
        weight = weights[label]
        height = abs(weight) * unit
        bars.append(
            Mark(
                x=round(place * step, 2),
                y=round(zero - height if weight > 0 else zero, 2),
                width=round(max(step - 1, 0.7 * step), 2),
                height=round(height, 2),
                kind="for" if weight > 0 else "against",
                shown=weight > 0 and place < shown,
                words=f"superpixel {label}: {weight:+.4f}",
            )
        )
    return Marks(tuple(bars), round(zero, 2), WIDTH, HEIGHT)


def fit_marks(histogram: Sequence[int]) -> Marks | None:
    """A histogram as a mark beside a row; None without one."""
    top = max(histogram, default=0)
    if not top:
        return None
    step = SMALL_WIDTH / len(histogram)
    bars = tuple(
        Mark(
            x=round(place * step, 2),
            y=round(SMALL_HEIGHT * (1 - count / top), 2),
            width=round(step - 1, 2),
            height=round(SMALL_HEIGHT * count / top, 2),
            kind="plain",
            shown=True,
            words=f"R² {place / len(histogram):.1f} to {(place + 1) / len(histogram):.1f}: {count:,}",
        )
        for place, count in enumerate(histogram)
        if count
    )
    return Marks(bars, SMALL_HEIGHT, SMALL_WIDTH, SMALL_HEIGHT)
