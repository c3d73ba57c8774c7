"""What the same rule accepts when it should not, and when it should (science.md, null calibration).

Only mistakes are reviewed, so a rectified error can only fall, and people tend to say yes. Foils (labels
that should be rejected) and dataset labels of correctly classified images (that should be accepted) show
how much of the fall is that tendency.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import ndtri

from studyapp.analysis.arrays import FloatArray, IntArray
from studyapp.analysis.intervals import Interval, Rate, percentile, wilson_rate
from studyapp.analysis.verdicts import Verdict
from studyapp.analysis.withheld import Withheld


@dataclass(frozen=True, slots=True)
class ControlAcceptance:
    """Agreed among the decided controls of one kind, and how many are still undecided."""

    accepted: Rate
    undecided: int


@dataclass(frozen=True, slots=True)
class Sensitivity:
    """d' and criterion c of the rule, with the log-linear correction (Hautus 1995)."""

    d_prime: float
    criterion: float


@dataclass(frozen=True, slots=True)
class NullCalibration:
    """The rule's acceptance of foils and of dataset labels, and its signal-detection measures."""

    foils: ControlAcceptance
    dataset_labels: ControlAcceptance
    sensitivity: Sensitivity | Withheld


@dataclass(frozen=True, slots=True)
class CorrectedError:
    """The rectified error with the acceptance of mistakes corrected for false and missed acceptances.

    `acceptable_share`: the estimated share of the reviewed mistakes whose label is relevant.
    """

    error: float
    interval: Interval | Withheld
    acceptable_share: float


def control_acceptance(verdicts: IntArray, questions: IntArray) -> ControlAcceptance:
    """Agreed of decided over the controls `questions` (indices)."""
    outcome = verdicts[questions]
    agreed = int((outcome == Verdict.AGREED).sum())
    rejected = int((outcome == Verdict.REJECTED).sum())
    return ControlAcceptance(wilson_rate(agreed, agreed + rejected), len(outcome) - agreed - rejected)


def null_calibration(verdicts: IntArray, *, foil: IntArray, dataset_label: IntArray) -> NullCalibration:
    """Acceptance of both kinds of controls, d' and criterion."""
    foils = control_acceptance(verdicts, foil)
    labels = control_acceptance(verdicts, dataset_label)
    return NullCalibration(foils, labels, sensitivity_index(labels.accepted, foils.accepted))


def sensitivity_index(hits: Rate, false_alarms: Rate) -> Sensitivity | Withheld:
    """d' = z(H) - z(F) and c = -(z(H) + z(F))/2, with H = (hits + 0.5)/(labels + 1) and F alike.

    The log-linear correction (Hautus 1995) is always applied, so rates of 0 and 1 stay finite.
    """
    if hits.total == 0 or false_alarms.total == 0:
        return Withheld("needs decided controls of both kinds, foils and dataset labels")
    hit = float(ndtri((hits.count + 0.5) / (hits.total + 1)))
    false_alarm = float(ndtri((false_alarms.count + 0.5) / (false_alarms.total + 1)))
    return Sensitivity(d_prime=hit - false_alarm, criterion=-(hit + false_alarm) / 2)


def corrected_error(
    calibration: NullCalibration,
    *,
    standard_error: float,
    accepted_error: float,
    reviewable_error: float,
    standard_draws: FloatArray,
    accepted_draws: FloatArray,
    reviewable_draws: FloatArray,
    rng: np.random.Generator,
) -> CorrectedError | Withheld:
    """Rectified error after Rogan & Gladen (1978).

    Of the reviewed mistakes (`reviewable_error` as a fraction of all images) the share a is accepted
    (`accepted_error` = a * reviewable). With foil acceptance f and label acceptance h, the share that
    deserves acceptance is (a - f)/(h - f), clipped to [0, 1]. The `_draws` [B] are bootstrap replicates of
    the same three fractions; h and f are redrawn as binomials. Withheld where h <= f: then acceptance says
    nothing about relevance.
    """
    foils, labels = calibration.foils.accepted, calibration.dataset_labels.accepted
    if foils.share is None or labels.share is None:
        return Withheld("needs decided controls of both kinds, foils and dataset labels")
    if reviewable_error == 0:
        return Withheld("no mistake was reviewed")
    if foils.share >= labels.share:
        return Withheld(
            f"foils are accepted as often as dataset labels ({foils.share:.1%} against {labels.share:.1%}): "
            "acceptance does not tell relevant labels from irrelevant ones"
        )
    accepted = accepted_error / reviewable_error
    share = float(np.clip((accepted - foils.share) / (labels.share - foils.share), 0, 1))
    size = len(standard_draws)
    false = rng.binomial(foils.total, foils.share, size=size) / foils.total
    true = rng.binomial(labels.total, labels.share, size=size) / labels.total
    defined = (true > false) & (reviewable_draws > 0)
    if defined.mean() < 0.975:
        interval: Interval | Withheld = Withheld(
            "too few controls: in more than 2.5 % of the draws foils are accepted as often as dataset labels"
        )
    else:
        ratio = accepted_draws[defined] / reviewable_draws[defined]
        shares = np.clip((ratio - false[defined]) / (true - false)[defined], 0, 1)
        interval = percentile(standard_draws[defined] - reviewable_draws[defined] * shares)
    return CorrectedError(standard_error - reviewable_error * share, interval, share)
