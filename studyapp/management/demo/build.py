"""Builds the demo step by step; every step leaves alone what is already there."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from django.core.management import CommandError, call_command

from studyapp.management.demo.recipes import (
    SIMULATED_ERROR_RATE,
    DemoClassifier,
    DemoDataset,
    DemoStudy,
    Recipe,
)
from studyapp.management.rehearsal import rehearse
from studyapp.management.research_command import SOME_SKIPPED
from studyapp.models import Job, Mode, PredictionRun, RecruitmentLink, Study
from studyapp.recruitment.link import link_url
from studyapp.services.rehearsals import is_rehearsed
from studyapp.services.studies import create_study, open_study, start_build
from studyapp.tasks.chunks import work_here

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class BuiltDemo:
    """What the newcomer is told: the two studies and the way into the open one."""

    rehearsed: Study
    open: Study
    participant_url: str


def build(recipe: Recipe, *, server: str, say: Say) -> BuiltDemo:
    """Build the demo against a running server (the rehearsal answers come over HTTP)."""
    for dataset in recipe.datasets:
        _import(dataset, say)
    for classifier in recipe.classifiers:
        _predict(classifier, say)
    rehearsed = _study(recipe.rehearsed, say)
    _rehearse(rehearsed, recipe, server=server, say=say)
    waiting = _study(recipe.open, say)
    if waiting.state == Study.State.DRAFT:
        open_study(study=waiting, actor="demo")
        waiting.refresh_from_db()
    link = RecruitmentLink.objects.filter(study=waiting, mode=Mode.REAL, single_use=False).first()
    if link is None:
        raise CommandError(f"Study {waiting.name} has no open link; make one: create_link {waiting.name}")
    return BuiltDemo(rehearsed, waiting, link_url(link))


def _import(dataset: DemoDataset, say: Say) -> None:
    imported = Job.objects.filter(
        kind="import_dataset", parameters__dataset=dataset.name, state=Job.State.DONE
    )
    if imported.exists():
        return
    say(f"Dataset {dataset.name}")
    try:
        call_command(
            "import_dataset",
            dataset.name,
            str(dataset.folder),
            labels=dataset.labels,
            classes=dataset.classes,
            enlarge=dataset.enlarge,
            licence=dataset.licence,
        )
    except CommandError as problem:
        # Files that cannot be read are listed and left out; the rest is the demo.
        if problem.returncode != SOME_SKIPPED:
            raise


def _predict(classifier: DemoClassifier, say: Say) -> None:
    finished = PredictionRun.objects.filter(
        classifier__name=classifier.name, dataset__name=classifier.dataset, finished_at__isnull=False
    )
    if finished.exists():
        return
    say(f"Classifier {classifier.name}")
    call_command(
        "add_classifier", classifier.name, architecture=classifier.architecture, weights=classifier.weights
    )
    call_command("predict", classifier.dataset, classifier.name)


def _study(plan: DemoStudy, say: Say) -> Study:
    study = Study.objects.filter(name=plan.protocol.name, built_at__isnull=False).first()
    if study is not None:
        return study
    say(f"Study {plan.protocol.name}")
    study = Study.objects.filter(name=plan.protocol.name).first() or create_study(
        protocol=plan.protocol, text=plan.file.read_text(), owner=None, folder=plan.file.parent
    )
    work_here(start_build(study=study))
    study.refresh_from_db()
    return study


def _rehearse(study: Study, recipe: Recipe, *, server: str, say: Say) -> None:
    """Fill the study with rehearsal answers once; a rehearsal that was cut short goes on."""
    if is_rehearsed(study):
        return
    say(f"Rehearsal of {study.name}: simulated participants over HTTP, erring at {SIMULATED_ERROR_RATE:.0%}")
    report = rehearse(
        study=study,
        server=server,
        error_rate=SIMULATED_ERROR_RATE,
        planted={
            classifier.name: classifier.planted_acceptance
            for classifier in recipe.classifiers
            if classifier.name in recipe.rehearsed.protocol.classifiers
        },
        rng=np.random.default_rng(2018),
    )
    if not report.passed:
        raise CommandError(f"The rehearsal of {study.name} failed:\n{report}")
