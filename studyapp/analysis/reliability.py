"""How far participants agree with one another beyond chance."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from studyapp.analysis.arrays import IntArray
from studyapp.analysis.withheld import Withheld


@dataclass(frozen=True, slots=True)
class Reliability:
    """Agreement on one way of coding the answers; `questions` with at least two answers went in."""

    questions: int
    alpha: float | Withheld
    fleiss_kappa: float | Withheld
    percent_agreement: float | Withheld


def reliability(counts: IntArray) -> Reliability:
    """Krippendorff's alpha (nominal), Fleiss' kappa and percent agreement from value counts [Q, V].

    Units with fewer than two answers say nothing about agreement and are left out. Kappa (Fleiss 1971)
    is withheld unless every unit has the same number of answers; alpha (Krippendorff 2011) allows any.
    """
    units = counts[counts.sum(axis=1) >= 2]
    if not len(units):
        nothing = Withheld("no question has two answers")
        return Reliability(0, nothing, nothing, nothing)
    if int((units.sum(axis=0) > 0).sum()) < 2:
        same = Withheld("every answer is the same, so agreement by chance is undefined")
        return Reliability(len(units), same, same, percent_agreement(units))
    import krippendorff

    return Reliability(
        questions=len(units),
        alpha=float(krippendorff.alpha(value_counts=units, level_of_measurement="nominal")),
        fleiss_kappa=_constant_kappa(units),
        percent_agreement=percent_agreement(units),
    )


def positive_counts(counts: IntArray, positive_codes: IntArray) -> IntArray:
    """[Q, 2] from [Q, V]: the positive answers against all others."""
    positive = counts[:, positive_codes].sum(axis=1)
    return np.stack([counts.sum(axis=1) - positive, positive], axis=1)


def percent_agreement(units: IntArray) -> float:
    """Mean over units [Q, V] of the share of pairs of answers that are equal, in [0, 1]."""
    received = units.sum(axis=1)
    equal = (units * (units - 1)).sum(axis=1)
    return float((equal / (received * (received - 1))).mean())


def _constant_kappa(units: IntArray) -> float | Withheld:
    received = units.sum(axis=1)
    if int(received.min()) != int(received.max()):
        return Withheld(
            f"questions have {int(received.min())} to {int(received.max())} answers; "
            "Fleiss' kappa needs the same number for each"
        )
    # Imported late: statsmodels brings pandas, which would double the start of every process.
    from statsmodels.stats.inter_rater import fleiss_kappa

    return float(fleiss_kappa(units))
