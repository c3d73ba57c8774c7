"""The bias audit (science.md, section 5): how often an attribute is perceived in the images of each group.

What is counted is perception. An image shows an attribute where the protocol's share of its annotators say
so; rates of groups are compared with the training sample, with Benjamini and Hochberg's correction.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from enum import IntEnum

import numpy as np

from studyapp.analysis.arrays import IntArray
from studyapp.analysis.intervals import Interval, Rate, wilson_rate
from studyapp.analysis.reliability import Reliability, reliability
from studyapp.analysis.withheld import Withheld

# A perception that fewer people report says more about them than about the picture.
FEWEST_ANNOTATORS = 3
REFERENCE = "training"
# Below so many decided images a rate is marked as resting on few.
FEW_IMAGES = 10


class Perceived(IntEnum):
    """What the annotators of one image say of one attribute."""

    ABSENT = 0
    PRESENT = 1
    TIED = 2
    CANNOT_TELL = 3
    TOO_FEW = 4


@dataclass(frozen=True, slots=True)
class PerceptionRule:
    """`agreement` of `required` annotators, applied as a share where an image has other than `required`."""

    agreement: int
    required: int

    def __post_init__(self) -> None:
        if not 1 <= self.agreement <= self.required:
            raise ValueError(f"{self.agreement} of {self.required} annotators: give 1 to {self.required}")


@dataclass(frozen=True, slots=True, eq=False)
class Annotations:
    """Annotations of I images for K attributes.

    `seen` [I, K]: annotators who chose the attribute; `received` [I]: annotators; `cannot_tell` [I]: those of
    them who said that the picture does not allow to say. `groups`: the images of each group, an image in
    several where it was drawn for several.
    """

    attributes: tuple[str, ...]
    seen: IntArray
    received: IntArray
    cannot_tell: IntArray
    groups: Mapping[str, IntArray]

    def __post_init__(self) -> None:
        expected = (len(self.received), len(self.attributes))
        if self.seen.shape != expected or self.cannot_tell.shape != self.received.shape:
            raise ValueError(
                f"annotations: seen is {self.seen.shape} and cannot_tell {self.cannot_tell.shape}, "
                f"for {expected[0]} images and {expected[1]} attributes"
            )
        if (self.seen + self.cannot_tell[:, None] > self.received[:, None]).any():
            raise ValueError(
                "annotations: an image has more annotators who saw it or could not tell than annotators"
            )


@dataclass(frozen=True, slots=True)
class GroupRate:
    """One attribute in one group.

    `rate`: images that show it, of those decided; `tied`, `cannot_tell`, `too_few`: images in neither.
    `shared`: images that the reference has, too, so that the two are not independent. Difference: this group
    minus the reference, with Newcombe's interval; `p` Fisher's exact test, two-sided; `p_adjusted`
    Benjamini and Hochberg over the table. All None for the reference itself.
    """

    group: str
    attribute: str
    images: int
    rate: Rate
    tied: int
    cannot_tell: int
    too_few: int
    shared: int | None
    difference: float | Withheld | None
    difference_interval: Interval | None
    p: float | Withheld | None
    p_adjusted: float | Withheld | None

    @property
    def few(self) -> bool:
        """Whether the rate rests on few images."""
        return self.rate.total < FEW_IMAGES


@dataclass(frozen=True, slots=True)
class AttributeAgreement:
    """How far annotators agree on one attribute, over all images; who could not tell says nothing."""

    attribute: str
    reliability: Reliability


def perceived(annotations: Annotations, rule: PerceptionRule) -> IntArray:
    """[I, K] `Perceived` codes.

    Present: at least agreement / required of the annotators chose the attribute. Otherwise tied where exactly
    half of them did, and absent where fewer; not decided where more than half could not tell, or where fewer
    than three people looked.
    """
    received = annotations.received[:, None]
    seen = annotations.seen
    codes = np.full(seen.shape, int(Perceived.ABSENT), dtype=np.int64)
    codes[2 * seen == received] = Perceived.TIED
    codes[seen * rule.required >= rule.agreement * received] = Perceived.PRESENT
    codes[2 * annotations.cannot_tell > annotations.received] = Perceived.CANNOT_TELL
    codes[annotations.received < FEWEST_ANNOTATORS] = Perceived.TOO_FEW
    return codes


def group_rates(annotations: Annotations, rule: PerceptionRule) -> tuple[GroupRate, ...]:
    """Every group and attribute, groups in their order; corrected over all tests of the table."""
    codes = perceived(annotations, rule)
    reference = annotations.groups.get(REFERENCE)
    rows = []
    for column, attribute in enumerate(annotations.attributes):
        of_reference = None if reference is None else _rate(codes[reference, column])
        for name, images in annotations.groups.items():
            mine = codes[images, column]
            row = GroupRate(
                group=name,
                attribute=attribute,
                images=len(images),
                rate=_rate(mine),
                tied=int((mine == Perceived.TIED).sum()),
                cannot_tell=int((mine == Perceived.CANNOT_TELL).sum()),
                too_few=int((mine == Perceived.TOO_FEW).sum()),
                shared=None,
                difference=None,
                difference_interval=None,
                p=None,
                p_adjusted=None,
            )
            if name != REFERENCE and reference is not None and of_reference is not None:
                shared = int(np.isin(images, reference).sum())
                row = _compared(replace(row, shared=shared), of_reference)
            rows.append(row)
    return _adjusted(rows)


def attribute_agreement(annotations: Annotations) -> tuple[AttributeAgreement, ...]:
    """Krippendorff's alpha of each attribute: chosen against not chosen."""
    told = annotations.received - annotations.cannot_tell
    return tuple(
        AttributeAgreement(
            attribute,
            reliability(np.stack([told - annotations.seen[:, column], annotations.seen[:, column]], axis=1)),
        )
        for column, attribute in enumerate(annotations.attributes)
    )


