"""The rows of a forced-choice study as published trial files have them, and how long pictures were shown."""

from __future__ import annotations

from collections.abc import Iterator

from studyapp.exports.listing import Listing, Row, stream
from studyapp.exports.tabular import Column
from studyapp.models import Answer, Question, Study
from studyapp.services.observers.study_choices import KIND


def _trials(study: Study, mode: str) -> Iterator[Row]:
    if study.kind != KIND:
        return
    rows = stream(
        Answer.objects.filter(
            question__study=study,
            question__origin=Question.Origin.STUDY,
            mode=mode,
            status=Answer.Status.COUNTED,
        ).order_by("presentation__sitting_id", "presentation__position", "pk"),
        *("participant__pseudonym", "presentation__sitting_id", "presentation__position", "active_seconds"),
        *("value", "question__parameters__shape", "question__image__name", "question__parameters__texture"),
        *("exposure__shown_ms", "exposure__frames", "exposure__refresh_ms", "exposure__hidden"),
        "exposure__again",
    )
    for person, sitting, position, seconds, value, shape, image, *shown in rows:
        yield (person, sitting, position, seconds, value, shape, "", image, *shown)


CHOICE_LISTINGS: tuple[Listing, ...] = (
    Listing(
        "choice_trials.csv",
        "Answers of a forced-choice study that count, as published trial files have them: `import_responses` "
        "reads it.",
        (
            Column("subj", "Pseudonym of the participant."),
            Column("session", "Number of the sitting, as in sittings.csv.", "count"),
            Column("trial", "Place of the question within the sitting, from 1.", "count"),
            Column(
                "rt",
                "From the picture's first frame to the answer, measured in the page; time away is left out.",
                "number",
                "s",
            ),
            Column("object_response", "The category chosen."),
            Column("category", "Category of the shape."),
            Column("condition", "Empty: the paper's files have a number here."),
            Column("imagename", "Path of the picture, relative to the dataset's root."),
            Column("texture", "Category of the texture."),
            Column(
                "shown_ms", "For how long the picture was on the screen; empty if unmeasured.", "number", "ms"
            ),
            Column("frames", "Frames that showed it.", "count"),
            Column("refresh_ms", "One frame of that screen, the median before.", "number", "ms"),
            Column("hidden", "1: the page was out of sight while it was shown.", "count"),
            Column("again", "1: it had been shown before, by a reload or an undo.", "count"),
        ),
        _trials,
        kind="forced_choice",
    ),
)
