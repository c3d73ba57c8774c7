"""The figure of a stability study: stability before and after people looked at the flips."""

from __future__ import annotations

from collections.abc import Mapping

from studyapp.exports.figures import Bar, BarGroups, Figure, Group
from studyapp.exports.stability_tables import ALL_SETTINGS, HELD, RECTIFIED
from studyapp.exports.table_rows import Cells, as_pair, as_share, distinct, named_rows, percent
from studyapp.exports.tabular import Table

# More settings than these are not told apart side by side: then only the means are drawn.
MOST_GROUPS = 10


def stability_figures(tables: Mapping[str, Table], caption: str) -> tuple[Figure | None, ...]:
    """The figures that the tables of a stability study allow."""
    return (_stability(tables[RECTIFIED], caption),)


def _stability(table: Table, caption: str) -> Figure | None:
    rows = [row for row in named_rows(table) if as_share(row["rectified_stability"]) is not None]
    if not rows:
        return None
    if len(rows) > MOST_GROUPS:
        rows = [row for row in rows if row["setting"] == ALL_SETTINGS] or rows[:MOST_GROUPS]
    several = len(distinct(rows, "classifier")) > 1
    arms = len(distinct(rows, "arm")) > 1
    groups = tuple(
        Group(
            _label(row, classifier=several, arm=arms),
            (
                Bar(as_share(row["stability"]), as_pair(row["stability_interval"])),
                Bar(
                    as_share(row["rectified_stability"]),
                    as_pair(row["rectified_stability_interval"]),
                    as_pair(row["rectified_stability_bounds"]),
                ),
            ),
        )
        for row in rows
    )
    said = "; ".join(
        f"{group.label.replace(chr(10), ' ')}: {percent(group.bars[0].value)} before, "
        f"{percent(group.bars[1].value)} after"
        for group in groups
    )
    return Figure(
        RECTIFIED,
        "How many predictions stay, before and after people looked at the flips",
        f"Share of all images, 95 % intervals ({HELD}); rectified: flips whose new label people find "
        f"relevant count as stable; hatched: open to undecided questions. {caption}",
        BarGroups(
            series=("raw", "rectified"),
            groups=groups,
            x_label="",
            y_label="predictions that stay (%)",
            first_is_before=True,
        ),
        alternative=f"Bars of the stability in percent: {said}.",
    )


def _label(row: Cells, *, classifier: bool, arm: bool) -> str:
    setting = "all" if row["setting"] == ALL_SETTINGS else str(row["setting"])
    parts = [str(row["classifier"])] if classifier else []
    parts += [setting]
    parts += [f"({row['arm']})"] if arm else []
    return "\n".join(parts)
