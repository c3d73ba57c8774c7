"""The bootstrap draws as they came out, so that every interval can be checked without a new draw."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from studyapp.exports.arm_results import ArmResults
from studyapp.exports.cells import ARM
from studyapp.exports.tabular import Column
from studyapp.exports.writing import rounded

COLUMNS = (
    ARM,
    Column(
        "set", "Columns of one set were drawn together; pairs of a sampled study have their own.", "count"
    ),
    Column("quantity", "What was resampled: the classifier and its error; filtered: without exclusions."),
    Column("draw", "Number of the draw, from 1.", "count"),
    Column("estimate", "The error in this draw.", "share", "fraction of 1"),
)


def replicate_rows(arms: Sequence[ArmResults]) -> Iterator[tuple[str | int | float, ...]]:
    """One row per draw and quantity, in the order of `COLUMNS`."""
    for arm in arms:
        sets = [("", draws) for draws in arm.results.draws]
        if arm.filtered is not None:
            sets += [("filtered, ", draws) for draws in arm.filtered.results.draws]
        for number, (which, draws) in enumerate(sets, start=1):
            for place, name in enumerate(draws.names):
                for draw, estimate in enumerate(draws.estimates[:, place].tolist(), start=1):
                    yield arm.arm, number, f"{which}{name}", draw, rounded(estimate)
