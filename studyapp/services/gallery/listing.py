"""The images of a gallery in order, a page at a time, as quick at the end as at the beginning.

A page begins after a given image, not at a given number: who approves everything on a page of images
"not reviewed" finds on the next page those that follow, and none is passed over.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.db.models import (
    Count,
    Exists,
    F,
    FilteredRelation,
    FloatField,
    Max,
    Min,
    OuterRef,
    Q,
    QuerySet,
    Subquery,
    Value,
)
from django.db.models.functions import Cast, Coalesce

from studyapp.models import QuestionSlots, Stimulus, Study
from studyapp.services.gallery.filters import GalleryFilter
from studyapp.services.gallery.scopes import Scope
from studyapp.services.plans import protocol_of

PAGE = 100
# Beyond every value that is sorted by: what has none comes last in either direction.
_BEYOND = 1e12


@dataclass(frozen=True, slots=True)
class Window:
    """Some images in order (AdversarialImage or Explanation), how many come before, how many there are."""

    rows: tuple[Any, ...]
    before: int
    total: int

    @property
    def keys(self) -> tuple[int, ...]:
        """Primary keys of the images."""
        return tuple(row.pk for row in self.rows)

    @property
    def first(self) -> int:
        """Number of the first image, from 1; 0 where there is none."""
        return self.before + 1 if self.rows else 0

    @property
    def last(self) -> int:
        """Number of the last image."""
        return self.before + len(self.rows)


def wanted_images(scope: Scope, wanted: GalleryFilter) -> QuerySet[Any]:
    """The images that pass the filter, each with its `place` in the order; unordered."""
    return _narrowed(_placed(scope, wanted), scope, wanted)


def window(
    scope: Scope,
    wanted: GalleryFilter,
    *,
    size: int = PAGE,
    after: str = "",
    before: str = "",
    at: int | None = None,
    key: str = "",
) -> Window:
    """`size` images after or before the image of a key, from number `at` on, or the one of `key` itself.

    The image a page begins after need not pass the filter any more; a key that is unknown counts as none.
    """
    images = wanted_images(scope, wanted)
    anchor = _anchor(scope, wanted, after or before or key)
    if anchor is None:
        total = images.count()
        begin = min(max((at or 1) - 1, 0), max(total - 1, 0))
        return Window(_rows(scope, _ordered(images, wanted)[begin : begin + size]), begin, total)
    behind = _behind(anchor, wanted)
    here = Q(pk=anchor[1])
    counts = images.aggregate(
        total=Count("pk"), left=Count("pk", filter=~behind & ~here), rest=Count("pk", filter=behind)
    )
    left, total = int(counts["left"]), int(counts["total"])
    if after:
        found = _rows(scope, _ordered(images.filter(behind), wanted)[:size])
        return Window(found, total - int(counts["rest"]), total)
    if before:
        found = _rows(scope, _ordered(images.filter(~behind & ~here), wanted, backwards=True)[:size])[::-1]
        return Window(found, left - len(found), total)
    return Window(_rows(scope, scope.images().filter(here).order_by()), left, total)


def ordered_keys(scope: Scope, wanted: GalleryFilter, *, images: Sequence[str] = ()) -> list[int]:
    """Primary keys of all that pass the filter, or of those among them with the keys `images`, in order."""
    found = wanted_images(scope, wanted)
    if images:
        found = found.filter(key__in=images)
    return list(_ordered(found, wanted).values_list("pk", flat=True))


def neighbours(scope: Scope, wanted: GalleryFilter, key: str) -> tuple[str | None, str | None]:
    """The keys of the images before and after one; None at either end."""
    anchor = _anchor(scope, wanted, key)
    if anchor is None:
        return None, None
    images = wanted_images(scope, wanted)
    behind = _behind(anchor, wanted)
    following = _ordered(images.filter(behind), wanted).values_list("key", flat=True).first()
    previous = (
        _ordered(images.filter(~behind & ~Q(pk=anchor[1])), wanted, backwards=True)
        .values_list("key", flat=True)
        .first()
    )
    return previous, following


def related_rows(scope: Scope) -> tuple[str, ...]:
    """What is read together with a gallery's rows."""
    shared = ("image__category", "run__classifier")
    if scope.of_explanations:
        return (*shared, "category", "predicted")
    return (*shared, "clean_predicted", "float_predicted", "displayed_predicted")


def stimuli_of(images: QuerySet[Any], study: Study) -> QuerySet[Stimulus]:
    """Everything that the study shows of these images."""
    return Stimulus.objects.filter(
        pk__in=study.questions.filter(uses__adversarial__in=images.values("pk")).values("stimulus")
    )


def in_order(rows: Sequence[Any], keys: Sequence[int]) -> list[Any]:
    """The rows in the order of the primary keys `keys`."""
    found = {row.pk: row for row in rows}
    return [found[key] for key in keys if key in found]


