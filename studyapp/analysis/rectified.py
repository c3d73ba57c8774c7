"""The rectified error: mistakes that people agree with are no longer counted (Stock & Cisse 2018, 3.1).

One function turns the errors under review and their verdicts into a column of outcomes, image by image;
its mean over the images is the rectified error, top-1, top-5 or symmetric alike.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from studyapp.analysis.arrays import BoolArray, IntArray
from studyapp.analysis.bootstrap import NOT_DRAWN, Draws, ImageOutcomes, bootstrap_images, estimates
from studyapp.analysis.evidence import NO_QUESTION
from studyapp.analysis.intervals import Interval, percentile, wilson
from studyapp.analysis.verdicts import Verdict
from studyapp.analysis.votes import AgreementRule, Votes
from studyapp.analysis.withheld import STOPPED_EARLY, Withheld


@dataclass(frozen=True, slots=True, eq=False)
class Review:
    """Errors under review, image by image.

    `error` [N]: counted as an error before the review. `verdict` [N]: `Verdict` code of the question about
    it, or `NO_QUESTION`. `stratum` [N]: None where all errors were to be reviewed, else the stratum of each
    error in a sampled study.
    """

    error: BoolArray
    verdict: IntArray
    stratum: IntArray | None = None


@dataclass(frozen=True, slots=True, eq=False)
class OutcomeColumn:
    """`values` [N] of one named outcome, and the strata [N] if only a sample is known."""

    name: str
    values: IntArray
    stratum: IntArray | None = None


@dataclass(frozen=True, slots=True)
class ReviewCounts:
    """How far a review has come.

    `errors` under review; `agreed`, `rejected`, `undecided` questions; `unasked` errors without a question
    (they stay wrong) or, in a sampled study, `not_drawn` by design. `coverage` = decided / (errors that
    were to be asked), None where there is nothing to ask.
    """

    errors: int
    agreed: int
    rejected: int
    undecided: int
    unasked: int
    not_drawn: int
    coverage: float | None


@dataclass(frozen=True, slots=True)
class RectifiedError:
    """A rectified error as a fraction of all images, its interval, and what undecided questions leave open.

    `bounds`: (all undecided accepted, none accepted).
    """

    error: float
    interval: Interval
    bounds: tuple[float, float]
    review: ReviewCounts


@dataclass(frozen=True, slots=True)
class PositiveAnswers:
    """How many mistakes got k positive answers, k = 0..required (the paper's Fig. 2).

    `counts` is of the questions with all their answers, and withheld when questions were closed early;
    `incomplete` counts the others. `fewest[k]` and `most[k]` bound the count over all asked mistakes,
    whatever the missing answers would be.
    """

    counts: tuple[int, ...] | Withheld
    incomplete: int
    fewest: tuple[int, ...]
    most: tuple[int, ...]


def image_verdicts(question: IntArray, verdicts: IntArray) -> IntArray:
    """[N] the verdict on each image's question, or `NO_QUESTION`."""
    outcome = np.full(len(question), NO_QUESTION, dtype=np.int8)
    asked = question != NO_QUESTION
    outcome[asked] = verdicts[question[asked]]
    return outcome


def remaining_errors(review: Review, *, name: str, undecided_accepted: bool = False) -> OutcomeColumn:
    """1 where an error stays an error, 0 where there was none or people agree with it.

    An undecided question keeps its error (unless the lower bound is asked for). An error without a question
    stays wrong in a full review and is `NOT_DRAWN` in a sampled one; errors of a stratum in which nothing
    was drawn stay wrong, too.
    """
    accepted = review.verdict == Verdict.AGREED
    if undecided_accepted:
        accepted |= review.verdict == Verdict.UNDECIDED
    values = (review.error & ~accepted).astype(np.int8)
    if review.stratum is None:
        return OutcomeColumn(name, values)
    values[_not_drawn(review)] = NOT_DRAWN
    # Stratum 0 holds the images without an error: they are all known.
    return OutcomeColumn(name, values, np.where(review.error, review.stratum + 1, 0))


def _not_drawn(review: Review) -> BoolArray:
    """[N] errors that others of their stratum speak for."""
    unasked = review.error & (review.verdict == NO_QUESTION)
    if review.stratum is None:
        return np.zeros(len(unasked), dtype=bool)
    spoken_for = np.unique(review.stratum[review.error & ~unasked])
    return np.asarray(unasked & np.isin(review.stratum, spoken_for), dtype=np.bool_)


def within_errors(column: OutcomeColumn, error: BoolArray, *, name: str) -> OutcomeColumn:
    """The part of `column` that lies among `error` [N]: what remains elsewhere counts as nothing.

    In a sampled study every drawn image keeps the weight it was drawn with, so that the part is never more
    than the whole and the two come from one estimate.
    """
    values = np.where((column.values == 1) & ~error, 0, column.values).astype(np.int8)
    return OutcomeColumn(name, values, column.stratum)


def symmetric_outcomes(
    review: Review, correct_verdict: IntArray, *, name: str, undecided_accepted: bool | None = None
) -> OutcomeColumn:
    """Unaccepted mistakes plus rejected correct predictions, for `symmetric = true`.

    `correct_verdict` [N]: verdict on the label of a drawn correct prediction, `NO_QUESTION` elsewhere; the
    drawn ones speak for all correct predictions. Undecided keeps the dataset's judgement: a mistake stays
    one, a correct prediction stays correct. For the bounds pass `undecided_accepted` True or False.
    """
    accept_mistake = bool(undecided_accepted)
    column = remaining_errors(review, name=name, undecided_accepted=accept_mistake)
    values = column.values.copy()
    wrong = correct_verdict == Verdict.REJECTED
    if undecided_accepted is False:
        wrong |= correct_verdict == Verdict.UNDECIDED
    drawn = ~review.error & (correct_verdict != NO_QUESTION)
    values[drawn] = wrong[drawn]
    values[~review.error & ~drawn] = NOT_DRAWN
    # A full review of the mistakes is one stratum whose members are all known.
    stratum = column.stratum if column.stratum is not None else review.error.astype(np.int64)
    return OutcomeColumn(name, values, stratum)


def join_columns(columns: Sequence[OutcomeColumn], design: IntArray | None = None) -> ImageOutcomes:
    """The outcomes of several columns over the same images, to be resampled together.

    `design` [N]: the cells of one sampling design, where the columns share it (see `ImageOutcomes`).
    """
    values = np.stack([column.values for column in columns], axis=1)
    names = tuple(column.name for column in columns)
    if all(column.stratum is None for column in columns):
        return ImageOutcomes(values, names)
    # A column known for every image is its own stratification: its strata vary as the images do.
    strata = [column.values if column.stratum is None else column.stratum for column in columns]
    return ImageOutcomes(values, names, np.stack([s.astype(np.int64) for s in strata], axis=1), design)


def sampling_design(column: OutcomeColumn) -> IntArray | None:
    """[N] the design cell of each drawn image of a sampled column: its stratum; None if all are known."""
    if column.stratum is None:
        return None
    return np.where(column.values == NOT_DRAWN, NOT_DRAWN, column.stratum)


def draw_columns(
    columns: Sequence[OutcomeColumn],
    *,
    draws: int,
    rng: np.random.Generator,
    design: IntArray | None = None,
) -> Draws:
    """Bootstrap replicates of several columns from the same draws of the images."""
    return bootstrap_images(join_columns(columns, design), draws=draws, rng=rng)


def column_error(column: OutcomeColumn) -> float:
    """The error of one column as a fraction of all images."""
    return float(estimates(join_columns([column]))[0])


def column_interval(column: OutcomeColumn, draws: Draws) -> Interval:
    """Percentile interval of the replicates; Wilson's where the count is 0 or everything.

    (The bootstrap cannot vary a count of nothing.) In a sampled study the Wilson interval is that of the
    drawn errors' share, times the errors' share of the images.
    """
    if column.stratum is None:
        count, total = int(column.values.sum()), len(column.values)
        return wilson(count, total) if count in (0, total) else percentile(draws.of(column.name))
    reviewed = (column.stratum > 0) & (column.values != NOT_DRAWN)
    sample, total = column.values[reviewed], int(reviewed.sum())
    spoken_for = float((column.stratum > 0).mean())
    zero_elsewhere = not (column.values[column.stratum == 0] == 1).any()
    if total and int(sample.sum()) in (0, total) and zero_elsewhere:
        share = wilson(int(sample.sum()), total)
        return Interval(share.low * spoken_for, share.high * spoken_for, "wilson on the drawn errors")
    return percentile(draws.of(column.name))


def review_counts(review: Review) -> ReviewCounts:
    """How many errors were asked about, and with what outcome."""
    verdict = review.verdict[review.error]
    agreed, rejected, undecided, none = (
        int((verdict == code).sum())
        for code in (Verdict.AGREED, Verdict.REJECTED, Verdict.UNDECIDED, NO_QUESTION)
    )
    not_drawn = int(_not_drawn(review).sum())
    asked = len(verdict) - not_drawn
    return ReviewCounts(
        errors=len(verdict),
        agreed=agreed,
        rejected=rejected,
        undecided=undecided,
        unasked=none - not_drawn,
        not_drawn=not_drawn,
        coverage=(agreed + rejected) / asked if asked else None,
    )


def rectified_error(
    review: Review, column: OutcomeColumn, draws: Draws, *, part_of: Review | None = None
) -> RectifiedError:
    """The rectified error of `review`; `column` is its `remaining_errors`, `draws` holds its replicates.

    `part_of`: the review whose questions these are a part of (`column` is then from `within_errors`).
    """
    least = remaining_errors(part_of or review, name=column.name, undecided_accepted=True)
    if part_of is not None:
        least = within_errors(least, review.error, name=column.name)
    counts, error = review_counts(review), column_error(column)
    if part_of is not None and part_of.stratum is not None:
        # The sample was drawn from the whole: what it missed of the part was not drawn by design.
        asked = counts.agreed + counts.rejected + counts.undecided
        counts = replace(
            counts,
            unasked=0,
            not_drawn=counts.not_drawn + counts.unasked,
            coverage=(counts.agreed + counts.rejected) / asked if asked else None,
        )
    return RectifiedError(
        error=error,
        interval=column_interval(column, draws),
        bounds=(column_error(least), error),
        review=counts,
    )


def positive_answers(votes: Votes, questions: IntArray, rule: AgreementRule) -> PositiveAnswers:
    """The histogram of positive answers over `questions` (indices; -1 is skipped)."""
    asked = questions[questions != NO_QUESTION]
    p, m = votes.positive[asked], votes.received[asked]
    complete = m >= rule.required
    levels = range(rule.required + 1)
    most_positive = p + (rule.required - m)
    counts = tuple(int((complete & (p == k)).sum()) for k in levels)
    return PositiveAnswers(
        counts=Withheld(STOPPED_EARLY) if rule.stop_when_decided else counts,
        incomplete=int((~complete).sum()),
        fewest=counts,
        most=tuple(int(((p <= k) & (k <= most_positive)).sum()) for k in levels),
    )
