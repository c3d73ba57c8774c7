"""The figure of a bias audit: the rate of every attribute, group beside group."""

from __future__ import annotations

from collections.abc import Mapping

from studyapp.exports.figures import Bar, DotRow, Dots, Figure
from studyapp.exports.table_rows import as_pair, as_share, distinct, named_rows, percent
from studyapp.exports.tabular import Table

RATES = "audit_rates"


def audit_figures(tables: Mapping[str, Table], caption: str) -> tuple[Figure | None, ...]:
    """The figures that the tables of an audit allow."""
    return (_rates(tables["audit_rates"], caption),)


def _rates(table: Table, caption: str) -> Figure | None:
    rows = [row for row in named_rows(table) if as_share(row["rate"]) is not None]
    if not rows:
        return None
    several = len(distinct(rows, "arm")) > 1
    points = tuple(
        DotRow(
            label=f"{row['attribute']}, {row['group']}" + (f" ({row['arm']})" if several else ""),
            series=str(row["group"]),
            bar=Bar(as_share(row["rate"]), as_pair(row["rate_interval"])),
        )
        for row in rows
    )
    longest = max(len(point.label) for point in points)
    said = "; ".join(f"{point.label} {percent(point.bar.value)}" for point in points)
    return Figure(
        RATES,
        "How often each attribute is perceived",
        f"Share of the decided images of each group, 95 % Wilson intervals. {caption}",
        Dots(
            series=distinct(rows, "group"),
            rows=points,
            x_label="images that show it (%)",
            label_inches=min(0.35 + 0.068 * longest, 4.2),
        ),
        alternative=f"Points of the rates of perceived attributes: {said}.",
    )
