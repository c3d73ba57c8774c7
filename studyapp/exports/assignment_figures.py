"""Figures of an assignment study: success by condition and over time, with chance, and the answers' times."""

from __future__ import annotations

from collections.abc import Mapping

from studyapp.exports.figures import Bar, BarGroups, Figure, Group, Line, Lines
from studyapp.exports.table_rows import as_pair, as_share, named_rows, percent
from studyapp.exports.tabular import Table

SUCCESS = "assignment_success"
OVER_TIME = "assignment_over_time"
SECONDS = "assignment_seconds"


def assignment_figures(tables: Mapping[str, Table], caption: str) -> tuple[Figure | None, ...]:
    """The figures that the tables of an assignment study allow."""
    return (
        _success(tables["assignment_success"], caption),
        _over_time(tables["assignment_over_time"], tables["assignment_success"], caption),
        _seconds(tables["assignment_seconds"], caption),
    )


def _success(table: Table, caption: str) -> Figure | None:
    rows = [row for row in named_rows(table) if as_share(row["all_success_rate"]) is not None]
    if not rows:
        return None
    groups = tuple(
        Group(
            str(row["arm"]),
            (
                Bar(as_share(row["all_success_rate"]), as_pair(row["all_success_rate_interval"])),
                Bar(as_share(row["success_rate"]), as_pair(row["success_rate_interval"])),
            ),
            as_share(row["chance"]),
        )
        for row in rows
    )
    said = "; ".join(f"{row['arm']} {percent(as_share(row['success_rate']))}" for row in rows)
    return Figure(
        SUCCESS,
        "How often people found the group of the target",
        f"Share of the answers, 95 % Wilson intervals; dashed: chance. {caption}",
        BarGroups(
            series=("all answers", "within the window"),
            groups=groups,
            x_label="",
            y_label="success (%)",
            null_label="chance",
            first_is_before=True,
        ),
        alternative=f"Bars of the success rate within the window: {said}.",
    )


def _over_time(table: Table, success: Table, caption: str) -> Figure | None:
    rows = [row for row in named_rows(table) if as_share(row["success_rate"]) is not None]
    if len(rows) < 2:
        return None
    points = tuple(
        (
            _middle(str(row["trials"])),
            Bar(as_share(row["success_rate"]), as_pair(row["success_rate_interval"])),
        )
        for row in rows
    )
    said = "; ".join(f"trials {row['trials']} {percent(as_share(row['success_rate']))}" for row in rows)
    return Figure(
        OVER_TIME,
        "Success over time on task",
        "Share of the answers within the window, all conditions, at places among a person's own trials; "
        f"band: 95 % Wilson intervals. {caption}",
        Lines(
            lines=(Line("all conditions", points),),
            x_label="place among a person's trials",
            y_label="success (%)",
            null=as_share(success.cells("chance")[0]),
            null_label="chance",
        ),
        alternative=f"Line of the success rate over a person's own trials: {said}.",
    )


def _middle(trials: str) -> float:
    first, last = trials.split("\u2013")
    return (int(first) + int(last)) / 2


def _seconds(table: Table, caption: str) -> Figure | None:
    rows = list(named_rows(table))
    if not rows:
        return None
    groups = tuple(
        Group(
            str(row["seconds"]).split("\u2013")[0],
            (Bar(as_share(row["share"])), Bar(as_share(row["kept_share"]))),
        )
        for row in rows
    )
    return Figure(
        SECONDS,
        "Times of the answers and the window",
        f"Share of the answers with a known time, the last step open. {caption}",
        BarGroups(
            series=("all answers", "within the window"),
            groups=groups,
            x_label="seconds from",
            y_label="answers (%)",
            first_is_before=True,
        ),
        alternative="Histogram of the times of the answers, and of those within the window.",
    )
