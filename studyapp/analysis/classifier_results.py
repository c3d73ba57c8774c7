"""From one classifier's outcomes and their draws to its row of the table."""

from __future__ import annotations

import numpy as np

from studyapp.analysis.bootstrap import NOT_DRAWN, Draws
from studyapp.analysis.breakdown import errors_by_group
from studyapp.analysis.classifier_columns import ClassifierColumns, question_weights
from studyapp.analysis.evidence import NO_QUESTION, StudyEvidence
from studyapp.analysis.intervals import Interval, percentile, wilson
from studyapp.analysis.null_calibration import CorrectedError, NullCalibration, corrected_error
from studyapp.analysis.participant_uncertainty import ParticipantUncertainty, participant_uncertainty
from studyapp.analysis.rectified import (
    OutcomeColumn,
    Review,
    column_error,
    column_interval,
    draw_columns,
    image_verdicts,
    positive_answers,
    rectified_error,
    sampling_design,
    symmetric_outcomes,
)
from studyapp.analysis.result_values import ClassifierResult, SensitivityRow, SymmetricError, Top5Result
from studyapp.analysis.sensitivity import RuleVerdicts
from studyapp.analysis.verdicts import Verdict
from studyapp.analysis.votes import Answers, Votes
from studyapp.analysis.withheld import STOPPED_EARLY, Bounds, Withheld


def classifier_result(
    columns: ClassifierColumns,
    *,
    study: StudyEvidence,
    counted: Answers,
    votes: Votes,
    others: tuple[RuleVerdicts, ...],
    calibration: NullCalibration | None,
    draws: Draws,
    rng: np.random.Generator,
) -> ClassifierResult:
    """One classifier's row; `draws` holds the replicates of all its columns."""
    evidence = columns.evidence
    top1 = rectified_error(columns.top1, columns.rectified, draws)
    top5 = columns.standard_top5
    return ClassifierResult(
        classifier=evidence.classifier,
        images=len(evidence.correct),
        errors=int((~evidence.correct).sum()),
        standard_top1_error=column_error(columns.standard),
        standard_top1_interval=column_interval(columns.standard, draws),
        rectified_top1_error=top1.error,
        rectified_top1_interval=top1.interval,
        rectified_top1_bounds=top1.bounds,
        undecided=top1.review.undecided,
        coverage=top1.review.coverage,
        review=top1.review,
        positive_answers=positive_answers(votes, evidence.mistake_question, study.rule),
        participant_uncertainty=_participants(columns, study, counted, len(draws.estimates), rng),
        corrected=_corrected(columns, calibration, draws, rng),
        sensitivity=tuple(
            _sensitivity_row(columns, other, column, draws)
            for other, column in zip(others, columns.sensitivity, strict=True)
        ),
        standard_top5_error=None if top5 is None else column_error(top5),
        standard_top5_interval=None if top5 is None else column_interval(top5, draws),
        top5=_top5_result(columns, votes, study, draws),
        symmetric=_symmetric_result(columns, len(draws.estimates), rng),
        groups=()
        if study.groups is None
        else errors_by_group(columns.standard, columns.rectified, study.groups, study.group_names),
    )


def _participants(
    columns: ClassifierColumns, study: StudyEvidence, counted: Answers, draws: int, rng: np.random.Generator
) -> ParticipantUncertainty | Withheld:
    question = columns.evidence.mistake_question
    weights = question_weights(columns.top1, question, study.answers.questions)
    # An undecided mistake stays an error in the estimate, so its few answers take nothing off here either.
    weights[question[columns.top1.error & (columns.top1.verdict == Verdict.UNDECIDED)]] = 0
    return participant_uncertainty(
        counted,
        study.rule,
        standard_error=column_error(columns.standard),
        question_weights=weights,
        draws=draws,
        rng=rng,
    )


def _corrected(
    columns: ClassifierColumns, calibration: NullCalibration | None, draws: Draws, rng: np.random.Generator
) -> CorrectedError | Withheld:
    if calibration is None:
        return Withheld("the study has no controls")
    return corrected_error(
        calibration,
        standard_error=column_error(columns.standard),
        accepted_error=column_error(columns.accepted),
        reviewable_error=column_error(columns.reviewed),
        standard_draws=draws.of(columns.standard.name),
        accepted_draws=draws.of(columns.accepted.name),
        reviewable_draws=draws.of(columns.reviewed.name),
        rng=rng,
    )


