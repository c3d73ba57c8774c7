"""Errors before and after rectification within groups of categories (dogs, vehicles, ...)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from studyapp.analysis.arrays import IntArray
from studyapp.analysis.intervals import Rate, wilson_rate
from studyapp.analysis.rectified import OutcomeColumn
from studyapp.analysis.withheld import Withheld


@dataclass(frozen=True, slots=True)
class GroupErrors:
    """One group's images that are errors by the dataset's label, and after rectification."""

    group: str
    standard: Rate
    rectified: Rate | Withheld


def errors_by_group(
    standard: OutcomeColumn, rectified: OutcomeColumn, groups: IntArray, names: tuple[str, ...]
) -> tuple[GroupErrors, ...]:
    """One row per group, in the order of `names`; `groups` [N] holds indices into it, -1 for none."""
    rows = []
    for index, name in enumerate(names):
        members = groups == index
        size = int(members.sum())
        after: Rate | Withheld
        if rectified.stratum is not None:
            after = Withheld("a sample was drawn for all groups together, not for each")
        else:
            after = wilson_rate(int(np.sum(rectified.values[members])), size)
        rows.append(GroupErrors(name, wilson_rate(int(np.sum(standard.values[members])), size), after))
    return tuple(rows)
