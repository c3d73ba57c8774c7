"""How often people see something different where a classifier does.

Question: Mertens et al. (ICANN 2023); that people and classifiers are compared on it is this project's own.
A classifier sees a change where its top-1 of the changed picture is another than of the unchanged one; people
see it where the study's agreement rule says that they do.
"""

from __future__ import annotations

from dataclasses import dataclass

from studyapp.analysis.arrays import BoolArray, FloatArray, IntArray
from studyapp.analysis.intervals import Interval, Rate, clustered_wilson, weighted_rate, wilson_rate
from studyapp.analysis.verdicts import Verdict


@dataclass(frozen=True, slots=True, eq=False)
class AskedChanges:
    """The questions of one classifier, one row each [m].

    `setting` indices, `flips` whether its prediction changes, `apart` whether its label is none of the
    siblings' labels, `image` keys, `weight` images of the setting each stands for, `verdict` codes,
    `received` and `positive` answers.
    """

    setting: IntArray
    flips: BoolArray
    apart: BoolArray
    image: IntArray
    weight: FloatArray
    verdict: IntArray
    received: IntArray
    positive: IntArray

    def __post_init__(self) -> None:
        for name in ("flips", "apart", "image", "weight", "verdict", "received", "positive"):
            if len(getattr(self, name)) != len(self.setting):
                raise ValueError(f"asked changes: {name} has not the {len(self.setting)} rows of setting")

    def where(self, keep: BoolArray) -> AskedChanges:
        """The rows where `keep` is true."""
        return AskedChanges(
            setting=self.setting[keep],
            flips=self.flips[keep],
            apart=self.apart[keep],
            image=self.image[keep],
            weight=self.weight[keep],
            verdict=self.verdict[keep],
            received=self.received[keep],
            positive=self.positive[keep],
        )


@dataclass(frozen=True, slots=True)
class SeenChanges:
    """Some questions: how many are decided, in how many of those people see a change, how they answered.

    `seen` is over the decided questions, with Wilson's interval; `said` is the mean over questions of the
    share of answers that say so, its interval Wilson's at the effective number of independent answers.
    """

    asked: int
    seen: Rate
    answers: int
    said: float | None
    said_interval: Interval | None


@dataclass(frozen=True, slots=True)
class Agreement:
    """People and one classifier on its questions; counts are of decided questions.

    `open_flips` and `open_stays` are undecided, `apart` the flips whose label is none of the siblings'.
    `seen_of_flips`, `seen_of_stays`: of the decided flips, and of the pictures whose prediction stays, those
    in which people see a change; `agreement`: of the decided questions those on which both say the same.
    These shares are weighted by the images that each question stands for (their counts are not), and their
    intervals rest on no more questions than there are images.
    """

    both: int
    only_model: int
    only_people: int
    neither: int
    open_flips: int
    open_stays: int
    apart: int
    seen_of_flips: Rate
    seen_of_stays: Rate
    agreement: float | None
    interval: Interval | None

    @property
    def asked(self) -> int:
        """All questions."""
        return self.decided + self.open_flips + self.open_stays

    @property
    def decided(self) -> int:
        """Those that the agreement rule decides."""
        return self.both + self.only_model + self.only_people + self.neither


def seen_changes(asked: AskedChanges) -> SeenChanges:
    """What people make of some questions."""
    decided = asked.verdict != Verdict.UNDECIDED
    said, interval = said_changes(asked.received, asked.positive)
    return SeenChanges(
        asked=len(asked.setting),
        seen=wilson_rate(int((asked.verdict == Verdict.AGREED).sum()), int(decided.sum())),
        answers=int(asked.received.sum()),
        said=said,
        said_interval=interval,
    )


def said_changes(received: IntArray, positive: IntArray) -> tuple[float | None, Interval | None]:
    """Mean over questions of the share of positive answers, and its interval; None of no answer."""
    answered = received > 0
    if not answered.any():
        return None, None
    shares: FloatArray = positive[answered] / received[answered]
    return float(shares.mean()), clustered_wilson(shares)


def seen_by_setting(asked: AskedChanges, settings: int) -> tuple[tuple[SeenChanges, SeenChanges], ...]:
    """Of every setting: where the prediction flips, and where it stays."""
    return tuple(
        (
            seen_changes(asked.where((asked.setting == place) & asked.flips)),
            seen_changes(asked.where((asked.setting == place) & ~asked.flips)),
        )
        for place in range(settings)
    )


def agreement(asked: AskedChanges) -> Agreement:
    """The two by two table of people and one classifier."""
    seen, unseen = asked.verdict == Verdict.AGREED, asked.verdict == Verdict.REJECTED
    decided = seen | unseen
    same = _weighted(asked, decided, seen == asked.flips)
    return Agreement(
        both=int((seen & asked.flips).sum()),
        only_model=int((unseen & asked.flips).sum()),
        only_people=int((seen & ~asked.flips).sum()),
        neither=int((unseen & ~asked.flips).sum()),
        open_flips=int((~decided & asked.flips).sum()),
        open_stays=int((~decided & ~asked.flips).sum()),
        apart=int((asked.apart & asked.flips).sum()),
        seen_of_flips=_weighted(asked, decided & asked.flips, seen),
        seen_of_stays=_weighted(asked, decided & ~asked.flips, seen),
        agreement=same.share,
        interval=same.interval,
    )


def _weighted(asked: AskedChanges, of: BoolArray, counted: BoolArray) -> Rate:
    """Of the questions `of` those `counted`, each with its weight."""
    return weighted_rate(counted=counted[of], weight=asked.weight[of], image=asked.image[of])
