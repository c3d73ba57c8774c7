"""How far studies are: answers, verdicts so far, who is here now, answers over time."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TypeVar

import numpy as np
from django.core.cache import cache
from django.db.models import Count, Max, QuerySet
from django.db.models.functions import TruncDay, TruncHour
from django.utils import timezone

from studyapp.analysis.verdicts import Verdict, verdicts
from studyapp.analysis.votes import AgreementRule, Votes
from studyapp.models import Answer, Mode, Presentation, QuestionSlots, QuestionUse, Study
from studyapp.services.plans import protocol_of

# Whoever was given a question within this time and has not answered it yet is here now.
ACTIVE = timedelta(minutes=5)
# Above this many answers the newest row is looked for instead of the latest time of all.
_MANY = 20_000
# What takes longer than this is kept for thirty times as long as it took, ten minutes at most.
_SLOW_SECONDS = 0.2
_TIMES_KEPT = 30.0
_LONGEST_KEPT = 600.0
_HOURLY_UNTIL = timedelta(days=3)

Value = TypeVar("Value")


@dataclass(frozen=True, slots=True)
class Progress:
    """How far one study is in one mode; gold questions and held-back stimuli are outside the counts.

    `wanted` is the number of answers that all `questions` collect; a question decided early
    (`stop_when_decided`) needs no more. `agreement` is the share of pairs of answers to the same
    question that are alike, None without such a pair. Where nothing is `judged` (which group, what can
    be seen) there is no verdict: `complete` questions have all their answers, the others are undecided.
    """

    questions: int = 0
    wanted: int = 0
    answers: int = 0
    agreed: int = 0
    rejected: int = 0
    undecided: int = 0
    held_back: int = 0
    agreement: float | None = None
    judged: bool = True
    complete: int = 0

    @property
    def decided(self) -> int:
        """Questions whose verdict no further answer can change, or that have all their answers."""
        return self.agreed + self.rejected if self.judged else self.complete


@dataclass(frozen=True, slots=True)
class Standing:
    """A study as the board shows it; `rehearsed` is its rehearsal, never pooled with `progress`."""

    study: Study
    progress: Progress
    rehearsed: Progress
    active: int
    last_answer: datetime | None


@dataclass(frozen=True, slots=True)
class Span:
    """Answers in the hour or the day that begins at `start`."""

    start: datetime
    answers: int


@dataclass(frozen=True, slots=True)
class Timeline:
    """Counted answers over time without gaps, by the hour or by the day."""

    unit: str
    spans: tuple[Span, ...]


def remembered(key: str, compute: Callable[[], Value]) -> Value:
    """What `compute` returns; kept for a while where it took long, so that pages stay quick."""
    # Keys hold times and lists of any length; a digest suits every cache.
    short = f"watching:{hashlib.sha256(key.encode()).hexdigest()}"
    found: tuple[Value] | None = cache.get(short)
    if found is not None:
        return found[0]
    began = time.monotonic()
    value = compute()
    took = time.monotonic() - began
    if took > _SLOW_SECONDS:
        cache.set(short, (value,), timeout=min(_LONGEST_KEPT, _TIMES_KEPT * took))
    return value


def standings(studies: Iterable[Study], *, mode: str) -> list[Standing]:
    """Progress, presence and last answer of every study, in a fixed number of queries but for the last."""
    rows = list(studies)
    progress = progress_of(rows, mode=mode)
    rehearsed = progress_of(rows, mode=Mode.REHEARSAL)
    active = active_people(rows, mode=mode)
    return [
        Standing(
            study=study,
            progress=progress[study.pk],
            rehearsed=rehearsed[study.pk],
            active=active.get(study.pk, 0),
            last_answer=last_answer(study, mode=mode) if progress[study.pk].answers else None,
        )
        for study in rows
    ]


def progress_of(studies: Sequence[Study], *, mode: str) -> Mapping[int, Progress]:
    """The progress of every study by its primary key."""
    keys = ",".join(str(study.pk) for study in studies)
    return remembered(f"progress:{mode}:{keys}", lambda: _progress(studies, mode))


def active_people(studies: Sequence[Study], *, mode: str) -> Mapping[int, int]:
    """How many participants hold a question that they were given in the last five minutes."""
    now = timezone.now()
    return dict(
        Presentation.objects.filter(
            holds_slot=True,
            answered=False,
            lease_until__gt=now,
            allocated_at__gt=now - ACTIVE,
            mode=mode,
            sitting__study__in=studies,
        )
        .order_by()
        .values_list("sitting__study")
        .annotate(Count("participant", distinct=True))
    )


def last_answer(study: Study, *, mode: str) -> datetime | None:
    """When the study's last answer came; None where nobody has answered in a sitting yet."""

    def look() -> datetime | None:
        timed = _timed(study, mode)
        if timed[:_MANY].count() < _MANY:
            latest: datetime | None = timed.aggregate(latest=Max("answered_at"))["latest"]
            return latest
        return timed.order_by("-pk").values_list("answered_at", flat=True).first()

    return remembered(f"last:{mode}:{study.pk}", look)


