"""The figures of a colour probe: E(d), E(g), and where the original's class went."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from studyapp.analysis.intervals import wilson
from studyapp.exports.colour_tables import ColourFacts, op_in_words, rank_label
from studyapp.exports.figures import Bar, BarGroups, Figure, Group, Line, Lines

HUE, SATURATION, RANKS = "hue_curve", "saturation_curve", "original_ranks"
_AXES = {
    "hue": (HUE, "hue rotation d (degrees)", "the hue is turned", (0.0, 360.0)),
    "saturation": (SATURATION, "saturation gain g", "the saturation changes", (1.0,)),
}


def colour_figures(facts: ColourFacts) -> tuple[Figure, ...]:
    """What the grid allows; nothing where no image was probed."""
    if not facts.run.images:
        return ()
    curves = [_curve(facts, axis) for axis in _AXES if _has(facts, axis)]
    ranks = [_ranks(facts)] if any(sum(each.summary["rank_counts"]) for each in facts.classifiers) else []
    return (*curves, *ranks)


def _has(facts: ColourFacts, axis: str) -> bool:
    return any(each[0] == axis for each in facts.run.parameters["grid"])


def _curve(facts: ColourFacts, axis: str) -> Figure:
    name, label, words, originals = _AXES[axis]
    lines = tuple(_line(each.classifier.name, each.summary, axis, originals) for each in facts.classifiers)
    low = "; ".join(
        f"{line.series} falls to {100 * min(bar.value or 0.0 for _, bar in line.points):.1f} %"
        for line in lines
    )
    return Figure(
        name,
        f"How many predictions stay when {words}",
        f"Share of {facts.run.images:,} images of {facts.run.dataset.name} whose top-1 is that of the "
        "original, 95 % Wilson intervals; at the original it is 100 % by definition.",
        Lines(lines=lines, x_label=label, y_label="predictions that stay (%)"),
        alternative=f"Lines over the {label}: {low}.",
    )


def _line(name: str, summary: Mapping[str, Any], axis: str, originals: tuple[float, ...]) -> Line:
    images = int(summary["images"])
    points = [(place, Bar(1.0)) for place in originals]
    for own, amount, share in summary["curve"]:
        if own == axis:
            interval = wilson(round(share * images), images)
            place = float(amount) % 360 if axis == "hue" else float(amount)
            points.append((place, Bar(share, (interval.low, interval.high))))
    return Line(name, tuple(sorted(points, key=lambda point: point[0])))


def _ranks(facts: ColourFacts) -> Figure:
    counts = [each.summary["rank_counts"] for each in facts.classifiers]
    totals = [sum(each) for each in counts]
    groups = tuple(
        Group(
            rank_label(place),
            tuple(
                Bar(each[place] / total if total else None)
                for each, total in zip(counts, totals, strict=True)
            ),
        )
        for place in range(len(counts[0]))
    )
    changed = ", ".join(f"{name} {total:,}" for name, total in zip(facts.names, totals, strict=True))
    return Figure(
        RANKS,
        "Where the original\u2019s class went when the prediction changed",
        f"Share of the changed predictions of all settings ({changed}) by the rank of the original\u2019s "
        f"class, counted from 1. {op_in_words(facts)}",
        BarGroups(
            series=facts.names,
            groups=groups,
            x_label="rank of the original\u2019s class",
            y_label="changed predictions (%)",
        ),
        alternative=f"Histogram of ranks from 2 to beyond 10 over changed predictions: {changed}.",
    )
