"""The board of turned verdicts: the images on which what people saw changed what they said."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import get_args

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_safe

from studyapp.analysis.verdicts import Verdict
from studyapp.exports.kept_report import study_report
from studyapp.exports.turned_board import (
    BoardRow,
    Order,
    Outcome,
    Shown,
    board_rows,
    chosen_rows,
    explanations_of,
)
from studyapp.models import AdversarialImage, Category, Mode, Question, Study
from studyapp.protocol.adversarial import AdversarialArm, AdversarialQuestions
from studyapp.protocol.schema import Protocol
from studyapp.services.plans import protocol_of
from studyapp.views.paging import page_of
from studyapp.views.researcher import researcher
from studyapp.views.results_links import question_address
from studyapp.views.study_frame import frame, study_or_404

ON_A_PAGE = 12
# Pictures of fewer pixels are shown as squares of whole pixels.
SMALL = 100
OUTCOMES: tuple[tuple[Outcome, str], ...] = (
    ("turned", "Verdict turned"),
    ("to_agreed", "Rejected, then agreed"),
    ("to_rejected", "Agreed, then rejected"),
    ("same", "Same verdict in both"),
    ("open", "Undecided in one of them"),
    ("all", "All images"),
)
ORDERS: tuple[tuple[Order, str], ...] = (
    ("difference", "Largest difference first"),
    ("to_second", "More agreement in the second first"),
    ("to_first", "More agreement in the first first"),
    ("image", "In the order of the images"),
)


@dataclass(frozen=True, slots=True)
class Asked:
    """What the address asks for; arms are names of the study's."""

    first: str
    second: str
    classifier: str
    outcome: Outcome
    order: Order


@dataclass(frozen=True, slots=True)
class Picture:
    """One picture of a row: what it is, where it lies, what a click leads to."""

    title: str
    source: str
    link: str


@dataclass(frozen=True, slots=True)
class ShownVotes:
    """The votes of one arm; `compared` arms are those of the pair."""

    arm: str
    positive: int
    received: int
    verdict: str
    link: str
    compared: bool


@dataclass(frozen=True, slots=True)
class ShownRow:
    """One row of the board."""

    image: str
    image_link: str
    classifier: str
    true: Category | None
    predicted: Category | None
    probability: float | None
    steps: int | None
    pictures: tuple[Picture, ...]
    votes: tuple[ShownVotes, ...]
    small: bool
    outcome: str


@require_safe
@researcher
def turned(request: HttpRequest, name: str) -> HttpResponse:
    """Rows of pictures with the votes of every arm: filtered by how the verdict went between two arms."""
    study = study_or_404(request, name)
    context = frame(request, study, "results")
    if study.built_at is None:
        return render(request, "results/unbuilt.html", context)
    mode, protocol = context["mode"], protocol_of(study)
    arms = [setup.name for setup in protocol.arm_setups()]
    rows = board_rows(study, study_report(study=study, mode=mode).questions)
    classifiers = list(
        study.study_classifiers.order_by("position").values_list("classifier__name", flat=True)
    )
    asked = _asked(request, protocol, arms, classifiers)
    chosen = chosen_rows(
        rows,
        first=asked.first,
        second=asked.second,
        classifier=asked.classifier,
        outcome=asked.outcome,
        order=asked.order,
    )
    page = page_of(request, chosen, size=ON_A_PAGE)
    context |= {
        "asked": asked,
        "arms": arms,
        "classifiers": classifiers,
        "outcomes": OUTCOMES,
        "orders": ORDERS,
        "counts": _counts(rows, asked),
        "rows": _shown(study, protocol, mode, list(page.rows), asked),
        "page": page,
        "attacked": bool(rows),
        "tail": "" if mode == Mode.REAL else f"?mode={mode}",
    }
    return render(request, "results/turned.html", context)


def _asked(request: HttpRequest, protocol: Protocol, arms: list[str], classifiers: list[str]) -> Asked:
    def one_of(name: str, allowed: list[str], otherwise: str) -> str:
        value = request.GET.get(name, "")
        return value if value in allowed else otherwise

    first = one_of("first", arms, _usual_first(protocol, arms))
    second = one_of("second", arms, next((arm for arm in arms if arm != first), first))
    outcome = one_of("outcome", [str(each) for each in get_args(Outcome)], "turned")
    order = one_of("order", [str(each) for each in get_args(Order)], "difference")
    return Asked(
        first=first,
        second=second,
        classifier=one_of("classifier", classifiers, ""),
        outcome=next(each for each, _ in OUTCOMES if each == outcome),
        order=next(each for each, _ in ORDERS if each == order),
    )


