"""Tables of a study of attacked images: how often people agree in each arm, and the paper's Table 2."""

from __future__ import annotations

from collections.abc import Sequence

from studyapp.analysis.adversarial_accuracy import AdversarialAccuracy, ImageSet
from studyapp.analysis.arms import Agreement
from studyapp.analysis.intervals import Rate
from studyapp.analysis.withheld import Withheld
from studyapp.exports.arm_results import ArmComparison, ArmResults, ShownAs
from studyapp.exports.cells import ARM, CLASSIFIER, pair, share_cells, share_columns
from studyapp.exports.tabular import Cell, Column, Table

AGREEMENT_REFERENCE = (
    "References, no results of this study: Stock and Cissé (2018) state that people agree with 22.01 % of "
    "the predictions on whole attacked images and with 30.80 % when they see the explanation. Whether that "
    "is of the answers or of the images with four of five is not said, so both stand here."
)
ACCURACY_REFERENCE = (
    "References, no results of this study: Stock and Cissé (2018) state an accuracy of 77.31 % before the "
    "attack and 7.96 % after it. 77.31 % is of the whole validation set, while people saw 20 classes."
)
BY_CONSTRUCTION = (
    "No interval stands where a share is what it is by construction: only images that are right before are "
    "attacked, and only images that are mistaken after are shown."
)
SETS: dict[ImageSet, str] = {
    "shown": "shown to people in this arm",
    "attacked": "attacked",
    "categories": "of the attacked categories",
    "dataset": "whole dataset",
}


def adversarial_accuracy_table(arms: Sequence[ArmResults]) -> Table:
    """Table 2: standard and rectified accuracy per arm over every set of images, both numbers stated."""
    rows = [
        (attacked.classifier, arm.arm, SETS[row.images], *_accuracy_cells(row))
        for arm in arms
        for attacked in arm.compared.attacked
        for row in attacked.accuracy
    ]
    columns = (
        CLASSIFIER,
        ARM,
        Column("images_of", "Which images the accuracies of the row are of."),
        Column("images", "How many (the denominator).", "count"),
        Column("correct_before", "Of them, predicted correctly before the attack.", "count", wide=True),
        *share_columns("accuracy_before", "correct_before / images.", "before the attack"),
        Column("correct_after", "Predicted correctly after the attack.", "count", heading="correct"),
        *share_columns("standard_top1_accuracy", "correct_after / images.", "after the attack"),
        Column("agreed", "Wrong predictions that people agree with.", "count", wide=True),
        Column(
            "rectified_correct",
            "correct_after + agreed (the numerator); empty where a sample speaks for the rest.",
            "count",
            heading="correct or agreed",
        ),
        *share_columns(
            "rectified_top1_accuracy",
            "The same after wrong predictions that people agree with count as correct.",
            "rectified",
        ),
        Column(
            "rectified_top1_bounds",
            "Rectified accuracy with no undecided question agreed, and with all.",
            "pair",
            "fraction of 1",
            "bounds",
            ("none_agreed", "all_agreed"),
        ),
        Column("undecided", "Questions without a verdict yet; they count as wrong.", "count"),
        Column("coverage", "Decided / to be asked.", "share", "fraction of 1"),
        Column("unasked", "Wrong predictions without a question of this arm.", "count", wide=True),
        Column("correct_in_float", "Correct after the attack, before rounding.", "count", wide=True),
        Column("correct_in_file", "Correct after the attack, in the 8-bit file.", "count", wide=True),
    )
    return Table(
        "adversarial_accuracy",
        "Accuracy under attack, before and after people looked",
        columns,
        tuple(rows),
        note=f"{ACCURACY_REFERENCE} {BY_CONSTRUCTION}",
    )


def _accuracy_cells(row: AdversarialAccuracy) -> tuple[Cell, ...]:
    before = (row.before.total, row.before.count, *_rate_cells(row.before))
    after = row.after
    if isinstance(after, Withheld):
        return (*before, None, after, None, None, None, after, *(None,) * 7)
    counted: Cell = after.rectified_count
    if after.rectified_count is None:
        counted = Withheld("people were asked about a sample, which speaks for the rest")
    return (
        *before,
        after.standard.count,
        *_rate_cells(after.standard),
        after.agreed,
        counted,
        after.rectified,
        pair(after.rectified_interval),
        after.bounds,
        after.undecided,
        after.coverage,
        after.unasked,
        after.correct_in_float,
        after.correct_in_file,
    )


def _rate_cells(rate: Rate) -> tuple[Cell, Cell]:
    return share_cells(rate, why_empty="no image is in this set")


def adversarial_agreement_table(arms: Sequence[ArmResults]) -> Table:
    """How often people agree in each arm: of their answers, and of the images that reach the agreement."""
    return _agreement_table(
        "adversarial_agreement",
        "How often people agree with the classifier",
        [(arm.arm, arm.compared) for arm in arms],
        note=AGREEMENT_REFERENCE,
    )


def filtered_agreement_table(arms: Sequence[ArmResults]) -> Table:
    """The same from the answers that no exclusion leaves out; no rows without exclusions."""
    return _agreement_table(
        "filtered_agreement",
        "How often people agree with the classifier, filtered",
        [(arm.arm, arm.compared_filtered) for arm in arms],
        note="The answers that the protocol's exclusions leave out are in none of these numbers.",
    )


def _agreement_table(name: str, title: str, arms: Sequence[tuple[str, ArmComparison]], *, note: str) -> Table:
    rows = [
        (attacked.classifier, arm, *_shown_cells(compared.shown_as), *_cells(attacked.agreement))
        for arm, compared in arms
        for attacked in compared.attacked
    ]
    columns = (
        CLASSIFIER,
        ARM,
        Column("shows", "whole image, its explanation, or random superpixels of the same area."),
        Column("version", "adversarial: after the attack; clean: before.", wide=True),
        Column("method", "Method of the explanation; empty for whole images."),
        Column(
            "label", "Label asked about: adversarial, true (the dataset's), or a foil.", heading="asks for"
        ),
        Column("questions", "Images that the arm asks about.", "count", heading="images"),
        Column("answers", "Answers that count.", "count"),
        Column("positive", "Of them, positive.", "count", wide=True),
        *share_columns(
            "positive_share",
            "positive / answers; the interval takes the images for units.",
            "of the answers",
        ),
        Column("decided", "Images with a verdict.", "count", wide=True),
        Column("agreed", "Of them, agreed.", "count"),
        *share_columns("agreed_share", "agreed / decided; Wilson's interval.", "of the images"),
        Column(
            "agreed_bounds",
            "Of all images asked about: with no undecided one agreed, and with all.",
            "pair",
            "fraction of 1",
            "bounds",
            ("none_agreed", "all_agreed"),
        ),
        Column("undecided", "Images without a verdict yet.", "count"),
        Column("coverage", "decided / questions.", "share", "fraction of 1", wide=True),
    )
    return Table(name, title, columns, tuple(rows), note=note)


def _shown_cells(shown: ShownAs | None) -> tuple[Cell, ...]:
    return (None,) * 4 if shown is None else (shown.shows, shown.version, shown.method, shown.label)


def _cells(found: Agreement) -> tuple[Cell, ...]:
    return (
        *(found.asked, found.answers, found.positive),
        *(found.positive_share, pair(found.positive_interval)),
        *(found.images.total, found.images.count),
        *share_cells(found.images, why_empty="no image is decided yet"),
        *(found.image_bounds, found.undecided, found.coverage),
    )
