"""The table that the product exists for: standard and rectified error, beside the null calibration."""

from __future__ import annotations

from collections.abc import Sequence

from studyapp.analysis.null_calibration import NullCalibration, Sensitivity
from studyapp.analysis.rectified import RectifiedError
from studyapp.analysis.result_values import ClassifierResult, Top5Result
from studyapp.analysis.withheld import Withheld
from studyapp.exports.arm_results import ArmResults
from studyapp.exports.cells import ARM, CLASSIFIER, NOTHING_ASKED, pair, share_cells, share_columns
from studyapp.exports.tabular import Cell, Column, Table

LISTS_ONLY = Withheld("this study asks about lists of five classes, not about the top-1 label")


def rectified_error_table(arms: Sequence[ArmResults]) -> Table:
    """One row per classifier (and arm): errors before and after, beside the acceptance of controls."""
    required = arms[0].evidence.rule.required if arms else 5
    attacked = any(arm.compared.attacked for arm in arms)
    counted = (
        "the attacked images that the arm shows, all mistaken by construction: the standard error has no "
        "interval"
        if attacked
        else "all images"
    )
    rows = [_error_row(arm, classifier) for arm in arms for classifier in arm.results.classifiers]
    return Table(
        "rectified_error",
        "Standard and rectified error",
        _error_columns(required),
        tuple(rows),
        note=(
            f"Errors are of {counted}. Bounds: what undecided questions leave open. Foils and dataset "
            "labels: the share of controls that the same rule accepts. Corrected: after Rogan and Gladen."
        ),
    )


def _error_columns(required: int) -> tuple[Column, ...]:
    counts = tuple(str(k) for k in range(required + 1))
    return (
        CLASSIFIER,
        ARM,
        Column("images", "Images that the classifier was run on (N).", "count"),
        Column("errors", "Images whose top-1 label is not the dataset's label.", "count"),
        *share_columns("standard_top1_error", "errors / images.", "standard top-1"),
        *share_columns(
            "rectified_top1_error", "The same after agreed mistakes count as correct.", "rectified"
        ),
        Column(
            "rectified_top1_bounds",
            "Rectified error with all undecided questions accepted, and with none.",
            "pair",
            "fraction of 1",
            "bounds",
            ("all_accepted", "none_accepted"),
        ),
        Column("undecided", "Mistakes asked about without a verdict yet; they count as errors.", "count"),
        Column("coverage", "Decided mistakes / mistakes to be asked about.", "share", "fraction of 1"),
        Column("agreed", "Mistakes with the verdict agreed.", "count", wide=True),
        Column("rejected", "Mistakes with the verdict rejected.", "count", wide=True),
        Column("unasked", "Mistakes without a question; they stay errors.", "count", wide=True),
        Column("not_drawn", "Mistakes left out of the sample by design.", "count", wide=True),
        Column(
            "positive_answers",
            "Mistakes by their number of positive answers, from none to all.",
            "counts",
            "mistakes",
            parts=counts,
            wide=True,
        ),
        *share_columns(
            "foil_acceptance", "Foils that the same rule accepts, of the decided.", "foils accepted"
        ),
        *share_columns(
            "label_acceptance", "Dataset labels of correct images that the rule accepts.", "labels accepted"
        ),
        Column(
            "d_prime", "z(labels accepted) - z(foils accepted), log-linear correction.", "number", wide=True
        ),
        Column("criterion", "-(z(labels accepted) + z(foils accepted)) / 2.", "number", wide=True),
        *share_columns(
            "corrected_top1_error",
            "Rectified error corrected for both acceptances (Rogan-Gladen).",
            "corrected",
        ),
        _wide_pair(
            "participants_interval", "95 % interval with participants resampled as weights; conservative."
        ),
        _wide_pair("leave_one_out_range", "Lowest and highest rectified error without one participant."),
        *_wide_share("symmetric_error", "(Unaccepted mistakes + weighted rejected corrects) / images."),
        *_wide_share("standard_top5_error", "Images whose label is not among the first five / images."),
        Column("top5_form", "list: one question about five classes; per_class: five questions.", wide=True),
        *_wide_share("rectified_top5_a_error", "Top-1 mistakes whose list was not accepted / images."),
        *_wide_share("rectified_top5_b_error", "Top-5 mistakes whose list was not accepted / images."),
        *_wide_share("crowd_miss_rate", "A - B: the label is in the list and the list was not accepted."),
    )


