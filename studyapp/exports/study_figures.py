"""The figures of a study, made from its tables: the same values, no second computation."""

from __future__ import annotations

from collections.abc import Mapping

from studyapp.analysis.withheld import Bounds
from studyapp.exports.arm_figures import arm_figures
from studyapp.exports.assignment_figures import assignment_figures
from studyapp.exports.audit_figures import audit_figures
from studyapp.exports.choice_figures import choice_figures
from studyapp.exports.display import count_shown
from studyapp.exports.figures import Bar, BarGroups, DotRow, Dots, Figure, Group
from studyapp.exports.same_content_figures import same_content_figures
from studyapp.exports.stability_figures import stability_figures
from studyapp.exports.table_rows import (
    Cells,
    as_number,
    as_pair,
    as_share,
    distinct,
    named_rows,
    percent,
    series_name,
    series_of,
)
from studyapp.exports.tabular import Table

ERRORS = "errors_before_and_after"
HISTOGRAM = "positive_answers"
RULES = "sensitivity"
TOP5 = "top5_errors"


def study_figures(tables: Mapping[str, Table], *, caption: str) -> tuple[Figure, ...]:
    """The figures that these tables allow; `caption` states answers, rule and protocol."""
    attacked = bool(tables["adversarial_agreement"].rows)
    figures = (
        *assignment_figures(tables, caption),
        *audit_figures(tables, caption),
        *choice_figures(tables, caption),
        *stability_figures(tables, caption),
        *same_content_figures(tables, caption),
        # Of attacked images every label shown is wrong: what errors become is in the accuracy's figure.
        None if attacked else _errors(tables["rectified_error"], caption),
        _histogram(tables["positive_answers"], caption, "adversarial images" if attacked else "mistakes"),
        *arm_figures(tables, caption),
        _top5(tables["top5_error"], caption),
        _sensitivity(
            tables["sensitivity"], caption, "the attacked images shown" if attacked else "all images"
        ),
    )
    return tuple(figure for figure in figures if figure is not None)


def _errors(table: Table, caption: str) -> Figure | None:
    """The bar figure: every classifier before and after."""
    rows = [row for row in named_rows(table) if isinstance(row["rectified_top1_error"], float)]
    if not rows:
        return None
    arms = distinct(rows, "arm")
    series = ("standard", *(("rectified",) if len(arms) == 1 else (f"rectified, {arm}" for arm in arms)))
    groups = []
    for classifier in distinct(rows, "classifier"):
        mine = {row["arm"]: row for row in rows if row["classifier"] == classifier}
        first = next(iter(mine.values()))
        bars = [Bar(as_share(first["standard_top1_error"]), as_pair(first["standard_top1_interval"]))]
        for arm in arms:
            row = mine.get(arm)
            bars.append(
                Bar(None)
                if row is None
                else Bar(
                    as_share(row["rectified_top1_error"]),
                    as_pair(row["rectified_top1_interval"]),
                    as_pair(row["rectified_top1_bounds"]),
                )
            )
        groups.append(Group(str(classifier), tuple(bars), _null(first)))
    null = any(group.null is not None for group in groups)
    said = "; ".join(
        f"{group.label} {percent(group.bars[0].value)} before, {percent(group.bars[1].value)} after"
        for group in groups
    )
    dashes = " Dashed: what would be left if mistakes were accepted as readily as foils." if null else ""
    return Figure(
        ERRORS,
        "Top-1 error before and after people looked",
        f"Share of all images, 95 % intervals; hatched: open to undecided questions.{dashes} {caption}",
        BarGroups(
            series=series,
            groups=tuple(groups),
            x_label="",
            y_label="top-1 error (%)",
            null_label="as readily\nas foils" if null else "",
            first_is_before=True,
        ),
        alternative=f"Bars of the top-1 error in percent: {said}.",
    )


def _null(row: Cells) -> float | None:
    """The error left if every mistake were accepted with the foils' acceptance."""
    foils = row["foil_acceptance"]
    return as_number(row["standard_top1_error"]) * (1 - foils) if isinstance(foils, float) else None


