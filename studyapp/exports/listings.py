"""The raw rows of a study as CSV files: each with its columns and a stream of its rows."""

from __future__ import annotations

from collections.abc import Iterator

from django.db.models import F

from studyapp.exports.attack_listings import ATTACK_LISTINGS
from studyapp.exports.choice_listing import CHOICE_LISTINGS
from studyapp.exports.listing import Listing, Row, stream, text
from studyapp.exports.shown_arms import ADVERSARIAL, EXPLANATION, METHOD, VERSION, ShownArms
from studyapp.exports.tabular import Column
from studyapp.models import (
    Amendment,
    Answer,
    Draw,
    ExpertAnswer,
    Prediction,
    QuestionUse,
    Sitting,
    Stimulus,
    Study,
)


def _answers(study: Study, mode: str) -> Iterator[Row]:
    arms = ShownArms(study)
    rows = stream(
        Answer.objects.filter(question__study=study, mode=mode).order_by("question_id", "order", "pk"),
        *("pk", "question__key", "participant__pseudonym", "value", "status", "order", "mode", "origin"),
        *("answered_at", "active_seconds", "idle_seconds", "server_seconds", "wording", "positive_first"),
        *("presentation__sitting_id", "presentation__position", "presentation__served_at"),
        *("question__arm__name", "question__stimulus__adversarial__key"),
    )
    for *cells, arm, adversarial in rows:
        yield (*cells, arm, *arms.version_and_method(str(arm)), adversarial)


def _sittings(study: Study, mode: str) -> Iterator[Row]:
    return stream(
        Sitting.objects.filter(study=study, mode=mode).order_by("pk"),
        *("pk", "participant__pseudonym", "mode", "arm__name", "link__panel", "state", "positive_first"),
        *("questions_planned", "practice_done", "practice_right", "consented_at", "finished_at"),
        *("screen_width", "screen_height", "pixel_ratio", "colour_vision"),
    )


def _uses(study: Study, mode: str) -> Iterator[Row]:
    return stream(
        QuestionUse.objects.filter(question__study=study).order_by("question_id", "role", "pk"),
        *("question__key", "role", "study_classifier__classifier__name", "stratum", "weight"),
        "adversarial__key",
    )


def _predictions(study: Study, mode: str) -> Iterator[Row]:
    return stream(
        Prediction.objects.filter(run__in=study.study_classifiers.values("run")).order_by(
            "run_id", "image_id"
        ),
        *("run__classifier__name", "image__name", "image__category__index", "image__category__name"),
        *("predicted__index", "predicted__name", "probability", "top1_correct", "top5_correct"),
        *("ranking", "probabilities"),
    )


def _stimuli(study: Study, mode: str) -> Iterator[Row]:
    return stream(
        Stimulus.objects.filter(study=study).order_by("pk"),
        *("key", "image__name", "kind", "variant", "file", "sha256", "width", "height", "parameters"),
        *("review", "review_reason", "adversarial__key", "explanation__key"),
    )


def _classifiers(study: Study, mode: str) -> Iterator[Row]:
    return stream(
        study.study_classifiers.order_by("position").annotate(categories=F("classifier__class_list__digest")),
        *("classifier__name", "classifier__source", "classifier__architecture", "run__weights_sha256"),
        *("classifier__preprocessing", "categories", "run__precision", "run__parameters", "run__versions"),
        *("run__device", "run__finished_at"),
    )


def _experts(study: Study, mode: str) -> Iterator[Row]:
    return stream(
        ExpertAnswer.objects.filter(question__study=study).order_by("question_id", "expert"),
        *("question__key", "expert", "value"),
    )


def _amendments(study: Study, mode: str) -> Iterator[Row]:
    for amendment in Amendment.objects.filter(study=study).order_by("made_at", "pk"):
        for key, before, after in amendment.changes:
            yield (
                text(amendment.made_at),
                text(key),
                text(before),
                text(after),
                amendment.reason,
                amendment.protocol_sha256,
            )


