"""Figures of a `same_content` study: how often people see something different against d and g."""

from __future__ import annotations

from collections.abc import Mapping

from studyapp.exports.figures import Bar, Figure, Line, Lines
from studyapp.exports.same_content_tables import CURVE, FLIPS, STAYS
from studyapp.exports.table_rows import Cells, as_number, as_pair, as_share, distinct, named_rows, percent
from studyapp.exports.tabular import Table

# Up to so many settings have a bar each; of more the intervals are a band.
_FEW = 12
_AXES = {
    "hue": ("same_content_hue", "rotations of the hue", "rotation of the hue (degrees)"),
    "saturation": ("same_content_saturation", "gains of the saturation", "gain of the saturation"),
}


def same_content_figures(tables: Mapping[str, Table], caption: str) -> tuple[Figure | None, ...]:
    """The figures that the tables of a `same_content` study allow."""
    rows = [row for row in named_rows(tables[CURVE]) if as_share(row["seen_share"]) is not None]
    return tuple(_figure(rows, axis, caption) for axis in _AXES)


def _figure(rows: list[Cells], axis: str, caption: str) -> Figure | None:
    mine = [row for row in rows if row["axis"] == axis]
    if not mine:
        return None
    name, words, x_label = _AXES[axis]
    lines = tuple(
        Line(
            f"{classifier} {prediction}",
            tuple(
                (
                    as_number(row["amount"]),
                    Bar(as_share(row["seen_share"]), as_pair(row["seen_share_interval"])),
                )
                for row in mine
                if (row["classifier"], row["prediction"]) == (classifier, prediction)
            ),
        )
        for classifier in distinct(mine, "classifier")
        for prediction in (FLIPS, STAYS)
    )
    lines = tuple(line for line in lines if line.points)
    few = len({place for line in lines for place, _ in line.points}) <= _FEW
    decided = sum(int(as_number(row["decided"])) for row in mine)
    said = "; ".join(
        f"{line.series} {percent(min(values))} to {percent(max(values))}"
        for line in lines
        if (values := [bar.value for _, bar in line.points if bar.value is not None])
    )
    return Figure(
        name,
        f"How often people see something different under {words}",
        "Share of the decided questions in which people see something different than in the siblings, where "
        f"the classifier's prediction flips and where it stays ({decided} decided, counted for each "
        f"classifier); {'bars' if few else 'bands'}: 95 % Wilson intervals. {caption}",
        Lines(lines=lines, x_label=x_label, y_label="people see something different (%)", few=few),
        alternative=f"Lines of the share in percent against the {x_label}: {said}.",
    )
