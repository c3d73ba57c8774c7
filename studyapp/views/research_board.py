"""The board: studies with their progress, jobs under way, and what to do next where there is nothing."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from django.db.models import Q
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_safe

from studyapp.models import Classifier, Dataset, Job, Mode, PredictionRun, Study
from studyapp.services.studies.watching import Standing, standings
from studyapp.views.research_jobs import LIVE_FIRST, line_of
from studyapp.views.researcher import researcher

STUDIES_SHOWN = 12
JOBS_SHOWN = 6
RECENT = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Step:
    """One thing that has to be there before a study can run."""

    title: str
    done: bool
    text: str
    command: str
    page: str


def first_steps() -> tuple[Step, ...]:
    """The way from nothing to the first study, with what is done of it."""
    return (
        Step(
            "Import images",
            Dataset.objects.exists(),
            "A folder with one subfolder per class, or a CSV with a label for each image.",
            "python manage.py import_dataset NAME FOLDER",
            "datasets",
        ),
        Step(
            "Add a classifier",
            Classifier.objects.exists(),
            "A torchvision or packaged architecture, or a file of your own.",
            "python manage.py add_classifier NAME --architecture ARCHITECTURE",
            "classifiers",
        ),
        Step(
            "Predict",
            PredictionRun.objects.filter(finished_at__isnull=False).exists(),
            "Its mistakes are what people will look at again.",
            "python manage.py predict DATASET CLASSIFIER",
            "classifiers",
        ),
        Step(
            "Make a study",
            Study.objects.exists(),
            "Choose a protocol, a dataset and classifiers, and see what it asks of people.",
            "python manage.py create_study protocols/misclassification-calibrated.toml",
            "study-new",
        ),
    )


def recent_studies() -> list[Standing]:
    """The studies that matter now: open ones first, then the newest."""
    order = ["paused", "open"]
    rows = Study.objects.select_related("dataset").order_by("-created_at")[: 4 * STUDIES_SHOWN]
    chosen = sorted(rows, key=lambda study: -order.index(study.state) if study.state in order else 1)
    return standings(chosen[:STUDIES_SHOWN], mode=Mode.REAL)


@require_safe
@researcher
def board(request: HttpRequest) -> HttpResponse:
    """Studies and jobs at a glance; refreshes itself while something moves."""
    ended = Q(finished_at__gte=timezone.now() - RECENT, state=Job.State.FAILED)
    moving = Q(state__in=(Job.State.QUEUED, Job.State.RUNNING))
    jobs = [
        line_of(job)
        for job in Job.objects.filter(moving | ended).order_by(LIVE_FIRST, "-created_at")[:JOBS_SHOWN]
    ]
    studies = recent_studies()
    context = {
        "nav": "board",
        "standings": studies,
        "more": Study.objects.count() > len(studies),
        "lines": jobs,
        "live": any(not line.job.is_finished for line in jobs)
        or any(each.study.state == Study.State.OPEN for each in studies),
        "steps": () if studies else first_steps(),
    }
    template = "research/_board.html" if request.headers.get("HX-Request") else "research/board.html"
    return render(request, template, context)
