"""Figures of arms: how often people agree in each, what that makes of the accuracy, and how they differ."""

from __future__ import annotations

from collections.abc import Mapping

from studyapp.analysis.withheld import Bounds
from studyapp.exports.figures import Bar, BarGroups, DotRow, Dots, Figure, Group
from studyapp.exports.table_rows import Cells, as_pair, as_share, distinct, named_rows, percent, series_name
from studyapp.exports.tabular import Table

AGREEMENT = "agreement_by_arm"
ACCURACY = "accuracy_by_arm"
DIFFERENCES = "arm_differences"

_OF_ANSWERS, _OF_IMAGES = "of the answers", "of the images"


def arm_figures(tables: Mapping[str, Table], caption: str) -> tuple[Figure | None, ...]:
    """The figures that the tables of arms allow."""
    return (
        _agreement(tables["adversarial_agreement"], caption),
        _accuracy(tables["adversarial_accuracy"], caption),
        _differences(tables["arm_pairs"], caption),
    )


def _agreement(table: Table, caption: str) -> Figure | None:
    """Both readings of "people agree", arm by arm."""
    rows = list(named_rows(table))
    if not any(isinstance(row["agreed_share"], float) for row in rows):
        return None
    points = []
    for row in rows:
        name = series_name(row, rows) if len(distinct(rows, "classifier")) > 1 else str(row["arm"])
        answers = row["positive_share"]
        points += [
            DotRow(
                f"{name}, {_OF_ANSWERS}",
                _OF_ANSWERS,
                Bar(None, bounds=(answers.low, answers.high))
                if isinstance(answers, Bounds)
                else Bar(as_share(answers), as_pair(row["positive_share_interval"])),
            ),
            DotRow(
                f"{name}, {_OF_IMAGES}",
                _OF_IMAGES,
                Bar(
                    as_share(row["agreed_share"]),
                    as_pair(row["agreed_share_interval"]),
                    _open(as_pair(row["agreed_bounds"])),
                ),
            ),
        ]
    said = "; ".join(
        f"{row['arm']} {percent(as_share(row['positive_share']))} of the answers and "
        f"{percent(as_share(row['agreed_share']))} of the images"
        for row in rows
    )
    return Figure(
        AGREEMENT,
        "How often people agree with the classifier",
        "Share of positive answers (intervals over images) and of images that reach the agreement (Wilson), "
        f"95 %; grey: open to undecided questions. {caption}",
        Dots((_OF_ANSWERS, _OF_IMAGES), tuple(points), "agreement (%)", label_inches=_width(points)),
        alternative=f"Points of the agreement in percent: {said}.",
    )


def _accuracy(table: Table, caption: str) -> Figure | None:
    """Table 2 over the attacked images: as labelled, and with people's agreement in each arm."""
    rows = [
        row
        for row in named_rows(table)
        if row["images_of"] == "attacked" and isinstance(row["rectified_top1_accuracy"], float)
    ]
    if not rows:
        return None
    arms = distinct(rows, "arm")
    groups = []
    for classifier in distinct(rows, "classifier"):
        mine = {row["arm"]: row for row in rows if row["classifier"] == classifier}
        first = next(iter(mine.values()))
        bars = [
            Bar(as_share(first["standard_top1_accuracy"]), as_pair(first["standard_top1_accuracy_interval"]))
        ]
        bars += [_rectified(mine.get(arm)) for arm in arms]
        groups.append(Group(classifier, tuple(bars)))
    total = rows[0]["images"]
    said = "; ".join(
        f"{row['classifier']}, {row['arm']} {percent(as_share(row['standard_top1_accuracy']))} before and "
        f"{percent(as_share(row['rectified_top1_accuracy']))} after people looked"
        for row in rows
    )
    counted = f" ({total})" if len(groups) == 1 else ""
    return Figure(
        ACCURACY,
        "Top-1 accuracy of attacked images, before and after people looked",
        f"Share of the attacked images{counted}, all of which were right before the attack; 95 % intervals; "
        f"hatched: open to undecided questions. {caption}",
        BarGroups(
            series=("after the attack", *(f"rectified, {arm}" for arm in arms)),
            groups=tuple(groups),
            x_label="",
            y_label="top-1 accuracy (%)",
            first_is_before=True,
        ),
        alternative=f"Bars of the accuracy in percent: {said}.",
    )


def _rectified(row: Cells | None) -> Bar:
    if row is None:
        return Bar(None)
    return Bar(
        as_share(row["rectified_top1_accuracy"]),
        as_pair(row["rectified_top1_accuracy_interval"]),
        as_pair(row["rectified_top1_bounds"]),
    )


def _differences(table: Table, caption: str) -> Figure | None:
    """Paired differences of acceptance and of positive answers, with the line of no difference."""
    rows = [row for row in named_rows(table) if isinstance(row["acceptance_difference"], float)]
    if not rows:
        return None
    several = len(distinct(rows, "classifier")) > 1
    points = []
    for row in rows:
        name = f"{row['first']} \u2212 {row['second']}" + (f", {row['classifier']}" if several else "")
        points += [
            DotRow(
                f"{name}, {label}",
                label,
                Bar(as_share(row[column]), as_pair(row[f"{column}_interval"])),
            )
            for column, label in (("answers_difference", _OF_ANSWERS), ("acceptance_difference", _OF_IMAGES))
            if isinstance(row[column], float)
        ]
    said = "; ".join(
        f"{row['first']} minus {row['second']} {percent(as_share(row['acceptance_difference']))}"
        for row in rows
    )
    return Figure(
        DIFFERENCES,
        "How the arms differ on the same images",
        "Agreement in the first arm minus that in the second, over the images judged in both; 95 % intervals "
        f"from shared draws of the images. {caption}",
        Dots(
            tuple(name for name in (_OF_ANSWERS, _OF_IMAGES) if any(p.series == name for p in points)),
            tuple(points),
            "difference (points of percent)",
            label_inches=_width(points),
        ),
        alternative=f"Points of paired differences of the images agreed: {said}.",
    )


def _open(bounds: tuple[float, float] | None) -> tuple[float, float] | None:
    """Bounds that leave something open."""
    return bounds if bounds is not None and bounds[0] < bounds[1] else None


def _width(points: list[DotRow]) -> float:
    """Inches for the longest label, as the sensitivity figure has them."""
    return 0.35 + 0.068 * max(len(point.label) for point in points)