def answers_of(study: Study, *, mode: str) -> QuerySet[Answer]:
    """Answers of the study that count, in one mode."""
    return Answer.objects.filter(
        question__study=study, mode=mode, status=Answer.Status.COUNTED, question__origin="study"
    )


def questions_by_role(study: Study) -> list[tuple[str, int]]:
    """How many questions play each part in the analysis; pooled questions play several."""

    def count() -> list[tuple[str, int]]:
        counts = dict(
            QuestionUse.objects.filter(question__study=study)
            .order_by()
            .values_list("role")
            .annotate(Count("question", distinct=True))
        )
        return [(label, counts[role]) for role, label in QuestionUse.Role.choices if counts.get(role)]

    return remembered(f"roles:{study.pk}:{study.built_at}", count)


def timeline(study: Study, *, mode: str) -> Timeline:
    """Counted answers by the hour within the first three days, by the day after that."""
    return remembered(f"timeline:{mode}:{study.pk}", lambda: _timeline(study, mode))


def _timed(study: Study, mode: str) -> QuerySet[Answer]:
    """Answers given in sittings, found from the sittings: imported ones carry no time and are a million."""
    return Answer.objects.filter(
        presentation__sitting__study=study,
        presentation__sitting__mode=mode,
        status=Answer.Status.COUNTED,
        answered_at__isnull=False,
    )


def _progress(studies: Sequence[Study], mode: str) -> dict[int, Progress]:
    grouped: dict[int, list[tuple[int, int, int, bool, int]]] = {study.pk: [] for study in studies}
    rows = (
        QuestionSlots.objects.filter(study__in=studies, mode=mode, gold=False)
        .order_by()
        .values_list("study", "required", "counted", "positive", "open")
        .annotate(Count("pk"))
    )
    for study_id, *row in rows:
        grouped[study_id].append(tuple(row))
    return {study.pk: _summed(grouped[study.pk], study) for study in studies}


def _summed(rows: Sequence[tuple[int, int, int, bool, int]], study: Study) -> Progress:
    """The progress that groups of equal slots add up to: (required, counted, positive, open, how many)."""
    rules = protocol_of(study).answers
    judged = any(setup.positive for setup in protocol_of(study).arm_setups())
    if not rows:
        return Progress(judged=judged)
    required, counted, positive, is_open, many = (np.array(column) for column in zip(*rows, strict=True))
    outcome = np.empty(len(rows), dtype=np.int8)
    for n in np.unique(required):
        same = required == n
        rule = AgreementRule(required=int(n), agreement=min(rules.agreement, int(n)), positive=rules.positive)
        outcome[same] = verdicts(Votes(positive=positive[same], received=counted[same]), rule)
    complete = counted >= required
    if not judged:
        outcome[:] = Verdict.UNDECIDED
    decided = outcome != Verdict.UNDECIDED if judged else complete
    early = decided if rules.stop_when_decided else np.zeros(len(rows), dtype=bool)
    held_back = ~is_open.astype(bool) & (counted < required) & ~early
    shown = ~held_back
    negative = counted - positive
    pairs = int((many * counted * (counted - 1) // 2)[shown].sum())
    alike = int((many * (positive * (positive - 1) + negative * (negative - 1)) // 2)[shown].sum())

    def total(which: np.ndarray) -> int:
        return int(many[which & shown].sum())

    return Progress(
        questions=total(shown),
        wanted=int((many * np.where(early, counted, required))[shown].sum()),
        answers=int((many * counted)[shown].sum()),
        agreed=total(outcome == Verdict.AGREED),
        rejected=total(outcome == Verdict.REJECTED),
        undecided=total(~decided),
        held_back=int(many[held_back].sum()),
        agreement=alike / pairs if pairs and judged else None,
        judged=judged,
        complete=total(complete),
    )


def _timeline(study: Study, mode: str) -> Timeline:
    timed = _timed(study, mode)
    newest = last_answer(study, mode=mode)
    if newest is None:
        return Timeline("hour", ())
    oldest = timed.order_by("answered_at").values_list("answered_at", flat=True).first() or newest
    hourly = newest - oldest < _HOURLY_UNTIL
    truncated = TruncHour("answered_at") if hourly else TruncDay("answered_at")
    counts = dict(timed.order_by().annotate(start=truncated).values_list("start").annotate(Count("pk")))
    step = timedelta(hours=1) if hourly else timedelta(days=1)
    spans: list[Span] = []
    start, last = min(counts), max(counts)
    while start <= last and len(spans) < 1000:
        spans.append(Span(start, counts.get(start, 0)))
        start += step
    return Timeline("hour" if hourly else "day", tuple(spans))
