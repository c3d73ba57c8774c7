"""How stable predictions are when people may accept the label that they flip to.

A prediction that a change turns counts as unstable. Where people find the new label relevant for the changed
picture, by the study's agreement rule, the flip is accepted. Rectified stability counts accepted flips as
stable, as the rectified error counts accepted mistakes as correct (Stock and Cissé, ECCV 2018, section 3.1);
that it is done for flips is this project's own.

With N images, F flips of which G are of the directions asked about, and the share a of the G that people
accept: raw stability 1 - F/N, rectified stability 1 - (F - aG)/N. Where T further flips are to the dataset's
label and are taken for right without asking, it is 1 - (F - T - aG)/N.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from studyapp.analysis.arrays import BoolArray, FloatArray, IntArray
from studyapp.analysis.intervals import Interval, weighted_rate, wilson_of_share
from studyapp.analysis.verdicts import Verdict


@dataclass(frozen=True, slots=True)
class FlipCount:
    """One setting: `images` probed, `flips` of them turned, `in_question` in the directions asked about.

    `right`: flips to the dataset's label that nobody is asked about and that count as stable; none of
    `in_question`.
    """

    setting: str
    images: int
    flips: int
    in_question: int
    right: int = 0


@dataclass(frozen=True, slots=True, eq=False)
class AskedFlips:
    """The flips of one classifier that people were asked about, one row each [m].

    `setting` and `direction` indices, `image` keys, `weight` flips each stands for, `verdict` codes.
    """

    setting: IntArray
    direction: IntArray
    image: IntArray
    weight: FloatArray
    verdict: IntArray

    def __post_init__(self) -> None:
        for name in ("direction", "image", "weight", "verdict"):
            if len(getattr(self, name)) != len(self.setting):
                raise ValueError(f"asked flips: {name} has not the {len(self.setting)} rows of setting")

    def where(self, keep: BoolArray) -> AskedFlips:
        """The rows where `keep` is true."""
        return AskedFlips(
            setting=self.setting[keep],
            direction=self.direction[keep],
            image=self.image[keep],
            weight=self.weight[keep],
            verdict=self.verdict[keep],
        )


@dataclass(frozen=True, slots=True)
class FlipVerdicts:
    """What people said of some flips: how many were asked about, decided, accepted.

    `accepted_share` is weighted by what each flip stands for, over the decided ones; None of none. Its
    interval is that of `weighted_rate`. `bounds`: the share with every undecided flip rejected, and accepted;
    None where all are decided.
    """

    asked: int
    decided: int
    accepted: int
    accepted_share: float | None
    interval: Interval | None
    bounds: tuple[float, float] | None

    @property
    def rejected_share(self) -> float | None:
        """Share of the flips that people do not accept."""
        return None if self.accepted_share is None else 1.0 - self.accepted_share

    @property
    def rejected_interval(self) -> Interval | None:
        """Its interval."""
        if self.interval is None:
            return None
        return Interval(1.0 - self.interval.high, 1.0 - self.interval.low, self.interval.method)


@dataclass(frozen=True, slots=True)
class SettingStability:
    """Stability under one setting (or the mean over several), raw and rectified.

    `raw_interval` is Wilson's; of a mean over settings it rests on the images of one of them, because the
    settings share their images. `interval` carries the acceptance's interval over, with the raw stability
    held; `bounds` likewise. A rectified value is None where there are flips in question and none is decided.
    """

    count: FlipCount
    verdicts: FlipVerdicts
    raw: float | None
    raw_interval: Interval | None
    rectified: float | None
    interval: tuple[float, float] | None
    bounds: tuple[float, float] | None


def flip_verdicts(asked: AskedFlips) -> FlipVerdicts:
    """Weighted acceptance of some flips."""
    decided = asked.verdict != Verdict.UNDECIDED
    accepted = asked.verdict == Verdict.AGREED
    found = weighted_rate(counted=accepted[decided], weight=asked.weight[decided], image=asked.image[decided])
    bounds = None
    if not decided.all():
        total = float(asked.weight.sum())
        low = float(asked.weight[accepted].sum()) / total
        bounds = (low, low + float(asked.weight[~decided].sum()) / total)
    return FlipVerdicts(
        asked=len(asked.setting),
        decided=found.total,
        accepted=found.count,
        accepted_share=found.share,
        interval=found.interval,
        bounds=bounds,
    )


def setting_stabilities(
    counts: Sequence[FlipCount], asked: AskedFlips
) -> tuple[tuple[SettingStability, ...], SettingStability]:
    """Every setting of `counts`, in order, and all of them together (means over the settings)."""
    each = tuple(
        _stability(count, flip_verdicts(asked.where(asked.setting == place)))
        for place, count in enumerate(counts)
    )
    whole = FlipCount(
        "",
        images=sum(count.images for count in counts),
        flips=sum(count.flips for count in counts),
        in_question=sum(count.in_question for count in counts),
        right=sum(count.right for count in counts),
    )
    return each, _stability(whole, flip_verdicts(asked), settings=len(counts))


def _stability(count: FlipCount, verdicts: FlipVerdicts, *, settings: int = 1) -> SettingStability:
    if not count.images:
        return SettingStability(count, verdicts, None, None, None, None, None)
    raw = 1.0 - count.flips / count.images
    around = wilson_of_share(raw, count.images / settings)

    def with_accepted(share: float) -> float:
        return 1.0 - (count.flips - count.right - share * count.in_question) / count.images

    if not count.in_question:
        # Nothing that could be accepted: what is raw stays.
        return SettingStability(count, verdicts, raw, around, with_accepted(0.0), None, None)
    share, found, open_to = verdicts.accepted_share, verdicts.interval, verdicts.bounds
    return SettingStability(
        count=count,
        verdicts=verdicts,
        raw=raw,
        raw_interval=around,
        rectified=None if share is None else with_accepted(share),
        interval=None if found is None else (with_accepted(found.low), with_accepted(found.high)),
        bounds=None if open_to is None else (with_accepted(open_to[0]), with_accepted(open_to[1])),
    )