def _wide_share(name: str, description: str) -> tuple[Column, Column]:
    value, interval = share_columns(name, description)
    return (
        Column(value.name, description, "share", "fraction of 1", wide=True),
        _wide_pair(interval.name, interval.description),
    )


def _wide_pair(name: str, description: str) -> Column:
    return Column(name, description, "pair", "fraction of 1", parts=("low", "high"), wide=True)


def _error_row(arm: ArmResults, row: ClassifierResult) -> tuple[Cell, ...]:
    review = row.review
    asked = review.agreed + review.rejected + review.undecided > 0
    rectified: tuple[Cell, ...] = (
        row.rectified_top1_error,
        pair(row.rectified_top1_interval),
        row.rectified_top1_bounds,
        row.undecided,
        row.coverage,
    )
    if not asked and row.errors:
        rectified = (LISTS_ONLY if row.top5 else NOTHING_ASKED, None, None, row.undecided, row.coverage)
    people = row.participant_uncertainty
    symmetric = row.symmetric
    return (
        row.classifier,
        arm.arm,
        row.images,
        row.errors,
        row.standard_top1_error,
        # Of attacked images only those that are mistaken are shown: that all are errors is no estimate.
        None if arm.compared.attacked and row.errors == row.images else pair(row.standard_top1_interval),
        *rectified,
        *(review.agreed, review.rejected, review.unasked, review.not_drawn),
        row.positive_answers.counts if asked or not row.errors else NOTHING_ASKED,
        *_control_cells(arm.results.null_calibration),
        *_corrected_cells(row, asked),
        people if isinstance(people, Withheld) else pair(people.conservative_interval),
        people if isinstance(people, Withheld) else people.left_out,
        None if symmetric is None else symmetric.error,
        None if symmetric is None else pair(symmetric.interval),
        row.standard_top5_error,
        pair(row.standard_top5_interval),
        *_top5_cells(row.top5),
    )


def _control_cells(calibration: NullCalibration | None) -> tuple[Cell, ...]:
    if calibration is None:
        return (Withheld("the study has no controls"), None) * 2 + (None, None)
    detection = calibration.sensitivity
    measured: tuple[Cell, Cell] = (
        (detection.d_prime, detection.criterion)
        if isinstance(detection, Sensitivity)
        else (detection, detection)
    )
    return (
        *share_cells(calibration.foils.accepted, why_empty="no foil is decided yet"),
        *share_cells(calibration.dataset_labels.accepted, why_empty="no dataset label is decided yet"),
        *measured,
    )


def _corrected_cells(row: ClassifierResult, asked: bool) -> tuple[Cell, Cell]:
    if isinstance(row.corrected, Withheld):
        return row.corrected, None
    if not asked:
        return NOTHING_ASKED, None
    return row.corrected.error, pair(row.corrected.interval)


def _top5_cells(top5: Top5Result | None) -> tuple[Cell, ...]:
    if top5 is None:
        return (None,) * 7
    return (
        top5.form,
        *_rectified_cells(top5.variant_a),
        *_rectified_cells(top5.variant_b),
        top5.crowd_miss_rate,
        pair(top5.crowd_miss_interval),
    )


def _rectified_cells(value: RectifiedError | None) -> tuple[Cell, Cell]:
    return (None, None) if value is None else (value.error, pair(value.interval))
