"""One arm of a study, image by image: how often people agree there.

A paper that says "people agree with 22.01 % of the predictions" may mean the share of positive answers or
the share of images that reach the agreement, so both are computed. Images are the units: answers to one
image hang together, and the next study would show other images.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from studyapp.analysis.arrays import BoolArray, FloatArray, IntArray
from studyapp.analysis.bootstrap import Draws, ImageOutcomes, bootstrap_images
from studyapp.analysis.evidence import NO_QUESTION
from studyapp.analysis.intervals import Interval, Rate, percentile, wilson, wilson_rate
from studyapp.analysis.verdicts import Verdict
from studyapp.analysis.votes import AgreementRule, Votes
from studyapp.analysis.withheld import STOPPED_EARLY, Bounds, Withheld


@dataclass(frozen=True, slots=True, eq=False)
class ArmImages:
    """What one arm knows of each of N images: [N] positive and received answers, and the `Verdict` code.

    `NO_QUESTION` stands for the verdict where the arm does not ask about the image; it has no answers there.
    """

    arm: str
    positive: IntArray
    received: IntArray
    verdict: IntArray

    @property
    def asked(self) -> BoolArray:
        """[N] the images that this arm asks about."""
        return np.asarray(self.verdict != NO_QUESTION, dtype=np.bool_)

    @property
    def agreed(self) -> BoolArray:
        """[N] the images whose question reached the agreement."""
        return np.asarray(self.verdict == Verdict.AGREED, dtype=np.bool_)

    @property
    def decided(self) -> BoolArray:
        """[N] the images whose question has a verdict."""
        return np.asarray(self.agreed | (self.verdict == Verdict.REJECTED), dtype=np.bool_)


@dataclass(frozen=True, slots=True)
class Agreement:
    """How often people agree in one arm.

    `positive_share` = `positive` / `answers` over all images, its interval from resampled images; bounds
    where questions were closed early. `images` = agreed / decided images with Wilson's interval;
    `image_bounds`: with no undecided image agreed, and with all. `coverage` = decided / asked.
    """

    asked: int
    answers: int
    positive: int
    positive_share: float | Bounds | Withheld
    positive_interval: Interval | None
    images: Rate
    image_bounds: tuple[float, float] | None
    undecided: int
    coverage: float | None


def arm_images(arm: str, question: IntArray, votes: Votes, verdicts: IntArray) -> ArmImages:
    """The votes and verdicts [Q] of an arm, put to the images by their question [N] or `NO_QUESTION`."""
    asked = question != NO_QUESTION
    place = np.where(asked, question, 0)
    if not asked.any():
        nothing = np.zeros(len(question), dtype=np.int64)
        return ArmImages(arm, nothing, nothing, np.full(len(question), NO_QUESTION))
    return ArmImages(
        arm=arm,
        positive=np.where(asked, votes.positive[place], 0),
        received=np.where(asked, votes.received[place], 0),
        verdict=np.where(asked, verdicts[place], NO_QUESTION),
    )


def draw_answers(arms: Sequence[ArmImages], *, draws: int, rng: np.random.Generator) -> Draws:
    """Means of positive and received answers in every arm, from the same draws of the images."""
    columns = [column for arm in arms for column in (arm.positive, arm.received)]
    names = tuple(f"{arm.arm}: {what}" for arm in arms for what in ("positive answers", "answers"))
    values = np.stack(columns, axis=1).astype(np.int64)
    return bootstrap_images(ImageOutcomes(values, names), draws=draws, rng=rng)


def agreement(arm: ArmImages, rule: AgreementRule, draws: Draws) -> Agreement:
    """How often people agree in this arm; `draws` comes from `draw_answers`."""
    asked, decided = int(arm.asked.sum()), int(arm.decided.sum())
    agreed = int(arm.agreed.sum())
    undecided = asked - decided
    share, interval = _positive_share(arm, rule, draws)
    return Agreement(
        asked=asked,
        answers=int(arm.received.sum()),
        positive=int(arm.positive.sum()),
        positive_share=share,
        positive_interval=interval,
        images=wilson_rate(agreed, decided),
        image_bounds=(agreed / asked, (agreed + undecided) / asked) if asked else None,
        undecided=undecided,
        coverage=decided / asked if asked else None,
    )


def _positive_share(
    arm: ArmImages, rule: AgreementRule, draws: Draws
) -> tuple[float | Bounds | Withheld, Interval | None]:
    positive, received = int(arm.positive.sum()), int(arm.received.sum())
    if received == 0:
        return Withheld("nobody has answered in this arm yet"), None
    if rule.stop_when_decided:
        # The fifth answer is left out exactly where the first four agreed: a share of what came would lean.
        possible = rule.required * int(arm.asked.sum())
        return Bounds(positive / possible, (positive + possible - received) / possible, STOPPED_EARLY), None
    answered = int((arm.received > 0).sum())
    if positive in (0, received):
        # The bootstrap cannot vary a share of nothing; the images are the units that it stands on.
        return positive / received, wilson(answered if positive else 0, answered)
    ratio = ratio_draws(draws.of(f"{arm.arm}: positive answers"), draws.of(f"{arm.arm}: answers"))
    return positive / received, percentile(ratio)


def ratio_draws(numerator: FloatArray, denominator: FloatArray) -> FloatArray:
    """[<= B] replicates of a ratio of means; a draw without any of the denominator says nothing."""
    there = denominator > 0
    return np.asarray(numerator[there] / denominator[there], dtype=np.float64)
