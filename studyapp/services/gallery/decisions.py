"""Decisions about what a study shows of an image: one by one, or all that wait among those chosen."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.db import transaction
from django.db.models import Count, Exists, OuterRef, QuerySet

from studyapp.models import QuestionUse, Stimulus, Study
from studyapp.services.gallery.filters import REVIEWS, GalleryFilter
from studyapp.services.gallery.listing import stimuli_of, wanted_images
from studyapp.services.gallery.scopes import Scope
from studyapp.services.refusals import Refused
from studyapp.services.studies.reviews import audit_approval, review_stimulus

_REASONS = 12
_AT_ONCE = 500


@dataclass(frozen=True, slots=True)
class Waiting:
    """How many stimuli wait for a decision, and of how many images."""

    stimuli: int
    images: int


@transaction.atomic
def decide(
    *, scope: Scope, image: str, actor: str, approve: bool, reason: str = "", stimulus: str = ""
) -> int:
    """Approve everything the study shows of an image, or hold it back with a reason; how many stimuli.

    `image` and `stimulus` are keys; with `stimulus` only that one is decided about. Each decision is a
    line of the audit trail and can be changed by another. Raises Refused for a gallery that is no study's,
    an image the study shows nothing of, or holding back without a reason.
    """
    study = _study(scope)
    shown = stimuli_of(scope.images().filter(key=image), study)
    if stimulus:
        shown = shown.filter(key=stimulus)
    rows = list(shown.select_related("study").order_by("pk"))
    if not rows:
        raise Refused(
            f"Study {study.name} shows nothing under {stimulus or image!r} that could be decided about; load "
            "the page again."
        )
    for row in rows:
        review_stimulus(stimulus=row, actor=actor, approve=approve, reason=reason)
    return len(rows)


def waiting(scope: Scope, wanted: GalleryFilter, *, images: tuple[str, ...] = ()) -> Waiting:
    """How much nobody has decided about, of what passes a filter or of the images of these keys."""
    if scope.study is None:
        return Waiting(0, 0)
    chosen = _chosen(scope, wanted, images)
    pending = stimuli_of(chosen, scope.study).filter(review=Stimulus.Review.PENDING)
    uses = QuestionUse.objects.filter(
        adversarial__in=chosen.values("pk"), question__stimulus__in=pending.values("pk")
    )
    return Waiting(stimuli=pending.count(), images=uses.order_by().values("adversarial").distinct().count())


@transaction.atomic
def approve_waiting(
    *, scope: Scope, wanted: GalleryFilter, actor: str, expected: int, images: tuple[str, ...] = ()
) -> int:
    """Approve what waits among the images that pass a filter, or among those of the keys `images`.

    `expected` is how many stimuli the researcher was told of: raises Refused, and approves none, where
    that is no longer so. One line of the audit trail names them all.
    """
    study = _study(scope)
    pending = stimuli_of(_chosen(scope, wanted, images), study).filter(review=Stimulus.Review.PENDING)
    keys = list(pending.order_by("pk").values_list("key", flat=True))
    if len(keys) != expected:
        raise Refused(
            f"{len(keys):,} stimuli wait here now, not {expected:,}: somebody else may be reviewing. Look "
            "again, then confirm the new number."
        )
    approved = 0
    for start in range(0, len(keys), _AT_ONCE):
        approved += _approve(study, keys[start : start + _AT_ONCE])
    audit_approval(
        study=study, actor=actor, approved=approved, detail={"filter": wanted.encoded(), "keys": keys}
    )
    return approved


@dataclass(frozen=True, slots=True)
class Reviews:
    """How many stimuli on a gallery's cards are in each state; why any was held back, most frequent first.

    `elsewhere`: how many wait on no card, for they are of no attacked image, as those of practice.
    """

    counts: Mapping[str, int]
    reasons: tuple[str, ...]
    elsewhere: int = 0


def reviews_of(study: Study | None) -> Reviews:
    """The state of a study's review; nothing where there is no study."""
    if study is None:
        return Reviews({}, ())
    attacked = QuestionUse.objects.filter(question__stimulus=OuterRef("pk"), adversarial__isnull=False)
    rows = Stimulus.objects.filter(study=study).annotate(has_card=Exists(attacked)).order_by()
    elsewhere = 0
    counts: Counter[str] = Counter()
    reasons: Counter[str] = Counter()
    for has_card, review, reason, many in rows.values_list("has_card", "review", "review_reason").annotate(
        many=Count("pk")
    ):
        if has_card:
            counts[review] += many
        elif review == Stimulus.Review.PENDING:
            elsewhere += many
        if review == Stimulus.Review.HELD_BACK and reason:
            reasons[reason] += many
    said = tuple(reason for reason, _ in reasons.most_common(_REASONS))
    return Reviews({state: counts[state] for state in REVIEWS}, said, elsewhere)


def _chosen(scope: Scope, wanted: GalleryFilter, images: tuple[str, ...]) -> QuerySet[Any]:
    chosen = wanted_images(scope, wanted)
    return chosen.filter(key__in=images) if images else chosen


def _approve(study: Study, keys: list[str]) -> int:
    # Only what still waits: a decision taken meanwhile stands.
    rows: QuerySet[Stimulus] = Stimulus.objects.filter(
        study=study, key__in=keys, review=Stimulus.Review.PENDING
    )
    return rows.update(review=Stimulus.Review.APPROVED, review_reason="")


def _study(scope: Scope) -> Study:
    if scope.study is None:
        raise Refused(
            f"Gallery {scope.name} belongs to no study yet, so that nobody is shown its pictures; create a "
            "study from it to decide about them."
        )
    return scope.study