def fisher_p(first: Rate, second: Rate) -> float:
    """Fisher's exact test of two shares, two-sided."""
    from scipy.stats import fisher_exact  # late: web processes start without scipy.stats

    table = [[first.count, first.total - first.count], [second.count, second.total - second.count]]
    return float(fisher_exact(table).pvalue)


def difference_interval(first: Rate, second: Rate) -> Interval:
    """Newcombe's interval of the difference of two independent shares (Newcombe 1998, method 10)."""
    from statsmodels.stats.proportion import confint_proportions_2indep

    low, high = confint_proportions_2indep(
        first.count, first.total, second.count, second.total, method="newcomb", compare="diff"
    )
    return Interval(float(low), float(high), "newcombe")


def _rate(codes: IntArray) -> Rate:
    present = int((codes == Perceived.PRESENT).sum())
    return wilson_rate(present, present + int((codes == Perceived.ABSENT).sum()))


def _compared(row: GroupRate, reference: Rate) -> GroupRate:
    if row.rate.share is None or reference.share is None:
        nothing = Withheld("no image of this group or of the training sample is decided yet")
        return replace(row, difference=nothing, p=nothing, p_adjusted=nothing)
    p = fisher_p(row.rate, reference)
    return replace(
        row,
        difference=row.rate.share - reference.share,
        difference_interval=difference_interval(row.rate, reference),
        p=p,
        p_adjusted=p,
    )


def _adjusted(rows: Sequence[GroupRate]) -> tuple[GroupRate, ...]:
    tested = [row.p for row in rows if isinstance(row.p, float)]
    if not tested:
        return tuple(rows)
    # Imported late, like everything of statsmodels: it doubles the start of every process.
    from statsmodels.stats.multitest import multipletests

    adjusted = iter(multipletests(tested, method="fdr_bh")[1])
    return tuple(
        replace(row, p_adjusted=float(next(adjusted))) if isinstance(row.p, float) else row for row in rows
    )