def _draws(study: Study, mode: str) -> Iterator[Row]:
    return stream(Draw.objects.filter(study=study).order_by("purpose"), "purpose", "seed", "values")


_QUESTION = Column("question", "Key of the question, as in questions.csv.")
_MODE = Column("mode", "real, rehearsal, pilot or preview: never mixed.")
_CLASSIFIER = Column("classifier", "Name of the classifier.")
_IMAGE = Column("image", "Path of the image, relative to the dataset's root.")

ANSWERS = "answers.csv"
LISTINGS: tuple[Listing, ...] = (
    Listing(
        ANSWERS,
        "Every answer of the mode, also those that do not count, ordered by question and order.",
        (
            Column("answer", "Number of the answer.", "count"),
            _QUESTION,
            Column("participant", "Pseudonym of the participant."),
            Column("value", "What the participant chose, one of the arm's values; several joined by commas."),
            Column(
                "status",
                "counted; surplus (came after the required number); superseded (taken back by undo); "
                "withdrawn; practice.",
            ),
            Column("order", "Order within the question: by time, or a stored draw for imports.", "count"),
            _MODE,
            Column("origin", "sitting: given on these pages; imported: collected elsewhere."),
            Column("answered_at", "When the server received it (ISO 8601 with zone); empty if unknown."),
            Column("active_seconds", "Time the page was in view, measured in the page.", "number", "s"),
            Column("idle_seconds", "Time the page was out of view, measured in the page.", "number", "s"),
            Column("server_seconds", "From served to received, measured by the server.", "number", "s"),
            Column("wording", "The sentence as it was shown."),
            Column("positive_first", "1: the positive answer stood first; 0: last; empty: unknown.", "count"),
            Column("sitting", "Number of the sitting, as in sittings.csv; empty for imports.", "count"),
            Column("position", "Place of the question within the sitting, from 1.", "count"),
            Column("served_at", "When the page reported the question as shown (ISO 8601)."),
            Column("arm", "Arm that the question belongs to."),
            VERSION,
            METHOD,
            ADVERSARIAL,
        ),
        _answers,
    ),
    Listing(
        "sittings.csv",
        "Every sitting of the mode.",
        (
            Column("sitting", "Number of the sitting.", "count"),
            Column("participant", "Pseudonym of the participant."),
            _MODE,
            Column("arm", "The arm this sitting was assigned to."),
            Column("panel", "How the participant arrived: link, prolific, ..."),
            Column("state", "How far the sitting came."),
            Column("positive_first", "1: the positive answer stands first in this sitting.", "count"),
            Column("questions_planned", "Questions this sitting was to hold.", "count"),
            Column("practice_done", "Practice questions answered.", "count"),
            Column("practice_right", "Practice questions answered as expected.", "count"),
            Column("consented_at", "When consent was given (ISO 8601)."),
            Column("finished_at", "When the sitting was finished (ISO 8601)."),
            Column("screen_width", "Width of the screen.", "count", "px"),
            Column("screen_height", "Height of the screen.", "count", "px"),
            Column("pixel_ratio", "Device pixels per CSS pixel.", "number"),
            Column(
                "colour_vision",
                "What the participant says of it: typical, deficient, unsure; empty: not said, or not asked.",
            ),
        ),
        _sittings,
    ),
    Listing(
        "question_uses.csv",
        "Why each question is asked: one row for each part it plays.",
        (
            _QUESTION,
            Column("role", "mistake, top5_list, top5_label, true_label, control_true, control_foil, ..."),
            Column("classifier", "The classifier it is asked for; empty where it serves all."),
            Column(
                "stratum",
                "Stratum of a sampled review; trial of an assignment; group of an audit; change of colour.",
            ),
            Column("weight", "Images of the stratum that this draw stands for.", "number", "images"),
            Column("adversarial", "Key of the adversarial image it is asked about; empty for none."),
        ),
        _uses,
    ),
    Listing(
        "predictions.csv",
        "What each classifier says of each image.",
        (
            _CLASSIFIER,
            _IMAGE,
            Column("label_index", "The dataset's label: index in the dataset's class list.", "count"),
            Column("label", "The dataset's label: name."),
            Column("predicted_index", "Top-1: index in the classifier's class list.", "count"),
            Column("predicted", "Top-1: name."),
            Column("probability", "Softmax probability of top-1.", "number"),
            Column("top1_correct", "1: top-1 is the dataset's label.", "count"),
            Column("top5_correct", "1: the label is among the first five; empty: unknown.", "count"),
            Column("ranking", "Class indices, best first (JSON list)."),
            Column("probabilities", "Their softmax probabilities (JSON list)."),
        ),
        _predictions,
    ),
    Listing(
        "stimuli.csv",
        "The exact pictures that people saw: an index, the pictures themselves stay in storage.",
        (
            Column("stimulus", "Key of the stimulus."),
            _IMAGE,
            Column("kind", "whole, explanation or panel."),
            Column("variant", "Tells stimuli of one image apart."),
            Column("file", "Name in storage; empty where the study has no pixels."),
            Column("sha256", "SHA-256 of the file's bytes."),
            Column("width", "Width of the picture.", "count", "px"),
            Column("height", "Height of the picture.", "count", "px"),
            Column("parameters", "How it was made (JSON)."),
            Column("review", "pending, approved or held_back."),
            Column("review_reason", "Why it was held back."),
            ADVERSARIAL,
            EXPLANATION,
        ),
        _stimuli,
    ),
    Listing(
        "classifiers.csv",
        "The classifiers and the runs their predictions come from.",
        (
            _CLASSIFIER,
            Column("source", "Where its network comes from."),
            Column("architecture", "Name of its architecture."),
            Column("weights_sha256", "SHA-256 of its weights."),
            Column("preprocessing", "How an image becomes its input (JSON)."),
            Column("class_list", "Digest of its class list."),
            Column("precision", "Arithmetic of the run."),
            Column("parameters", "Parameters of the run (JSON)."),
            Column("versions", "Libraries and code of the run (JSON)."),
            Column("device", "What it ran on."),
            Column("finished_at", "When the run was complete (ISO 8601)."),
        ),
        _classifiers,
    ),
    Listing(
        "expert_answers.csv",
        "What experts said, blind to votes, classifier and label.",
        (_QUESTION, Column("expert", "Pseudonym of the expert."), Column("value", "What the expert chose.")),
        _experts,
    ),
    Listing(
        "amendments.csv",
        "Changes of the plan after the study was opened, one row per changed key.",
        (
            Column("made_at", "When (ISO 8601)."),
            Column("key", "Key of the protocol."),
            Column("before", "Value before."),
            Column("after", "Value after."),
            Column("reason", "Why."),
            Column("protocol_sha256", "SHA-256 of the protocol after the change."),
        ),
        _amendments,
    ),
    Listing(
        "draws.csv",
        "Every random draw that the study stored.",
        (
            Column("purpose", "What was drawn."),
            Column("seed", "Seed of the generator."),
            Column("values", "The draw itself (JSON)."),
        ),
        _draws,
    ),
    *CHOICE_LISTINGS,
    *ATTACK_LISTINGS,
)

#: Kinds of study of which no bundle holds single answers: how the people in a picture look to others.
AGGREGATES_ONLY = frozenset({"attributes"})


def listings_of(study: Study) -> tuple[Listing, ...]:
    """The raw rows that a study's bundle holds: the same list for every study of a kind."""
    kept = tuple(listing for listing in LISTINGS if listing.kind in ("", study.kind))
    if study.kind in AGGREGATES_ONLY:
        return tuple(listing for listing in kept if listing.path != ANSWERS)
    return kept
