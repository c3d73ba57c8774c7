"""Tables of errors around the rectified one: top-5, histogram, pairs, ranks, other rules, groups."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from studyapp.analysis.intervals import wilson
from studyapp.analysis.rectified import PositiveAnswers
from studyapp.analysis.result_values import SensitivityRow
from studyapp.analysis.withheld import Bounds, Withheld
from studyapp.exports.arm_results import ArmResults
from studyapp.exports.cells import ARM, CLASSIFIER, NOTHING_ASKED, pair, share_cells, share_columns
from studyapp.exports.tabular import Cell, Column, Table


def top5_table(arms: Sequence[ArmResults]) -> Table:
    """Top-5 studies: variants A and B, their bounds and the crowd's miss rate."""
    rows: list[tuple[Cell, ...]] = []
    for arm in arms:
        for row in arm.results.classifiers:
            if row.top5 is None:
                continue
            for name, value in (("A", row.top5.variant_a), ("B", row.top5.variant_b)):
                if value is not None:
                    rows.append(
                        (
                            *(row.classifier, arm.arm, name, row.top5.form, value.review.errors),
                            *(row.standard_top5_error, pair(row.standard_top5_interval)),
                            *(value.error, pair(value.interval), value.bounds),
                            *(value.review.undecided, value.review.coverage),
                        )
                    )
    columns = (
        CLASSIFIER,
        ARM,
        Column("variant", "A: every top-1 mistake; B: only images whose label is not in the list."),
        Column("form", "list or per_class; per_class gives five chances and is never compared with list."),
        Column("errors", "Images under review in this variant.", "count"),
        *share_columns("standard_top5_error", "Images whose label is not in the list / images.", "standard"),
        *share_columns(
            "rectified_top5_error", "Images under review that were not accepted / images.", "rectified"
        ),
        Column(
            "rectified_top5_bounds",
            "With all undecided questions accepted, and with none.",
            "pair",
            "fraction of 1",
            "bounds",
            ("all_accepted", "none_accepted"),
        ),
        Column("undecided", "Images whose question has no verdict yet.", "count"),
        Column("coverage", "Decided / to be asked.", "share", "fraction of 1"),
    )
    return Table("top5_error", "Rectified top-5 error", columns, tuple(rows))


def positive_answers_table(arms: Sequence[ArmResults]) -> Table:
    """The paper's Fig. 2: mistakes by their number of positive answers."""
    rows = [
        (classifier, arm.arm, k, *_histogram_cells(histogram, k))
        for arm in arms
        for classifier, histogram in arm.histograms
        for k in range(len(histogram.fewest))
    ]
    columns = (
        CLASSIFIER,
        ARM,
        Column("positive", "Number of positive answers.", "count"),
        Column("mistakes", "Questions with all their answers and this number of positive ones.", "count"),
        *share_columns("share", "The same as a share of the questions with all their answers."),
        Column(
            "mistakes_bounds",
            "Fewest and most questions, of all asked, whatever the missing answers would be.",
            "pair",
            "mistakes",
            "bounds",
            ("fewest", "most"),
            wide=True,
        ),
    )
    attacked = any(arm.compared.attacked for arm in arms)
    title = f"Positive answers per {'adversarial image' if attacked else 'mistake'}"
    return Table("positive_answers", title, columns, tuple(rows))


def _histogram_cells(histogram: PositiveAnswers, k: int) -> tuple[Cell, ...]:
    bounds = (histogram.fewest[k], histogram.most[k])
    if isinstance(histogram.counts, Withheld):
        asked = sum(histogram.fewest) + histogram.incomplete
        share = (
            Bounds(bounds[0] / asked, bounds[1] / asked, histogram.counts.reason)
            if asked
            else histogram.counts
        )
        return histogram.counts, share, None, bounds
    total = sum(histogram.counts)
    if total == 0:
        return 0, Withheld("no question has all its answers yet"), None, bounds
    count = histogram.counts[k]
    return count, count / total, pair(wilson(count, total)), bounds


