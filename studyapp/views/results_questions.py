"""The questions of a study with their votes: a filtered list, and a page of each."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from django.core.paginator import Paginator
from django.db.models import Q
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.views.decorators.http import require_safe

from studyapp.analysis.verdicts import Verdict
from studyapp.exports.judged import JudgedQuestions
from studyapp.exports.kept_report import study_report
from studyapp.models import (
    AdversarialImage,
    Answer,
    Category,
    ExpertAnswer,
    Mode,
    Prediction,
    Question,
    QuestionUse,
    Study,
)
from studyapp.protocol.schema import Protocol
from studyapp.services.adversarial.words import picture_words
from studyapp.services.plans import protocol_of, setup_of
from studyapp.views.paging import address
from studyapp.views.researcher import researcher
from studyapp.views.study_frame import frame, study_or_404

ON_A_PAGE = 48
VERDICTS = tuple(verdict.word for verdict in Verdict)
ROLES = tuple(QuestionUse.Role.choices)


@dataclass(frozen=True, slots=True)
class Asked:
    """What the address filters the list by; empty strings filter nothing."""

    classifier: str
    arm: str
    role: str
    stratum: str
    verdict: str
    positive: str
    complete: bool
    participant: str
    imported: bool


@dataclass(frozen=True, slots=True)
class Judged:
    """A question with its votes."""

    question: Question
    label: str
    received: int
    positive: int
    verdict: str


@dataclass(frozen=True, slots=True)
class Vote:
    """One answer as the page of its question shows it."""

    answer: Answer
    positive: bool
    counts: bool


@require_safe
@researcher
def questions(request: HttpRequest, name: str) -> HttpResponse:
    """Questions with pictures and votes, filtered by what they are asked for and how they came out."""
    study = study_or_404(request, name)
    context = frame(request, study, "questions")
    mode = context["mode"]
    asked = _asked(request)
    judged = study_report(study=study, mode=mode).questions
    kept = _kept(study, mode, judged, asked, required=protocol_of(study).answers.required)
    pages = Paginator(kept, ON_A_PAGE)
    page = pages.get_page(request.GET.get("page"))
    context |= {
        "asked": asked,
        "classifiers": list(
            study.study_classifiers.order_by("position").values_list("classifier__name", flat=True)
        ),
        "arms": list(study.arms.order_by("position").values_list("name", flat=True)),
        "roles": ROLES,
        "verdicts": VERDICTS,
        "counts": range(protocol_of(study).answers.required + 1),
        "rows": _rows(judged, list(page.object_list)),
        "page": {
            "total": pages.count,
            "first": page.start_index(),
            "last": page.end_index(),
            "previous": address(request, page=page.previous_page_number()) if page.has_previous() else "",
            "following": address(request, page=page.next_page_number()) if page.has_next() else "",
        },
        "tail": "" if mode == Mode.REAL else f"?mode={mode}",
        "has_imported": bool(judged.imported.any()),
    }
    return render(request, "results/questions.html", context)


@require_safe
@researcher
def question(request: HttpRequest, name: str, key: str) -> HttpResponse:
    """One question: picture, labels, predictions, votes with their times, verdict."""
    study = study_or_404(request, name)
    context = frame(request, study, "questions")
    mode = context["mode"]
    found = get_object_or_404(
        Question.objects.select_related(
            *("stimulus__explanation__run", "stimulus__explanation__category"),
            *("image__category", "image__dataset", "label", "arm"),
        ),
        study=study,
        key=key,
    )
    judged = study_report(study=study, mode=mode).questions
    place = np.flatnonzero(judged.key == found.pk)
    protocol = protocol_of(study)
    context |= {
        "question": found,
        "label": _label(found, _labels([found])),
        "judged": _judged(found, judged, int(place[0]), "") if len(place) else None,
        "required": protocol.answers.required,
        "agreement": protocol.answers.agreement,
        "votes": _votes(found, mode, protocol),
        "uses": found.uses.select_related("study_classifier__classifier").order_by("pk"),
        "predictions": _predictions(study, found),
        "attacked": _attacked(found),
        "shown": picture_words(found.stimulus.parameters),
        "experts": ExpertAnswer.objects.filter(question=found).order_by("expert"),
        "others": Question.objects.filter(study=study, image=found.image)
        .exclude(pk=found.pk)
        .exclude(origin=Question.Origin.PRACTICE)
        .select_related("label", "arm")
        .order_by("pk"),
        "tail": "" if mode == Mode.REAL else f"?mode={mode}",
    }
    return render(request, "results/question.html", context)


def _asked(request: HttpRequest) -> Asked:
    def one_of(name: str, allowed: tuple[str, ...]) -> str:
        value = request.GET.get(name, "")
        return value if value in allowed else ""

    positive = request.GET.get("positive", "")
    return Asked(
        classifier=request.GET.get("classifier", "")[:100],
        arm=request.GET.get("arm", "")[:60],
        role=one_of("role", tuple(value for value, _ in ROLES)),
        verdict=one_of("verdict", VERDICTS),
        positive=positive if positive.isascii() and positive.isdigit() and len(positive) < 5 else "",
        complete=request.GET.get("complete") == "1",
        stratum=request.GET.get("stratum", "")[:60],
        participant=request.GET.get("participant", "")[:64],
        imported=request.GET.get("imported") == "1",
    )


def _kept(study: Study, mode: str, judged: JudgedQuestions, asked: Asked, *, required: int) -> list[int]:
    """Positions in `judged` that pass every filter, in the order of the questions."""
    keep = judged.imported if asked.imported else ~judged.imported
    if asked.verdict:
        keep = keep & (judged.verdict == VERDICTS.index(asked.verdict))
    if asked.positive:
        keep = keep & (judged.positive == int(asked.positive))
    if asked.complete:
        keep = keep & (judged.received >= required)
    if asked.classifier or asked.role or asked.stratum:
        uses = QuestionUse.objects.filter(question__study=study)
        if asked.classifier:
            uses = uses.filter(study_classifier__classifier__name=asked.classifier)
        if asked.role:
            uses = uses.filter(role=asked.role)
        if asked.stratum:
            # Of flips it is "setting/direction", and either may be asked for.
            part = Q(stratum__startswith=f"{asked.stratum}/") | Q(stratum__endswith=f"/{asked.stratum}")
            uses = uses.filter(Q(stratum=asked.stratum) | part)
        keep = keep & np.isin(judged.key, np.fromiter(uses.values_list("question_id", flat=True), np.int64))
    if asked.arm:
        there = Question.objects.filter(study=study, arm__name=asked.arm).values_list("pk", flat=True)
        keep = keep & np.isin(judged.key, np.fromiter(there, np.int64))
    if asked.participant:
        given = Answer.objects.filter(
            question__study=study,
            mode=mode,
            status=Answer.Status.COUNTED,
            participant__pseudonym=asked.participant,
        )
        keep = keep & np.isin(judged.key, np.fromiter(given.values_list("question_id", flat=True), np.int64))
    return [int(place) for place in np.flatnonzero(keep)]


def _rows(judged: JudgedQuestions, places: list[int]) -> list[Judged]:
    keys = [int(judged.key[place]) for place in places]
    found = Question.objects.select_related("stimulus", "image__category", "label").in_bulk(keys)
    labels = _labels(list(found.values()))
    return [
        _judged(found[key], judged, place, _label(found[key], labels))
        for key, place in zip(keys, places, strict=True)
        if key in found
    ]


def _judged(question: Question, judged: JudgedQuestions, place: int, label: str) -> Judged:
    return Judged(
        question=question,
        label=label,
        received=int(judged.received[place]),
        positive=int(judged.positive[place]),
        verdict=Verdict(int(judged.verdict[place])).word,
    )


def _labels(rows: list[Question]) -> dict[int, str]:
    """Names of the categories in the lists of these questions."""
    wanted = {int(key) for row in rows for key in row.labels}
    return dict(Category.objects.filter(pk__in=wanted).values_list("pk", "name"))


def _label(question: Question, names: dict[int, str]) -> str:
    if question.label is not None:
        return question.label.name
    return ", ".join(names.get(int(key), "?") for key in question.labels)


def _votes(question: Question, mode: str, protocol: Protocol) -> list[Vote]:
    positive = setup_of(protocol, question.arm.name).positive
    rows = Answer.objects.filter(question=question, mode=mode).select_related("participant")
    return [
        Vote(answer, answer.value in positive, answer.status == Answer.Status.COUNTED)
        for answer in rows.order_by("order", "pk")
    ]


def _attacked(question: Question) -> list[AdversarialImage]:
    """The attacked images that the question is asked about."""
    rows = AdversarialImage.objects.filter(uses__question=question).distinct()
    return list(
        rows.select_related(
            *("run__classifier", "clean_predicted", "float_predicted", "displayed_predicted")
        ).order_by("pk")
    )


def _predictions(study: Study, question: Question) -> list[dict[str, Any]]:
    """What every classifier of the study says of this image."""
    runs = study.study_classifiers.select_related("classifier").order_by("position")
    rows = Prediction.objects.filter(run__in=[run.run_id for run in runs], image=question.image)
    by_run = {row.run_id: row for row in rows.select_related("predicted")}
    return [
        {"classifier": run.classifier.name, "prediction": by_run[run.run_id]}
        for run in runs
        if run.run_id in by_run
    ]
