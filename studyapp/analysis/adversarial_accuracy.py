"""The paper's Table 2: top-1 accuracy after an attack, before and after people looked.

The paper gives 77.31 % on the whole validation set and shows people 20 classes: every accuracy stands here
with the set of images it is a share of.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from studyapp.analysis.arms import ArmImages
from studyapp.analysis.arrays import BoolArray
from studyapp.analysis.intervals import Interval, Rate, wilson_rate
from studyapp.analysis.rectified import (
    OutcomeColumn,
    Review,
    draw_columns,
    rectified_error,
    remaining_errors,
    review_counts,
)
from studyapp.analysis.withheld import Withheld

ImageSet = Literal["shown", "attacked", "categories", "dataset"]


@dataclass(frozen=True, slots=True, eq=False)
class AttackedImages:
    """What an attack did to the R images of its categories.

    `attacked` [R]: predicted correctly at the start and attacked. `correct_before`, `correct_in_float`,
    `correct_in_file` [R]: top-1 is the dataset's label before the attack, of its float result, and of the
    8-bit file (an image that was not attacked stays as it was). `read_from_file`: whether the protocol
    takes the file's label. `dataset`: correct predictions of how many images of the whole dataset.
    `sampled`: people were asked about a sample of the errors.
    """

    classifier: str
    attacked: BoolArray
    correct_before: BoolArray
    correct_in_float: BoolArray
    correct_in_file: BoolArray
    dataset: Rate
    read_from_file: bool = True
    sampled: bool = False

    def __post_init__(self) -> None:
        sizes = {
            len(column)
            for column in (self.attacked, self.correct_before, self.correct_in_float, self.correct_in_file)
        }
        if len(sizes) > 1:
            raise ValueError(
                f"classifier {self.classifier}: columns of {sorted(sizes)} images; give one each"
            )

    @property
    def correct_after(self) -> BoolArray:
        """[R] top-1 is the dataset's label after the attack, as the protocol reads it."""
        return self.correct_in_file if self.read_from_file else self.correct_in_float


@dataclass(frozen=True, slots=True)
class AccuracyAfter:
    """Accuracy over one set after the attack: as labelled, and with people's agreement.

    `standard` has no interval where it is 0 by construction: of images shown because they are mistaken.
    `rectified_count`: (correct + agreed) images; None where a sample of the errors speaks for the rest.
    `bounds`: with no undecided image agreed, and with all.
    """

    standard: Rate
    correct_in_float: int
    correct_in_file: int
    rectified_count: int | None
    rectified: float
    rectified_interval: Interval
    bounds: tuple[float, float]
    agreed: int
    undecided: int
    unasked: int
    coverage: float | None


@dataclass(frozen=True, slots=True)
class AdversarialAccuracy:
    """One classifier in one arm over one set of images, before the attack and after.

    `before` has no interval where it is 1 by construction: only images that are right are attacked.
    """

    images: ImageSet
    before: Rate
    after: AccuracyAfter | Withheld


def adversarial_accuracy(
    attack: AttackedImages, arm: ArmImages, *, draws: int, rng: np.random.Generator
) -> tuple[AdversarialAccuracy, ...]:
    """Table 2's rows of one arm: over the images shown, attacked, of the categories, of the dataset.

    `arm` is over the same R images. The dataset's row has no accuracy after the attack unless the attack
    took all of it.
    """
    everything = np.ones(len(attack.attacked), dtype=bool)
    sets: tuple[tuple[ImageSet, BoolArray], ...] = (
        ("shown", arm.asked),
        ("attacked", attack.attacked),
        ("categories", everything),
    )
    rows = [
        AdversarialAccuracy(
            images=name,
            before=_before(name, attack.correct_before[chosen]),
            after=_after(name, attack, arm, chosen, draws, rng),
        )
        for name, chosen in sets
    ]
    whole: AccuracyAfter | Withheld = rows[-1].after
    if len(everything) < attack.dataset.total:
        whole = Withheld(
            f"the attack took {len(everything):,} of {attack.dataset.total:,} images; the others have no "
            "adversarial version"
        )
    return (*rows, AdversarialAccuracy("dataset", attack.dataset, whole))


def _before(name: ImageSet, correct: BoolArray) -> Rate:
    rate = _rate(correct)
    if name in ("shown", "attacked") and rate.count == rate.total:
        return replace(rate, interval=None)
    return rate


def _standard(name: ImageSet, correct: BoolArray) -> Rate:
    """A study shows what is mistaken as its protocol reads it: that none is right is then no estimate.

    Where the reading differs from the choice some are right, and the share is measured.
    """
    rate = _rate(correct)
    return replace(rate, interval=None) if name == "shown" and rate.count == 0 else rate


def _after(
    name: ImageSet,
    attack: AttackedImages,
    arm: ArmImages,
    chosen: BoolArray,
    draws: int,
    rng: np.random.Generator,
) -> AccuracyAfter | Withheld:
    total = int(chosen.sum())
    if total == 0:
        return Withheld("no image is in this set")
    error = ~attack.correct_after[chosen]
    # The sample was drawn from attacked images: those wrong at the start are errors of their own kind.
    stratum = (~attack.attacked[chosen]).astype(np.int64) if attack.sampled else None
    review = Review(error, arm.verdict[chosen], stratum)
    column: OutcomeColumn = remaining_errors(review, name="rectified")
    replicates = draw_columns([column], draws=draws, rng=rng)
    rectified = rectified_error(review, column, replicates)
    # Only attacked images were to be asked about.
    asked = review_counts(Review(error & attack.attacked[chosen], review.verdict, stratum))
    least, most = rectified.bounds
    interval = rectified.interval
    return AccuracyAfter(
        standard=_standard(name, attack.correct_after[chosen]),
        correct_in_float=int(attack.correct_in_float[chosen].sum()),
        correct_in_file=int(attack.correct_in_file[chosen].sum()),
        rectified_count=None if asked.not_drawn else total - round(rectified.error * total),
        rectified=1 - rectified.error,
        rectified_interval=Interval(1 - interval.high, 1 - interval.low, interval.method, interval.level),
        bounds=(1 - most, 1 - least),
        agreed=asked.agreed,
        undecided=asked.undecided,
        unasked=asked.unasked + asked.not_drawn,
        coverage=asked.coverage,
    )


def _rate(correct: BoolArray) -> Rate:
    return wilson_rate(int(correct.sum()), len(correct))