def _sensitivity_row(
    columns: ClassifierColumns, other: RuleVerdicts, column: OutcomeColumn | None, draws: Draws
) -> SensitivityRow:
    if column is None or isinstance(other.verdicts, Withheld):
        reason = other.verdicts if isinstance(other.verdicts, Withheld) else Withheld("no verdicts")
        return SensitivityRow(other.name, reason, None, None, None)
    evidence = columns.evidence
    review = Review(
        ~evidence.correct, image_verdicts(evidence.mistake_question, other.verdicts), evidence.stratum
    )
    value = rectified_error(review, column, draws)
    if other.exact:
        return SensitivityRow(other.name, value.error, value.interval, value.bounds, value.review.undecided)
    bounds = Bounds(*value.bounds, reason=STOPPED_EARLY)
    return SensitivityRow(other.name, bounds, None, value.bounds, value.review.undecided)


def _top5_result(
    columns: ClassifierColumns, votes: Votes, study: StudyEvidence, draws: Draws
) -> Top5Result | None:
    top5 = columns.evidence.top5
    if top5 is None or columns.top5_b is None:
        return None
    review_b, column_b = columns.top5_b
    review_a = variant_a = crowd_miss = crowd_miss_interval = None
    if columns.top5_a is not None:
        review_a, column_a = columns.top5_a
        variant_a = rectified_error(review_a, column_a, draws)
        crowd_miss = variant_a.error - column_error(column_b)
        crowd_miss_interval = _miss_interval(column_a, column_b, draws)
    return Top5Result(
        form=top5.form,
        planned=top5.variant,
        variant_a=variant_a,
        variant_b=rectified_error(review_b, column_b, draws, part_of=review_a),
        crowd_miss_rate=crowd_miss,
        crowd_miss_interval=crowd_miss_interval,
        positive_answers=positive_answers(votes, top5.questions, study.rule) if top5.form == "list" else None,
    )


def _miss_interval(column_a: OutcomeColumn, column_b: OutcomeColumn, draws: Draws) -> Interval:
    if column_a.stratum is None:
        missed = int(column_a.values.sum()) - int(column_b.values.sum())
        if missed == 0:
            return wilson(0, len(column_a.values))
    else:
        drawn = (column_a.stratum > 0) & (column_a.values != NOT_DRAWN)
        if drawn.any() and np.array_equal(column_a.values[drawn], column_b.values[drawn]):
            # None among the drawn is not none among the errors that they speak for.
            share = wilson(0, int(drawn.sum()))
            spoken_for = float((column_a.stratum > 0).mean())
            return Interval(0.0, share.high * spoken_for, "wilson on the drawn errors")
    return percentile(draws.of(column_a.name) - draws.of(column_b.name))


def _symmetric_result(
    columns: ClassifierColumns, draws: int, rng: np.random.Generator
) -> SymmetricError | None:
    column, verdicts = columns.symmetric, columns.correct_verdicts
    if column is None or verdicts is None:
        return None
    drawn = verdicts[columns.evidence.correct & (verdicts != NO_QUESTION)]
    if not len(drawn):
        return None
    replicates = draw_columns([column], draws=draws, rng=rng, design=sampling_design(column))
    rejected = int((drawn == Verdict.REJECTED).sum())
    low, high = (
        column_error(
            symmetric_outcomes(columns.top1, verdicts, name=column.name, undecided_accepted=accepted)
        )
        for accepted in (True, False)
    )
    interval = percentile(replicates.of(column.name))
    if rejected == 0:
        # No rejection among the drawn leaves the bootstrap nothing to vary; Wilson bounds what it cannot see.
        correct_share = float(columns.evidence.correct.mean())
        unseen = correct_share * wilson(0, len(drawn)).high
        interval = Interval(
            interval.low,
            min(1.0, interval.high + unseen),
            "percentile bootstrap, plus wilson for the corrects",
        )
    return SymmetricError(
        error=column_error(column),
        interval=interval,
        bounds=(low, high),
        drawn=len(drawn),
        rejected=rejected,
        undecided=int((drawn == Verdict.UNDECIDED).sum()),
    )
