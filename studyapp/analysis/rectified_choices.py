"""Choices by shape, raw and rectified: what people say of the decisions for the texture or for neither.

A cue-conflict picture has the shape of one thing and the texture of another (Geirhos et al.,
"ImageNet-trained CNNs are biased towards texture", ICLR 2019). Its label is the shape, so every other choice
of a network is a top-1 error, and people may find what it names relevant for the picture all the same: the
rectified error of Stock and Cissé (ECCV 2018, section 3.1) over the pictures in conflict. That it is done for
cues is this project's own.

With N pictures in conflict, S choices of the shape, T of the texture, O of neither (S + T + O = N) and A of
the T + O that people accept: raw share S/N, rectified share (S + A)/N. A choice that is undecided or not
asked about is not accepted. In a sampled study what is drawn from a stratum stands for all of its choices.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from studyapp.analysis.arrays import BoolArray, FloatArray, IntArray
from studyapp.analysis.evidence import NO_QUESTION
from studyapp.analysis.intervals import Interval, Rate, weighted_rate
from studyapp.analysis.rectified import (
    OutcomeColumn,
    Review,
    column_error,
    column_interval,
    draw_columns,
    rectified_error,
    remaining_errors,
    sampling_design,
)
from studyapp.analysis.shape_texture import Choices
from studyapp.analysis.verdicts import Verdict


@dataclass(frozen=True, slots=True, eq=False)
class ReviewedChoices:
    """One network's choices of n pictures, and what people say of those that are not the shape.

    `verdict` [n]: `Verdict` code of the question about the choice, `NO_QUESTION` where there is none.
    `stratum` [n]: None where every such choice was to be asked about, else the stratum it was drawn from.
    """

    choices: Choices
    verdict: IntArray
    stratum: IntArray | None = None

    def __post_init__(self) -> None:
        for name in ("verdict", "stratum"):
            column = getattr(self, name)
            if column is not None and len(column) != len(self.choices.response):
                raise ValueError(
                    f"{self.choices.observer}: {name} has {len(column)} entries for "
                    f"{len(self.choices.response)} choices"
                )


@dataclass(frozen=True, slots=True)
class AcceptedDecisions:
    """Decisions of one sort (for the texture, or for neither) and what people say of them.

    `asked` of the `decisions` have a question. `accepted`: count of all that are decided; in a sample its
    share is weighted by what each drawn one stands for.
    """

    decisions: int
    asked: int
    accepted: Rate

    @property
    def coverage(self) -> float | None:
        """Decided / asked about; None where nothing is."""
        return self.accepted.total / self.asked if self.asked else None


@dataclass(frozen=True, slots=True)
class RectifiedChoices:
    """One network over its pictures in conflict; see the module for the two shares.

    `bounds`: the rectified share with no undecided choice accepted, and with all of them. The intervals are
    percentile bootstrap over the pictures, both from the same draws; Wilson's at 0 and 1.
    """

    observer: str
    pictures: int
    shape: int
    texture: AcceptedDecisions
    neither: AcceptedDecisions
    raw: float
    raw_interval: Interval
    rectified: float
    rectified_interval: Interval
    bounds: tuple[float, float]

    @property
    def coverage(self) -> float | None:
        """Decided / asked about, of the texture and of neither together; None where nothing is asked."""
        parts = (self.texture, self.neither)
        asked = sum(part.asked for part in parts)
        return sum(part.accepted.total for part in parts) / asked if asked else None


def rectified_choices(
    reviewed: ReviewedChoices, *, draws: int, rng: np.random.Generator
) -> RectifiedChoices | None:
    """The raw and the rectified share of choices by shape; None where no picture is in conflict."""
    whole = reviewed.choices
    conflict = whole.shape != whole.texture
    if not conflict.any():
        return None
    shape, texture, response = (each[conflict] for each in (whole.shape, whole.texture, whole.response))
    review = Review(
        error=response != shape,
        verdict=reviewed.verdict[conflict],
        stratum=None if reviewed.stratum is None else reviewed.stratum[conflict],
    )
    standard = OutcomeColumn("not the shape", review.error.astype(np.int8))
    remaining = remaining_errors(review, name="not the shape and not accepted")
    drawn = draw_columns([standard, remaining], draws=draws, rng=rng, design=sampling_design(remaining))
    rectified = rectified_error(review, remaining, drawn)
    for_texture = response == texture
    return RectifiedChoices(
        observer=whole.observer,
        pictures=len(shape),
        shape=int((~review.error).sum()),
        texture=_accepted(review, for_texture),
        neither=_accepted(review, review.error & ~for_texture),
        raw=1.0 - column_error(standard),
        raw_interval=_complement(column_interval(standard, drawn)),
        rectified=1.0 - rectified.error,
        rectified_interval=_complement(rectified.interval),
        bounds=(1.0 - rectified.bounds[1], 1.0 - rectified.bounds[0]),
    )


def _accepted(review: Review, part: BoolArray) -> AcceptedDecisions:
    asked = part & (review.verdict != NO_QUESTION)
    decided = asked & (review.verdict != Verdict.UNDECIDED)
    return AcceptedDecisions(
        decisions=int(part.sum()),
        asked=int(asked.sum()),
        accepted=weighted_rate(
            counted=review.verdict[decided] == Verdict.AGREED,
            weight=_weights(review, part, asked)[decided],
            image=np.flatnonzero(decided),
        ),
    )


def _weights(review: Review, part: BoolArray, asked: BoolArray) -> FloatArray:
    """[n] how many decisions of `part` each one asked about stands for: its stratum's over those drawn."""
    if review.stratum is None:
        return np.ones(len(part), dtype=np.float64)
    sizes = np.bincount(review.stratum[part], minlength=int(review.stratum.max()) + 1)
    drawn = np.bincount(review.stratum[asked], minlength=len(sizes))
    ratio = np.divide(sizes, drawn, out=np.zeros(len(sizes)), where=drawn > 0)
    return np.asarray(ratio[review.stratum], dtype=np.float64)


def _complement(interval: Interval) -> Interval:
    return Interval(1.0 - interval.high, 1.0 - interval.low, interval.method, interval.level)
