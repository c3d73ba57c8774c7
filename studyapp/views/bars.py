"""Small bar charts as SVG: where each bar stands, computed before the template draws it."""

from __future__ import annotations

from dataclasses import dataclass

from studyapp.services.studies.watching import Timeline
from studyapp.templatetags.formats import moment, number

WIDTH, HEIGHT = 640, 96


@dataclass(frozen=True, slots=True)
class Bar:
    """A bar in the units of the drawing, with the words a pointer sees."""

    x: float
    y: float
    width: float
    height: float
    words: str


@dataclass(frozen=True, slots=True)
class BarChart:
    """Bars from zero up; `top` is what the highest stands for."""

    bars: tuple[Bar, ...]
    top: int
    first: str
    last: str
    width: int = WIDTH
    height: int = HEIGHT


def timeline_chart(timeline: Timeline) -> BarChart | None:
    """Answers over time; None where none carries a time."""
    if not timeline.spans:
        return None
    top = max(span.answers for span in timeline.spans)
    step = min(WIDTH / len(timeline.spans), 24.0)
    # As many bars as fit side by side; a pixel of ground between them where there is room.
    width = max(step - 1, 0.6 * step)
    bars = tuple(
        Bar(
            x=round(index * step, 2),
            y=round(HEIGHT * (1 - span.answers / top), 2),
            width=round(width, 2),
            height=round(HEIGHT * span.answers / top, 2),
            words=f"{moment(span.start)}: {number(span.answers)} answers",
        )
        for index, span in enumerate(timeline.spans)
        if span.answers
    )
    return BarChart(bars, top, moment(timeline.spans[0].start), moment(timeline.spans[-1].start))