def _placed(scope: Scope, wanted: GalleryFilter) -> QuerySet[Any]:
    images = scope.images()
    choice = scope.choice(wanted.method)
    prefix = ""
    if not scope.of_explanations:
        runs = choice.shown if choice is not None else ()
        images = images.annotate(
            seen=FilteredRelation("explanations", condition=Q(explanations__run__in=runs or [0]))
        )
        prefix = "seen__"
    columns = {
        "steps": "steps_to_flip",
        "steps_shown": "steps_to_displayed_flip",
        "fit": f"{prefix}fit",
        "positive": f"{prefix}positive",
        "probability": "probability" if scope.of_explanations else "displayed_probability",
    }
    by = wanted.sorted_by
    place: Any = F("pk")
    if by == "name":
        place = F("image__name")
    elif by == "votes" and scope.study is not None:
        place = _last(_votes_apart(scope.study, wanted.mode), wanted)
    elif by in columns and not (scope.of_explanations and by.startswith("steps")):
        place = _last(Cast(F(columns[by]), FloatField()), wanted)
    placed: QuerySet[Any] = images.annotate(place=place)
    return placed


def _narrowed(images: QuerySet[Any], scope: Scope, wanted: GalleryFilter) -> QuerySet[Any]:
    prefix = "" if scope.of_explanations else "seen__"
    if wanted.category is not None:
        images = images.filter(image__category=wanted.category)
    if wanted.classifier:
        images = images.filter(run__classifier__name=wanted.classifier)
    if wanted.query:
        images = images.filter(image__name__icontains=wanted.query)
    if not scope.of_explanations:
        if wanted.steps_from is not None:
            images = images.filter(steps_to_flip__gte=wanted.steps_from)
        if wanted.steps_to is not None:
            images = images.filter(steps_to_flip__lte=wanted.steps_to)
        if wanted.explained == "1" or (not wanted.explained and scope.kind == "attack" and scope.choices):
            images = images.filter(seen__outcome="done")
    if wanted.fit_below is not None:
        images = images.filter(**{f"{prefix}fit__lt": wanted.fit_below})
    if wanted.positive_below is not None:
        images = images.filter(**{f"{prefix}positive__lt": wanted.positive_below, f"{prefix}outcome": "done"})
    if scope.study is not None:
        if wanted.differ:
            images = images.filter(_verdicts_differ(scope.study, wanted.mode))
        if wanted.review:
            images = images.filter(_reviewed(scope.study, wanted.review))
    return images


def _last(expression: Any, wanted: GalleryFilter) -> Any:
    beyond = -_BEYOND if wanted.descending else _BEYOND
    return Coalesce(expression, Value(beyond), output_field=FloatField())


def _reviewed(study: Study, state: str) -> Q:
    shown = Stimulus.objects.filter(study=study, questions__uses__adversarial=OuterRef("pk"))
    if state == Stimulus.Review.APPROVED:
        return Q(Exists(shown)) & ~Q(Exists(shown.exclude(review=Stimulus.Review.APPROVED)))
    return Q(Exists(shown.filter(review=state)))


def _slots(study: Study, mode: str) -> QuerySet[QuestionSlots]:
    """The counted answers of a mode to what is asked of an image."""
    return QuestionSlots.objects.filter(
        question__uses__adversarial=OuterRef("pk"), study=study, mode=mode
    ).order_by()


def _verdicts_differ(study: Study, mode: str) -> Q:
    """At least one question agreed and one rejected, by the study's rule of counting."""
    agreement = protocol_of(study).answers.agreement
    slots = _slots(study, mode)
    agreed = slots.filter(positive__gte=agreement)
    rejected = slots.filter(counted__gt=F("positive") + F("required") - agreement)
    return Q(Exists(agreed)) & Q(Exists(rejected))


def _votes_apart(study: Study, mode: str) -> Subquery:
    """The largest difference between the shares of positive answers of two questions of an image."""
    share = Cast(F("positive"), FloatField()) / Cast(F("counted"), FloatField())
    apart = (
        _slots(study, mode)
        .filter(counted__gt=0)
        .values("question__uses__adversarial")
        .annotate(apart=Max(share) - Min(share))
        .values("apart")
    )
    return Subquery(apart, output_field=FloatField())


def _anchor(scope: Scope, wanted: GalleryFilter, key: str) -> tuple[Any, int] | None:
    """Place and primary key of an image, whether or not it passes the filter."""
    if not key:
        return None
    placed = _placed(scope, wanted).filter(key=key).order_by("pk")
    found: tuple[Any, int] | None = placed.values_list("place", "pk").first()
    return found


def _behind(anchor: tuple[Any, int], wanted: GalleryFilter) -> Q:
    place, pk = anchor
    beyond = Q(place__lt=place) if wanted.descending else Q(place__gt=place)
    return beyond | Q(place=place, pk__gt=pk)


def _ordered(images: QuerySet[Any], wanted: GalleryFilter, *, backwards: bool = False) -> QuerySet[Any]:
    down = wanted.descending != backwards
    return images.order_by("-place" if down else "place", "-pk" if backwards else "pk")


def _rows(scope: Scope, images: QuerySet[Any]) -> tuple[Any, ...]:
    # First the keys: sorting whole rows of ten thousand images costs ten times as much.
    keys = list(images.values_list("pk", flat=True))
    rows = scope.images().model.objects.filter(pk__in=keys).select_related(*related_rows(scope))
    return tuple(in_order(list(rows.order_by()), keys))
