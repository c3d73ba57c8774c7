"""Tables of a `same_content` study: by setting, people beside each classifier, by colour vision."""

from __future__ import annotations

from collections.abc import Iterator

from studyapp.analysis.same_content import SeenChanges
from studyapp.exports.cells import CLASSIFIER, pair, share_cells, share_columns
from studyapp.exports.same_content_evidence import EVERYBODY, SameContentResults
from studyapp.exports.tabular import Cell, Column, Table, interval_column

CURVE, AGREEMENT, VISION = "same_content_curve", "same_content_agreement", "same_content_vision"
FLIPS, STAYS = "flips", "stays"
_OPEN = "no question is decided yet"
_PREDICTION = Column("prediction", "flips: the change turns the classifier's top-1; stays: it does not.")
_SAID = (
    Column("answers", "Answers that count.", "count"),
    *share_columns(
        "said_different",
        "Mean over questions of the share of answers that see something different; Wilson interval at the "
        "effective number of independent answers.",
    ),
)


def same_content_curve_table(found: SameContentResults | None) -> Table:
    """Every classifier under every setting, where its prediction flips and where it stays."""
    columns = (
        CLASSIFIER,
        Column("setting", "The change of colour."),
        Column("axis", "hue (degrees) or saturation (gain).", wide=True),
        Column("amount", "Degrees of the rotation, or the gain.", "number", wide=True),
        _PREDICTION,
        Column("asked", "Questions.", "count"),
        Column("decided", "Of them, those that the agreement rule decides.", "count"),
        Column("seen", "Of the decided, those in which people see something different.", "count"),
        *share_columns("seen_share", "seen / decided; Wilson interval."),
        *_SAID,
    )
    return Table(
        CURVE,
        "Where people see something different, by change",
        columns,
        tuple(_curve_rows(found)),
        note=_note(found),
    )


def _curve_rows(found: SameContentResults | None) -> Iterator[tuple[Cell, ...]]:
    for each in found.classifiers if found else ():
        for setting, flips, stays in each.settings:
            for word, seen in ((FLIPS, flips), (STAYS, stays)):
                yield (
                    *(each.classifier, setting.name, setting.axis, setting.amount, word),
                    *(seen.asked, seen.seen.total, seen.seen.count),
                    *share_cells(seen.seen, why_empty=_OPEN),
                    *_said(seen),
                )


def _said(seen: SeenChanges) -> tuple[Cell, ...]:
    return (seen.answers, seen.said, pair(seen.said_interval))


def same_content_agreement_table(found: SameContentResults | None) -> Table:
    """People beside each classifier."""
    columns = (
        CLASSIFIER,
        Column("asked", "Questions asked for this classifier.", "count"),
        Column("decided", "Of them, those that the agreement rule decides.", "count"),
        Column("coverage", "decided / asked.", "share", "fraction of 1"),
        Column("both", "Of the decided: people and the classifier see a change.", "count"),
        Column("only_model", "Only the classifier does.", "count", heading="only the classifier"),
        Column("only_people", "Only people do.", "count"),
        Column("neither", "Neither does.", "count"),
        *share_columns(
            "seen_of_flips", "Of its decided flips, those that people see; weighted as agreement is."
        ),
        *share_columns(
            "seen_of_stays",
            "Of the decided pictures that it keeps, those that people see as different; weighted as "
            "agreement is.",
        ),
        Column(
            "agreement",
            "Share of the decided questions on which both say the same, each weighted by the images that it "
            "stands for.",
            "share",
            "fraction of 1",
        ),
        interval_column(
            "agreement_interval",
            "95 % Wilson interval of agreement at Kish's effective number, at most the number of images.",
            beside="agreement",
        ),
        Column("open_flips", "Undecided questions whose prediction flips.", "count", wide=True),
        Column("open_stays", "Undecided questions whose prediction stays.", "count", wide=True),
        Column(
            "apart",
            "Flips whose new label the classifier gives to none of the siblings: to it, too, the picture is "
            "different from those beside it.",
            "count",
            heading="flips unlike all siblings",
        ),
    )
    rows: list[tuple[Cell, ...]] = []
    for each in found.classifiers if found else ():
        of = each.agreement
        rows.append(
            (
                *(each.classifier, of.asked, of.decided, of.decided / of.asked if of.asked else None),
                *(of.both, of.only_model, of.only_people, of.neither),
                *share_cells(of.seen_of_flips, why_empty=_OPEN),
                *share_cells(of.seen_of_stays, why_empty=_OPEN),
                *(of.agreement, pair(of.interval), of.open_flips, of.open_stays, of.apart),
            )
        )
    note = (
        "A classifier sees a change where its top-1 of the changed picture is another than of the unchanged "
        "one. Settings under which a classifier flips nothing were not asked for it."
        if found
        else ""
    )
    return Table(AGREEMENT, "People beside classifiers", columns, tuple(rows), note=note)


def same_content_vision_table(found: SameContentResults | None) -> Table:
    """The same answers by what people say of their colour vision."""
    columns = (
        CLASSIFIER,
        _PREDICTION,
        Column(
            "colour_vision",
            f"{EVERYBODY}; typical, deficient or unsure, as people say of themselves; not said.",
        ),
        Column("people", "Participants with an answer that counts.", "count"),
        *_SAID,
    )
    rows = tuple(
        (
            *(each.classifier, FLIPS if of.flips else STAYS, of.vision, of.people, of.answers),
            *(of.said, pair(of.interval)),
        )
        for each in (found.classifiers if found else ())
        for of in each.vision
    )
    note = "Shares of answers, because a part of the people decides no question by the rule." if rows else ""
    return Table(VISION, "By colour vision", columns, rows, note=note)


def _note(found: SameContentResults | None) -> str:
    if found is None:
        return ""
    rule, asked = found.protocol.answers, found.asked
    beside = f"{asked.siblings} siblings" + (", the unchanged picture among them" if asked.original else "")
    return (
        f"People see something different where {rule.agreement} of {rule.required} say so. "
        f"Beside each picture stood {beside}."
    )


SAME_CONTENT_BUILDERS = (
    same_content_agreement_table,
    same_content_curve_table,
    same_content_vision_table,
)
