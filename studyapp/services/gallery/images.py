"""What a gallery shows of each image: labels, steps, explanations, votes, and how it was reviewed."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from django.db.models import OuterRef, Subquery

from studyapp.models import (
    AdversarialImage,
    Category,
    Explanation,
    Mode,
    QuestionSlots,
    QuestionUse,
    Stimulus,
    Study,
    Version,
)
from studyapp.services.gallery.listing import in_order, related_rows
from studyapp.services.gallery.scopes import Choice, Scope
from studyapp.services.gallery.strips import StripKeys, amplification, strip_digest


@dataclass(frozen=True, slots=True)
class Label:
    """A class as some classifier says it, with its probability where that is known."""

    name: str
    probability: float | None = None


@dataclass(frozen=True, slots=True)
class ArmVotes:
    """Of the counted answers of one arm, how many are positive."""

    arm: str
    asked: str
    positive: int
    counted: int


@dataclass(frozen=True, slots=True)
class GalleryImage:
    """One image of a gallery.

    `steps` and `steps_shown` are steps to flip in float and of the displayed picture, `most` the number of
    steps of the attack (one more means never). `difference` is the factor of the amplified difference,
    `file` the judged picture in storage.
    """

    pk: int
    key: str
    name: str
    image_key: str
    true: str
    classifier: str
    clean: Label | None
    adversarial: Label | None
    true_after: float | None
    float_label: Label | None
    steps: int | None
    steps_shown: int | None
    most: int | None
    linf: float | None
    difference: int
    side: int
    file: str
    explanation: Explanation | None
    clean_explanation: Explanation | None
    stimuli: tuple[Stimulus, ...]
    votes: tuple[ArmVotes, ...]
    strip: str

    @property
    def never(self) -> bool:
        """Whether the float picture never flipped."""
        return self.most is not None and self.steps is not None and self.steps > self.most

    @property
    def never_shown(self) -> bool:
        """Whether the displayed picture never flipped."""
        return self.most is not None and self.steps_shown is not None and self.steps_shown > self.most

    @property
    def review(self) -> str:
        """The state of all its stimuli: pending before held back before approved; empty without any."""
        states = {each.review for each in self.stimuli}
        order = (Stimulus.Review.PENDING, Stimulus.Review.HELD_BACK, Stimulus.Review.APPROVED)
        return next((state.value for state in order if state in states), "")

    @property
    def reason(self) -> str:
        """Why it is held back, in the words of whoever did."""
        held = (each for each in self.stimuli if each.review == Stimulus.Review.HELD_BACK)
        return next((each.review_reason for each in held), "")

    @property
    def voted(self) -> bool:
        """Whether anybody has answered."""
        return any(each.counted for each in self.votes)


def gallery_images(
    scope: Scope, keys: Sequence[int], *, method: str = "", mode: str = Mode.REAL
) -> list[GalleryImage]:
    """What is known of the images with these primary keys, in their order; a fixed number of queries."""
    rows = scope.images().filter(pk__in=keys).select_related(*related_rows(scope)).order_by()
    return described(scope, in_order(list(rows), keys), method=method, mode=mode)


def described(
    scope: Scope, rows: Sequence[Any], *, method: str = "", mode: str = Mode.REAL
) -> list[GalleryImage]:
    """What is known of these rows of the gallery (`Window.rows`), with the votes of a mode.

    A fixed number of queries.
    """
    if scope.of_explanations:
        return [_explained_image(row) for row in rows]
    choice = scope.choice(method)
    shown, clean = _explanations(rows, choice)
    stimuli, votes = _asked(rows, scope.study, mode)
    images = []
    for row in rows:
        explanation = shown.get(row.pk)
        clean_explanation = clean.get((row.run.classifier_id, row.image_id))
        images.append(
            GalleryImage(
                pk=row.pk,
                key=row.key,
                name=row.image.name,
                image_key=row.image.key,
                true=row.image.category.name,
                classifier=row.run.classifier.name,
                clean=_label(row.clean_predicted, row.clean_probability),
                adversarial=_label(row.displayed_predicted, row.displayed_probability),
                true_after=row.displayed_true_probability,
                float_label=_label(row.float_predicted, row.float_probability),
                steps=row.steps_to_flip,
                steps_shown=row.steps_to_displayed_flip,
                most=row.run.parameters.get("steps"),
                linf=row.displayed_linf,
                difference=amplification(row.displayed_linf),
                side=row.side,
                file=row.file,
                explanation=explanation,
                clean_explanation=clean_explanation,
                stimuli=tuple(stimuli.get(row.pk, ())),
                votes=tuple(votes.get(row.pk, ())),
                strip=strip_digest(
                    StripKeys(
                        row.key,
                        clean_explanation.key if clean_explanation else "",
                        explanation.key if explanation else "",
                    )
                ),
            )
        )
    return images


def explanations_beside(scope: Scope, image: GalleryImage) -> list[Explanation]:
    """Every explanation of an image, of both its versions and by any method, for comparison."""
    found = Explanation.objects.filter(run__in=scope.runs).select_related("run", "category")
    if scope.of_explanations:
        found = found.filter(image__key=image.image_key)
    else:
        found = found.filter(image__adversarial_images=image.pk)
    return [
        each
        for each in found.order_by("-run__version", "run__method", "run")
        if each.adversarial_id in (None, image.pk)
        and each.run.classifier_id in {run.classifier_id for run in scope.runs}
    ]


def _explained_image(row: Explanation) -> GalleryImage:
    return GalleryImage(
        pk=row.pk,
        key=row.key,
        name=row.image.name,
        image_key=row.image.key,
        true=row.image.category.name,
        classifier=row.run.classifier.name,
        clean=_label(row.predicted, row.predicted_probability),
        adversarial=None,
        true_after=None,
        float_label=None,
        steps=None,
        steps_shown=None,
        most=None,
        linf=None,
        difference=1,
        side=0,
        file=row.explained_file,
        explanation=row,
        clean_explanation=None,
        stimuli=(),
        votes=(),
        strip=strip_digest(StripKeys(explanation=row.key)),
    )


def _explanations(
    rows: Iterable[AdversarialImage], choice: Choice | None
) -> tuple[dict[int, Explanation], dict[tuple[int, int], Explanation]]:
    """Of the adversarial pictures by their primary key, and of the clean ones by classifier and image."""
    if choice is None:
        return {}, {}
    found = (
        Explanation.objects.filter(
            run__in=[*choice.shown, *choice.clean], image__in={row.image_id for row in rows}
        )
        .select_related("run", "category")
        .defer("weights", "details", "run__parameters", "run__chosen", "run__versions")
        .order_by()
    )
    shown, clean = {}, {}
    for each in found:
        if each.run.version == Version.CLEAN:
            clean[each.run.classifier_id, each.image_id] = each
        elif each.adversarial_id is not None:
            shown[each.adversarial_id] = each
    return shown, clean


def _asked(
    rows: Iterable[AdversarialImage], study: Study | None, mode: str
) -> tuple[dict[int, list[Stimulus]], dict[int, list[ArmVotes]]]:
    """What the study shows of each image, and the votes on what it asks about it, by arm."""
    stimuli: dict[int, dict[int, Stimulus]] = {}
    votes: dict[int, dict[int, ArmVotes]] = {}
    if study is None:
        return {}, {}
    answered = QuestionSlots.objects.filter(question=OuterRef("question"), mode=mode)
    uses = (
        QuestionUse.objects.filter(adversarial__in=[row.pk for row in rows], question__study=study)
        .select_related("question__stimulus", "question__arm", "question__label")
        .annotate(
            positive=Subquery(answered.values("positive")[:1]),
            counted=Subquery(answered.values("counted")[:1]),
        )
        .order_by("question__arm__position", "question_id")
    )
    for use in uses:
        pk, question = int(use.adversarial_id or 0), use.question
        stimuli.setdefault(pk, {})[question.stimulus_id] = question.stimulus
        votes.setdefault(pk, {})[question.pk] = ArmVotes(
            arm=question.arm.name,
            asked=question.label.name if question.label else "",
            positive=use.positive or 0,
            counted=use.counted or 0,
        )
    return (
        {pk: list(found.values()) for pk, found in stimuli.items()},
        {pk: list(found.values()) for pk, found in votes.items()},
    )


def _label(category: Category | None, probability: float | None) -> Label | None:
    return None if category is None else Label(category.name, probability)
