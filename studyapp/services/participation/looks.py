"""What a person has looked at: an image once within a family of studies, whichever copy of it was shown."""

from __future__ import annotations

from collections.abc import Collection

from django.db.models import Exists, OuterRef, Q, QuerySet

from studyapp.models import Image, Presentation, Question, Sitting, Study
from studyapp.services.plans import family_of, protocol_of


def originals(images: Collection[int]) -> dict[int, int]:
    """For each image the one that it was made from at first, through copies of copies; or itself."""
    source: dict[int, int] = {}
    unknown = set(images)
    while unknown:
        rows = Image.objects.filter(pk__in=unknown).exclude(source=None).order_by()
        found = dict(rows.values_list("pk", "source_id"))
        source |= found
        unknown = set(found.values()) - source.keys()
    first = {}
    for image in images:
        original = image
        while original in source:
            original = source[original]
        first[image] = original
    return first


def look_to_store(*, study: Study, participant_id: int, image_id: int) -> int | None:
    """The image, where showing it is the person's look at it; None where they have had that.

    A study without one look may show it again, but leaves it seen for the others of its family. The
    participant's row is locked.
    """
    if protocol_of(study).participants.one_look:
        return image_id
    looks = Presentation.objects.filter(
        participant_id=participant_id, look_id=image_id, family=family_of(study)
    )
    return None if looks.exists() else image_id


def resumable(unanswered: QuerySet[Presentation], study: Study) -> QuerySet[Presentation]:
    """Of a study's unanswered presentations those that may be shown again.

    With one look an image is not, once the person was shown it by another study of the family since.
    """
    if not protocol_of(study).participants.one_look:
        return unanswered
    since = Presentation.objects.filter(
        participant=OuterRef("participant"),
        family=OuterRef("family"),
        pk__gt=OuterRef("pk"),
        question__slots__image=OuterRef("look"),
    )
    return unanswered.exclude(Exists(since))


def practised_images(*, study: Study, participant_id: int | None) -> tuple[int, ...]:
    """Images that the practice of the study takes from its questions; none in a study without one look.

    With them stand the images of the practice of the family's other studies in which the person has been.
    """
    rules = protocol_of(study).participants
    if not rules.one_look:
        return ()
    practices = [study.pk] if rules.practice_questions else []
    if rules.family is not None and participant_id is not None:
        visits = Sitting.objects.filter(
            participant=participant_id, study__protocol__participants__family=rules.family
        ).exclude(Q(study=study) | Q(state=Sitting.State.INSTRUCTIONS))
        practices += visits.order_by().values_list("study", flat=True).distinct()
    if not practices:
        return ()
    practised = Question.objects.filter(study__in=practices, origin=Question.Origin.PRACTICE).order_by()
    rows = practised.values_list("image", "image__source").distinct()
    shown = {source or image for image, source in rows}
    copies = {source for _, source in rows if source is not None}
    first = originals(copies)
    return tuple(sorted({first.get(image, image) for image in shown}))
