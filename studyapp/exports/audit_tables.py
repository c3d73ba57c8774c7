"""Tables of a bias audit: rates of perceived attributes per group, agreement, published references.

Aggregates only: no row is about an image or a person.
"""

from __future__ import annotations

from studyapp.analysis.bias_audit import FEW_IMAGES, FEWEST_ANNOTATORS, AttributeAgreement, GroupRate
from studyapp.exports.audit_evidence import AuditResults
from studyapp.exports.cells import ARM, pair, share_cells, share_columns
from studyapp.exports.tabular import Cell, Column, Table

# Stock and Cissé (2018), section 3.4, on the category basketball; the groups' sizes are not stated.
_AUDITED_BY_THE_PAPER = ("basketball", "n02802426")
_PUBLISHED = (
    ("at least one white person", 0.55, 0.44, 0.90),
    ("at least one black person", 0.53, 0.78, 0.20),
)


def audit_rates_table(found: AuditResults | None) -> Table:
    """Every group and attribute: rate, difference from the training sample, tests."""
    rows = [] if found is None else [(arm.arm, *_rate_cells(row)) for arm in found.arms for row in arm.rates]
    columns = (
        ARM,
        Column("attribute", "What annotators could choose, as it appears to them."),
        Column("group", "prototypes, criticisms, or a sample; training is the reference."),
        Column("images", "Images of the group.", "count", wide=True),
        Column("decided", "Of them, those of which the rule decides.", "count"),
        Column("perceived", "Of the decided, those that show the attribute by the rule.", "count"),
        *share_columns("rate", "perceived / decided."),
        *share_columns("difference", "Rate minus the training sample's; Newcombe's interval."),
        Column(
            "fisher_p", "Fisher's exact test against the training sample, two-sided.", "probability", "", "p"
        ),
        Column(
            "fisher_p_adjusted",
            "The same, Benjamini and Hochberg over all tests of the arm.",
            "probability",
            heading="p (adjusted)",
        ),
        Column("tied", "Images that exactly half of the annotators saw it in.", "count"),
        Column("cannot_tell", "Images of which most annotators could not tell.", "count"),
        Column("too_few", f"Images with fewer than {FEWEST_ANNOTATORS} annotators.", "count"),
        Column("shared", "Images that the training sample has, too.", "count", wide=True),
        Column(
            "few", f"yes: the rate rests on fewer than {FEW_IMAGES} decided images.", heading="few images"
        ),
    )
    return Table("audit_rates", "Perceived attributes by group", columns, tuple(rows), note=_note(found))


def _rate_cells(row: GroupRate) -> tuple[Cell, ...]:
    return (
        *(row.attribute, row.group, row.images, row.rate.total, row.rate.count),
        *share_cells(row.rate, why_empty="no image of the group is decided yet"),
        *(row.difference, pair(row.difference_interval), row.p, row.p_adjusted),
        *(row.tied, row.cannot_tell, row.too_few, row.shared, "yes" if row.few else "no"),
    )


def _note(found: AuditResults | None) -> str:
    if found is None:
        return ""
    rule = found.rule
    words = (
        f"An image shows an attribute where {rule.agreement} of {rule.required} annotators chose it (of "
        f"other numbers the same share; {FEWEST_ANNOTATORS} at least). Ties, images of which most could "
        "not tell and images with too few annotators are counted and in no rate. What is counted is "
        "perception, not anybody's identity."
    )
    if any(row.shared for arm in found.arms for row in arm.rates):
        words += (
            " A group shares images with the training sample: the tests, which take the two for independent, "
            "then find too little."
        )
    return words


def audit_agreement_table(found: AuditResults | None) -> Table:
    """How far annotators agree on every attribute."""
    rows = (
        []
        if found is None
        else [(arm.arm, *_agreement_cells(row)) for arm in found.arms for row in arm.agreement]
    )
    columns = (
        ARM,
        Column("attribute", "What annotators could choose."),
        Column("images", "Images with two annotators who could tell.", "count"),
        Column("krippendorff_alpha", "Krippendorff's alpha, chosen against not.", "number", heading="alpha"),
        Column("percent_agreement", "Pairs of annotators of one image who agree.", "share", "fraction of 1"),
    )
    note = (
        "Who could not tell says nothing about agreement. All images of all groups together." if rows else ""
    )
    return Table("audit_agreement", "Agreement on attributes", columns, tuple(rows), note=note)


def _agreement_cells(row: AttributeAgreement) -> tuple[Cell, ...]:
    found = row.reliability
    return row.attribute, found.questions, found.alpha, found.percent_agreement


def audit_references_table(found: AuditResults | None) -> Table:
    """The paper's rates, where its category is audited: references, no results."""
    there = found is not None and found.category.strip().lower() in _AUDITED_BY_THE_PAPER
    columns = (
        Column("attribute", "The paper's attribute."),
        *(
            Column(group, f"Its rate in the paper's {images}.", "share", "fraction of 1")
            for group, images in (
                ("training", "training images"),
                ("prototypes", "prototypes"),
                ("criticisms", "criticisms"),
            )
        ),
    )
    note = (
        "References, no results of this study: Stock and Cissé (2018), section 3.4, category basketball. The "
        "paper's group sizes are unknown, so that these rates have no interval and can be tested against "
        "nothing."
        if there
        else ""
    )
    return Table("audit_references", "Published rates", columns, _PUBLISHED if there else (), note=note)


AUDIT_BUILDERS = (audit_rates_table, audit_agreement_table, audit_references_table)