def _histogram(table: Table, caption: str, unit: str) -> Figure | None:
    """The paper's Fig. 2 and Fig. 4: positive answers 0..n, one series per classifier and arm."""
    rows = list(named_rows(table))
    shares = [row["share"] for row in rows]
    if not any(isinstance(share, float | Bounds) for share in shares):
        return None
    series = series_of(rows)
    levels = sorted({int(as_number(row["positive"])) for row in rows})
    by_place = {(series_name(row, rows), row["positive"]): row for row in rows}
    groups = tuple(
        Group(str(level), tuple(_histogram_bar(by_place[name, level]) for name in series)) for level in levels
    )
    asked = {
        name: sum(int(as_number(by_place[name, level]["mistakes"] or 0)) for level in levels)
        for name in series
        if all(isinstance(by_place[name, level]["mistakes"], int) for level in levels)
    }
    counts = ", ".join(f"{name} n = {count_shown(count)}" for name, count in asked.items())
    bounds = "" if asked else "Hatched: all that the answers allow, because questions were closed early. "
    last = "; ".join(
        f"{name} {percent(as_share(by_place[name, levels[-1]]['share']))} with all positive"
        for name in series
    )
    return Figure(
        HISTOGRAM,
        f"How many people agreed with each {'mistake' if unit == 'mistakes' else 'adversarial image'}",
        f"Share of the {unit} with all their answers ({counts}), 95 % Wilson intervals. {caption}"
        if asked
        else f"{bounds}{caption}",
        BarGroups(
            series=series,
            groups=groups,
            x_label="positive answers",
            y_label=f"{unit} (%)",
        ),
        alternative=f"Histogram of positive answers from {levels[0]} to {levels[-1]}: {last}.",
    )


def _histogram_bar(row: Cells) -> Bar:
    share = row["share"]
    if isinstance(share, Bounds):
        return Bar(None, bounds=(share.low, share.high))
    return Bar(as_share(share), as_pair(row["share_interval"]))


def _top5(table: Table, caption: str) -> Figure | None:
    """Top-5: standard, variant A, variant B."""
    rows = list(named_rows(table))
    if not rows:
        return None
    variants = distinct(rows, "variant")
    groups = []
    for name in series_of(rows):
        mine = [row for row in rows if series_name(row, rows) == name]
        bars = [Bar(as_share(mine[0]["standard_top5_error"]), as_pair(mine[0]["standard_top5_interval"]))]
        bars += [
            Bar(
                as_share(row["rectified_top5_error"]),
                as_pair(row["rectified_top5_interval"]),
                as_pair(row["rectified_top5_bounds"]),
            )
            for row in mine
        ]
        groups.append(Group(name, tuple(bars)))
    return Figure(
        TOP5,
        "Top-5 error before and after people looked",
        "Share of all images, 95 % intervals; A: lists of every top-1 mistake, B: only where the "
        f"dataset\u2019s label is not in the list; hatched: open to undecided questions. {caption}",
        BarGroups(
            series=("standard", *(f"rectified {variant}" for variant in variants)),
            groups=tuple(groups),
            x_label="",
            y_label="top-5 error (%)",
            first_is_before=True,
        ),
        alternative="Bars of the top-5 error in percent before and after rectification.",
    )


def _sensitivity(table: Table, caption: str, images: str) -> Figure | None:
    """The rectified error under every rule, as points."""
    rows = [row for row in named_rows(table) if isinstance(row["rectified_top1_error"], float | Bounds)]
    if not rows:
        return None
    series = series_of(rows)
    points = []
    for row in rows:
        name = series_name(row, rows)
        value = row["rectified_top1_error"]
        label = str(row["rule"]) if len(series) == 1 else f"{name}, {row['rule']}"
        bar = (
            Bar(None, bounds=(value.low, value.high))
            if isinstance(value, Bounds)
            else Bar(as_share(value), as_pair(row["rectified_top1_interval"]))
        )
        points.append(DotRow(label, name, bar))
    longest = max(len(point.label) for point in points)
    return Figure(
        RULES,
        "Rectified top-1 error under other rules",
        f"Share of {images}, 95 % intervals; grey: bounds where answers are missing. {caption}",
        Dots(series, tuple(points), "rectified top-1 error (%)", label_inches=0.35 + 0.068 * longest),
        alternative="Points of the rectified top-1 error in percent under each rule.",
    )
