"""The figure of a probe of small transformations: three curves over size, for translation and for scale.

The three stacked curves are those that Azulay and Weiss's published code draws.
"""

from __future__ import annotations

from collections.abc import Sequence

from studyapp.exports.figures import Bar, Figure, Line, Lines, Stack
from studyapp.exports.transform_tables import TransformFacts

CURVES = "small_transformations"
AXES = (("translation", "one pixel along the diagonal"), ("scale", "one pixel of size"))
METRICS = (
    ("change", "P(top-1 change) (%)"),
    ("absolute", "mean abs. change (%)"),
    ("accuracy", "top-1 (%)"),
)


def transform_figures(facts: TransformFacts) -> tuple[Figure, ...]:
    """The curves; nothing where no size or no image was probed."""
    stated = facts.run.parameters
    if not stated["sizes"] or not facts.run.images:
        return ()
    of = "the frame's side" if stated["protocol"] == "embed" else "the picture's side"
    rows = tuple(
        tuple(
            Lines(
                lines=tuple(_line(facts, place, axis, metric) for place in range(len(facts.classifiers))),
                x_label=f"size (share of {of})",
                y_label=label,
            )
            for axis, _ in AXES
        )
        for metric, label in METRICS
    )
    said = "; ".join(
        f"{line.series} {100 * max(bar.value or 0.0 for _, bar in line.points):.1f} %"
        for line in rows[0][0].lines
    )
    figure = Figure(
        CURVES,
        "Predictions of pictures one pixel apart",
        f"{facts.what[:1].upper()}{facts.what[1:]}. {stated['pairs']} pairs at each size of each of "
        f"{facts.run.images:,} images of {facts.run.dataset.name}: how often the top-1 changes, how much the "
        "probability of the first picture's top-1 does, how often the first picture's top-1 is the label. "
        "Bands: 95 % intervals over images.",
        Stack(columns=tuple(title for _, title in AXES), rows=rows),
        alternative=f"Three stacked curves over size. Most changed top-1 when moved by a pixel: {said}.",
    )
    return (figure,)


def _line(facts: TransformFacts, place: int, axis: str, metric: str) -> Line:
    each = facts.classifiers[place]
    points = tuple(
        (float(at["size"]), _bar(at[metric])) for at in each.summary["sizes"] if at["axis"] == axis
    )
    return Line(each.classifier.name, tuple(sorted(points, key=lambda point: point[0])))


def _bar(cell: Sequence[float | None]) -> Bar:
    value, low, high = cell
    return Bar(value, (low, high) if low is not None and high is not None else None)