def classifier_pairs_table(arms: Sequence[ArmResults]) -> Table:
    """Differences of errors, first minus second, from shared draws of the images."""
    rows = [
        (
            *(each.first, each.second, arm.arm),
            *(each.standard.difference, pair(each.standard.interval), each.standard.p_holm),
            *(each.rectified.difference, pair(each.rectified.interval), each.rectified.p_holm),
            "yes" if each.reversed else "no",
        )
        for arm in arms
        for each in arm.results.comparisons
    ]
    columns = (
        Column("first", "First classifier."),
        Column("second", "Second classifier."),
        ARM,
        *share_columns("standard_difference", "Standard error of the first minus the second."),
        Column("standard_p", "Two-sided bootstrap p, Holm over the planned pairs.", "probability"),
        *share_columns("rectified_difference", "Rectified error of the first minus the second."),
        Column("rectified_p", "Two-sided bootstrap p, Holm over the planned pairs.", "probability"),
        Column("reversed", "yes: rectification turns the order of the two around."),
    )
    return Table("classifier_pairs", "Classifiers in pairs", columns, tuple(rows))


def ranks_table(arms: Sequence[ArmResults]) -> Table:
    """Places by standard and by rectified error; 1 is the lowest error, equals share a place."""
    rows = [
        (rank.classifier, arm.arm, rank.standard, rank.rectified)
        for arm in arms
        for rank in arm.results.ranks
    ]
    columns = (
        CLASSIFIER,
        ARM,
        Column("standard_rank", "Place by standard top-1 error.", "count", heading="rank before"),
        Column("rectified_rank", "Place by rectified top-1 error.", "count", heading="rank after"),
    )
    return Table("ranks", "Ranks before and after", columns, tuple(rows))


def sensitivity_table(arms: Sequence[ArmResults]) -> Table:
    """The rectified error under other rules."""
    rows: list[tuple[Cell, ...]] = []
    for arm in arms:
        for row in arm.results.classifiers:
            asked = row.review.agreed + row.review.rejected + row.review.undecided > 0
            rows += [
                (row.classifier, arm.arm, other.rule, *_other_rule_cells(other, asked or not row.errors))
                for other in row.sensitivity
            ]
    columns = (
        CLASSIFIER,
        ARM,
        Column("rule", "Agreement rule."),
        *share_columns("rectified_top1_error", "Rectified top-1 error under this rule.", "rectified"),
        Column(
            "rectified_top1_bounds",
            "With all undecided questions accepted, and with none.",
            "pair",
            "fraction of 1",
            "bounds",
            ("all_accepted", "none_accepted"),
        ),
        Column("undecided", "Questions without a verdict under this rule.", "count"),
    )
    return Table("sensitivity", "Sensitivity to the rule", columns, tuple(rows))


def _other_rule_cells(other: SensitivityRow, asked: bool) -> tuple[Cell, ...]:
    if not asked:
        return NOTHING_ASKED, None, None, None
    return other.error, pair(other.interval), other.bounds, other.undecided


def groups_table(arms: Sequence[ArmResults]) -> Table:
    """Errors within groups of categories, where a hierarchy is known."""
    rows: list[tuple[Cell, ...]] = []
    for arm in arms:
        for row in arm.results.classifiers:
            for group in row.groups:
                before, after = group.standard, group.rectified
                if arm.compared.attacked and before.count == before.total:
                    # By construction, as in the table of the rectified error.
                    before = replace(before, interval=None)
                rows.append(
                    (
                        *(row.classifier, arm.arm, group.group, before.total),
                        *share_cells(before, why_empty="no images"),
                        *(
                            (after, None)
                            if isinstance(after, Withheld)
                            else share_cells(after, why_empty="no images")
                        ),
                    )
                )
    columns = (
        CLASSIFIER,
        ARM,
        Column("group", "Group of categories, from the hierarchy."),
        Column("images", "Images of the group.", "count"),
        *share_columns("standard_top1_error", "Standard top-1 error within the group.", "standard"),
        *share_columns("rectified_top1_error", "Rectified top-1 error within the group.", "rectified"),
    )
    return Table("groups", "Errors by group", columns, tuple(rows))
