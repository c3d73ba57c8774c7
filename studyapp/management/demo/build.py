"""Builds the demo step by step; every step leaves alone what is already there."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from django.core.management import CommandError

from studyapp.management.demo.recipes import SIMULATED_ERROR_RATE, DemoStudy, Recipe
from studyapp.management.demo.runs import Say, attack, examples, import_folder, predict, probe, shift
from studyapp.management.rehearsal import rehearse
from studyapp.models import Mode, RecruitmentLink, Study
from studyapp.recruitment.link import link_url
from studyapp.services.studies.life import create_study, open_study, start_build
from studyapp.services.studies.rehearsals import is_rehearsed
from studyapp.tasks.chunks import work_here


@dataclass(frozen=True, slots=True)
class OpenStudy:
    """A study that takes answers, and the way into it."""

    study: Study
    participant_url: str


@dataclass(frozen=True, slots=True)
class BuiltDemo:
    """What the newcomer is told: the answered studies and the open ones."""

    answered: tuple[Study, ...]
    open: tuple[OpenStudy, ...]


def build(recipe: Recipe, *, server: str, say: Say) -> BuiltDemo:
    """Build the demo against a running server (the rehearsal answers come over HTTP)."""
    for dataset in recipe.datasets:
        import_folder(dataset, say)
    for classifier in recipe.classifiers:
        predict(classifier, say)
    for each in recipe.attacks:
        attack(each, say)
    for wanted in recipe.examples:
        examples(wanted, say)
    for series in recipe.probes:
        probe(series, say)
    for places in recipe.shifts:
        shift(places, say)
    answered = []
    for plan in recipe.answered:
        study = _study(plan, say)
        _rehearse(study, plan, server=server, say=say)
        answered.append(study)
    return BuiltDemo(tuple(answered), tuple(_opened(plan, say) for plan in recipe.open))


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


def _rehearse(study: Study, plan: DemoStudy, *, server: str, say: Say) -> None:
    """Fill the study with rehearsal answers once; a rehearsal that was cut short goes on."""
    if is_rehearsed(study):
        return
    say(f"Rehearsal of {study.name}: simulated participants over HTTP, erring at {SIMULATED_ERROR_RATE:.0%}")
    report = rehearse(
        study=study,
        server=server,
        error_rate=SIMULATED_ERROR_RATE,
        planted=plan.planted,
        rng=np.random.default_rng(2018),
    )
    if not report.passed:
        raise CommandError(f"The rehearsal of {study.name} failed:\n{report}")


def _opened(plan: DemoStudy, say: Say) -> OpenStudy:
    study = _study(plan, say)
    if study.state == Study.State.DRAFT:
        open_study(study=study, actor="demo")
        study.refresh_from_db()
    link = RecruitmentLink.objects.filter(study=study, mode=Mode.REAL, single_use=False).first()
    if link is None:
        raise CommandError(f"Study {study.name} has no open link; make one: create_link {study.name}")
    return OpenStudy(study, link_url(link))
