"""Tables of arms in pairs: McNemar's test, paired differences, and the verdicts that turned."""

from __future__ import annotations

from collections.abc import Sequence

from studyapp.analysis.arm_pairs import ArmPair, PairedDifference
from studyapp.analysis.withheld import Withheld
from studyapp.exports.arm_results import ArmComparison, ArmResults, TurnedVerdict
from studyapp.exports.cells import CLASSIFIER, pair, share_columns
from studyapp.exports.tabular import Cell, Column, Table

_FIRST = Column("first", "First arm; differences are first minus second.")
_SECOND = Column("second", "Second arm.")


def arm_pairs_table(arms: Sequence[ArmResults]) -> Table:
    """Arms in pairs, over the images judged in both."""
    return _pairs_table("arm_pairs", "Arms in pairs", [arm.compared for arm in arms])


def filtered_arm_pairs_table(arms: Sequence[ArmResults]) -> Table:
    """The same from the answers that no exclusion leaves out; no rows without exclusions."""
    return _pairs_table(
        "filtered_arm_pairs", "Arms in pairs, filtered", [arm.compared_filtered for arm in arms]
    )


def _pairs_table(name: str, title: str, compared: Sequence[ArmComparison]) -> Table:
    rows = [(classifier, *_pair_cells(found)) for arm in compared for classifier, found in arm.pairs]
    columns = (
        CLASSIFIER,
        _FIRST,
        _SECOND,
        Column("judged", "Images with a verdict in both arms.", "count", heading="images"),
        Column("both_agreed", "Agreed in both.", "count", heading="both"),
        Column("first_only", "Agreed in the first arm only.", "count"),
        Column("second_only", "Agreed in the second arm only.", "count"),
        Column("neither", "Rejected in both.", "count"),
        *share_columns(
            "acceptance_difference",
            "Share of these images agreed in the first arm minus that in the second.",
            "images agreed",
        ),
        Column("mcnemar_p", "McNemar's exact test, two-sided.", "probability", heading="p (McNemar)"),
        Column(
            "mcnemar_p_holm",
            "The same, Holm over the planned pairs of arms and all classifiers.",
            "probability",
            heading="p (Holm)",
        ),
        *share_columns(
            "answers_difference",
            "Share of positive answers in the first arm minus that in the second, over images answered in "
            "both.",
            "positive answers",
        ),
    )
    return Table(
        name,
        title,
        columns,
        tuple(rows),
        note="Differences are first minus second, in points of percent; intervals from shared draws of the "
        "images."
        if rows
        else "",
    )


def _pair_cells(found: ArmPair) -> tuple[Cell, ...]:
    return (
        *(found.first, found.second, found.judged, found.both, found.first_only, found.second_only),
        *(found.neither, *_difference_cells(found.acceptance), found.p, found.p_holm),
        *_difference_cells(found.answers),
    )


def _difference_cells(found: PairedDifference | Withheld) -> tuple[Cell, Cell]:
    return (found, None) if isinstance(found, Withheld) else (found.difference, pair(found.interval))


def turned_verdicts_table(arms: Sequence[ArmResults]) -> Table:
    """The images that people reject in one arm and agree with in the other."""
    rows = [_turned_cells(arm.arm, each) for arm in arms for each in arm.compared.turned]
    columns = (
        CLASSIFIER,
        _FIRST,
        _SECOND,
        Column("agreed_in", "The arm in which people agree; in the other they reject."),
        Column("image", "Path of the image, relative to the dataset's root."),
        Column("true", "The dataset's label."),
        Column("predicted", "The adversarial label."),
        Column("first_positive", "Positive answers in the first arm.", "count"),
        Column("first_received", "Answers in the first arm.", "count", wide=True),
        Column("second_positive", "Positive answers in the second arm.", "count"),
        Column("second_received", "Answers in the second arm.", "count", wide=True),
        Column("difference", "Share of positive answers, first minus second.", "share", "fraction of 1"),
        Column("first_question", "Key of the question in the first arm.", wide=True),
        Column("second_question", "Key of the question in the second arm.", wide=True),
        Column("adversarial", "Key of the adversarial image.", wide=True),
    )
    return Table("turned_verdicts", "Verdicts that turned", columns, tuple(rows))


def _turned_cells(first: str, each: TurnedVerdict) -> tuple[Cell, ...]:
    (first_positive, first_received), (second_positive, second_received) = (
        each.first_votes,
        each.second_votes,
    )
    return (
        *(each.classifier, first, each.second),
        each.second if each.agreed_in_second else first,
        *(each.image, each.true, each.predicted),
        *(first_positive, first_received, second_positive, second_received),
        first_positive / first_received - second_positive / second_received,
        *(each.first_question, each.second_question, each.adversarial),
    )