def _usual_first(protocol: Protocol, arms: list[str]) -> str:
    """The arm that shows whole attacked images, else the first."""
    for setup in protocol.arm_setups():
        plan = setup.plan
        if isinstance(plan, AdversarialArm) and (plan.shows, plan.version) == ("whole", "adversarial"):
            return setup.name
    return arms[0]


def _counts(rows: tuple[BoardRow, ...], asked: Asked) -> Mapping[str, int]:
    """How many images came out which way between the two arms."""
    found = {outcome: 0 for outcome, _ in OUTCOMES}
    for row in rows:
        came_out = row.outcome(asked.first, asked.second)
        if came_out is not None and asked.classifier in ("", row.classifier):
            found[came_out] += 1
            found["all"] += 1
    found["turned"] = found["to_agreed"] + found["to_rejected"]
    return {str(outcome): number for outcome, number in found.items()}


def _shown(study: Study, protocol: Protocol, mode: str, rows: list[BoardRow], asked: Asked) -> list[ShownRow]:
    attacked = AdversarialImage.objects.select_related(
        *("image__category", "true", "displayed_predicted", "float_predicted", "run")
    ).in_bulk([row.adversarial for row in rows])
    explained = explanations_of(study, list(attacked.values()))
    questions = dict(
        Question.objects.filter(
            pk__in=[votes.question for row in rows for votes in row.votes.values()]
        ).values_list("pk", "key")
    )
    plan = protocol.questions
    from_file = not isinstance(plan, AdversarialQuestions) or plan.adversarial_label == "displayed"
    shown = []
    for row in rows:
        image = attacked[row.adversarial]
        shown.append(
            ShownRow(
                image=image.image.name,
                image_link=reverse("image", kwargs={"key": image.image.key}),
                classifier=row.classifier,
                true=image.true or image.image.category,
                predicted=image.displayed_predicted if from_file else image.float_predicted,
                probability=image.displayed_probability if from_file else image.float_probability,
                steps=_steps(image, from_file=from_file),
                pictures=_pictures(image, explained.get(image.pk, {})),
                votes=_votes(study, mode, row, questions, asked),
                small=0 < image.side < SMALL,
                outcome=dict(OUTCOMES).get(row.outcome(asked.first, asked.second) or "all", ""),
            )
        )
    return shown


def _steps(image: AdversarialImage, *, from_file: bool) -> int | None:
    """The step at which the label that people were asked about came up; None where it never did."""
    steps = image.steps_to_displayed_flip if from_file else image.steps_to_flip
    return steps if steps is not None and 0 < steps <= image.steps_taken else None


def _votes(
    study: Study, mode: str, row: BoardRow, questions: Mapping[int, str], asked: Asked
) -> tuple[ShownVotes, ...]:
    return tuple(
        ShownVotes(
            arm=votes.arm,
            positive=votes.positive,
            received=votes.received,
            verdict=Verdict(votes.verdict).word,
            link=question_address(study.name, questions[votes.question], mode),
            compared=votes.arm in (asked.first, asked.second),
        )
        for votes in row.votes.values()
    )


def _pictures(image: AdversarialImage, explained: Mapping[str, Shown]) -> tuple[Picture, ...]:
    """Clean, adversarial, explanation of clean, explanation of adversarial; no source where there is none."""
    clean = reverse("picture-clean", kwargs={"key": image.key})
    attacked = reverse("picture-adversarial", kwargs={"key": image.key})
    return (
        Picture("clean", clean, clean),
        Picture("adversarial", attacked, attacked),
        _explanation("explanation of clean", explained.get("clean")),
        _explanation("explanation of adversarial", explained.get("adversarial")),
    )


def _explanation(title: str, shown: Shown | None) -> Picture:
    if shown is None:
        return Picture(title, "", "")
    if shown.stimulus is not None and shown.stimulus.file:
        source = reverse("participant:stimulus", kwargs={"key": shown.stimulus.key})
    else:
        source = reverse("picture-explanation", kwargs={"key": shown.explanation.key})
    return Picture(title, source, source)
