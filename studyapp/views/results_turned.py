"""The board of verdicts that turned: the images that the people of one arm judged unlike those of another."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_safe

from studyapp.analysis.verdicts import Verdict
from studyapp.exports.kept_report import study_report
from studyapp.exports.turned_board import (
    ORDERS,
    OUTCOMES,
    BoardChoice,
    BoardRow,
    board_choice,
    board_rows,
    chosen_rows,
    classifiers_of_board,
)
from studyapp.exports.turned_rows import PICTURES, Shown, TurnedRow, turned_rows
from studyapp.models import Category, Mode, Question, Study
from studyapp.services.plans import protocol_of
from studyapp.views.paging import page_of
from studyapp.views.researcher import researcher
from studyapp.views.results_links import question_address
from studyapp.views.study_frame import frame, study_or_404

ON_A_PAGE = 12
# Pictures of fewer pixels are shown as squares of whole pixels.
SMALL = 100


@dataclass(frozen=True, slots=True)
class Picture:
    """One picture of a row: what it is, and where it lies."""

    title: str
    source: str


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


@require_safe
@researcher
def turned(request: HttpRequest, name: str) -> HttpResponse:
    """Rows of pictures with the votes of every arm: filtered by how the verdict went between two arms."""
    study = study_or_404(request, name)
    context = frame(request, study, "results")
    if study.built_at is None:
        return render(request, "results/unbuilt.html", context)
    mode, protocol = context["mode"], protocol_of(study)
    rows = board_rows(study, study_report(study=study, mode=mode).questions)
    classifiers = classifiers_of_board(study)
    asked = board_choice(request.GET.dict(), protocol=protocol, classifiers=classifiers)
    page = page_of(request, chosen_rows(rows, asked), size=ON_A_PAGE)
    context |= {
        "asked": asked,
        "choice": asked.values(),
        "arms": [setup.name for setup in protocol.arm_setups()],
        "classifiers": classifiers,
        "outcomes": OUTCOMES.items(),
        "orders": ORDERS.items(),
        "counts": _counts(rows, asked),
        "rows": _shown(study, mode, list(page.rows), asked),
        "page": page,
        "attacked": bool(rows),
        "tail": "" if mode == Mode.REAL else f"?mode={mode}",
    }
    return render(request, "results/turned.html", context)


def _counts(rows: Sequence[BoardRow], asked: BoardChoice) -> Mapping[str, int]:
    """How many images came out which way between the two arms."""
    found = {str(outcome): 0 for outcome in OUTCOMES}
    for row in rows:
        came_out = row.outcome(asked.first, asked.second)
        if came_out is not None and asked.classifier in ("", row.classifier):
            found[came_out] += 1
            found["all"] += 1
    found["turned"] = found["to_agreed"] + found["to_rejected"]
    return found


def _shown(study: Study, mode: str, rows: Sequence[BoardRow], asked: BoardChoice) -> list[ShownRow]:
    questions = dict(
        Question.objects.filter(
            pk__in=[votes.question for row in rows for votes in row.votes.values()]
        ).values_list("pk", "key")
    )
    return [
        ShownRow(
            image=row.image.image.name,
            image_link=reverse("image", kwargs={"key": row.image.image.key}),
            classifier=row.votes.classifier,
            true=row.true,
            predicted=row.predicted,
            probability=row.probability,
            steps=row.steps,
            pictures=_pictures(row),
            votes=_votes(study, mode, row.votes, questions, asked),
            small=0 < row.image.side < SMALL,
        )
        for row in turned_rows(study, rows)
    ]


def _votes(
    study: Study, mode: str, row: BoardRow, questions: Mapping[int, str], asked: BoardChoice
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


def _pictures(row: TurnedRow) -> tuple[Picture, ...]:
    """The four pictures; no source where there is no explanation."""
    sources = (
        reverse("picture-clean", kwargs={"key": row.image.key}),
        reverse("picture-adversarial", kwargs={"key": row.image.key}),
        _explanation(row.explained.get("clean")),
        _explanation(row.explained.get("adversarial")),
    )
    return tuple(Picture(title, source) for title, source in zip(PICTURES, sources, strict=True))


def _explanation(shown: Shown | None) -> str:
    if shown is None:
        return ""
    if shown.stimulus is not None and shown.stimulus.file:
        return reverse("participant:stimulus", kwargs={"key": shown.stimulus.key})
    return reverse("picture-explanation", kwargs={"key": shown.explanation.key})
