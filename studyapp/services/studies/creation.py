"""A study from a protocol: its rows in one transaction, its pictures by a job that can be resumed."""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from django.contrib.auth.models import User
from django.db import transaction
from django.utils import timezone

from studyapp.analysis.intervals import LEVEL
from studyapp.models import Arm, Classifier, Dataset, Job, Mode, Stimulus, Study, StudyClassifier
from studyapp.protocol.canonical import canonical_json, canonical_sha256
from studyapp.protocol.schema import Protocol
from studyapp.services.catalogue.alike_names import refuse_alike_names
from studyapp.services.jobs import FOREGROUND, ChunkPlan, JobPlan, begun_or_new_job
from studyapp.services.participation.slots import ensure_slots
from studyapp.services.planning.plan import shown_categories
from studyapp.services.planning.study_files import read_study_files
from studyapp.services.refusals import Refused
from studyapp.services.studies.bootstrap import ensure_bootstrap_draw
from studyapp.services.studies.kinds import plan_study

BUILD = "build_study"
_STIMULI_PER_CHUNK = 64
_NAME_LENGTH = 100
_ADDRESSES = frozenset({"new"})


def create_study(*, protocol: Protocol, text: str, owner: User | None, folder: Path | None = None) -> Study:
    """Write a draft study with its stimuli (still without pictures), questions and draws.

    `text` is the protocol as the researcher gave it and `folder` where it lies, for the CSV files it
    names. Follow with `start_build`. Raises Refused, and writes nothing, for a name that is taken,
    a dataset or classifier that is missing or unpredicted, or names that read alike.
    """
    _refuse_name(protocol.name)
    refuse_level(protocol)
    dataset = _dataset(protocol.dataset)
    classifiers = [_classifier(name) for name in protocol.classifiers]
    files = read_study_files(protocol=protocol, dataset=dataset, folder=folder)
    plan = plan_study(protocol=protocol, dataset=dataset, classifiers=classifiers, files=files)
    if has_pixels(dataset):
        # Where nothing can be shown nobody can be confused, and published lists keep their names.
        helps = [setup.class_help for setup in protocol.arm_setups()]
        refuse_alike_names(categories=shown_categories(plan.categories), helps=helps)
    canonical = canonical_json(protocol)
    with transaction.atomic():
        study = Study.objects.create(
            name=protocol.name,
            title=protocol.title[:200],
            kind=protocol.kind,
            dataset=dataset,
            protocol_text=text,
            protocol=json.loads(canonical),
            protocol_sha256=canonical_sha256(canonical),
            groups=sorted([category, group] for category, group in files.groups.items()),
            notes=list(plan.notes),
            owner=owner,
        )
        positions = StudyClassifier.objects.bulk_create(
            StudyClassifier(
                study=study,
                classifier=runs.classifier,
                run=runs.run,
                attack_run=runs.attack_run,
                position=position,
            )
            for position, runs in enumerate(plan.runs)
        )
        _write_arms(study, protocol)
        plan.write(study=study, positions=positions)
    return study


def start_build(*, study: Study, queue: str = FOREGROUND, created_by: User | None = None) -> Job:
    """The job that renders the study's pictures and then marks it built; an unfinished one is gone on with.

    A dataset without pixels has no pictures to render: its job only closes the study's building.
    """
    job = begun_or_new_job(
        rows=Study.objects.filter(pk=study.pk),
        plan=JobPlan(
            kind=BUILD,
            title=f"Build study {study.title}"[:200],
            chunks=partial(_unrendered, study),
            unit="pictures",
            queue=queue,
            parameters={"study": study.pk},
            created_by=created_by,
        ),
    )
    assert job is not None
    return job


def _unrendered(study: Study) -> list[ChunkPlan]:
    """Chunks of the pictures that a study lacks; with none of them its job only closes the building."""
    waiting: Sequence[int] = ()
    if has_pixels(study.dataset):
        waiting = list(
            Stimulus.objects.filter(study=study, file="").order_by("pk").values_list("pk", flat=True)
        )
    parts = [
        waiting[start : start + _STIMULI_PER_CHUNK] for start in range(0, len(waiting), _STIMULI_PER_CHUNK)
    ]
    return [ChunkPlan({"study": study.pk, "stimuli": list(part)}, len(part)) for part in parts]


def finish_build(*, study: Study) -> None:
    """Give the questions their slots for real answers and mark the study built; safe to repeat.

    The bootstrap's seed is drawn here, too: pages that show intervals may write nothing.
    """
    ensure_slots(study=study, mode=Mode.REAL)
    ensure_bootstrap_draw(study=study)
    Study.objects.filter(pk=study.pk, built_at=None).update(built_at=timezone.now())


def has_pixels(dataset: Dataset) -> bool:
    """Whether the dataset's images are more than published names."""
    return dataset.layout != Dataset.Layout.NAMES


def refuse_level(protocol: Protocol) -> None:
    """Refuse a confidence level that no interval would have: it would stand in the plan and nowhere else."""
    if protocol.analysis.confidence != LEVEL:
        raise Refused(
            f"[analysis] confidence = {protocol.analysis.confidence:g}: every interval is printed at "
            f"{LEVEL:g}; write confidence = {LEVEL:g}, or take it out."
        )


def _refuse_name(name: str) -> None:
    if len(name) > _NAME_LENGTH:
        raise Refused(
            f"The name {name[:20]}… has {len(name)} characters and {_NAME_LENGTH} is the most; give a "
            "shorter name (create_study --name NAME)."
        )
    if name in _ADDRESSES:
        raise Refused(f"/studies/{name}/ is a page of its own; give another name (create_study --name NAME).")
    if Study.objects.filter(name=name).exists():
        raise Refused(f"A study is called {name} already; give another name (create_study --name NAME).")


def _dataset(name: str) -> Dataset:
    found = Dataset.objects.filter(name=name).select_related("class_list").first()
    if found is None:
        known = ", ".join(Dataset.objects.order_by("name").values_list("name", flat=True)) or "none yet"
        raise Refused(f"Dataset {name!r} is not in the catalogue (there are: {known}); give --dataset NAME.")
    return found


def _classifier(name: str) -> Classifier:
    found = Classifier.objects.filter(name=name).select_related("class_list").first()
    if found is None:
        known = ", ".join(Classifier.objects.order_by("name").values_list("name", flat=True)) or "none yet"
        raise Refused(f"Classifier {name!r} is not registered (there are: {known}); give --classifier NAME.")
    return found


def _write_arms(study: Study, protocol: Protocol) -> None:
    Arm.objects.bulk_create(
        Arm(
            study=study,
            name=setup.name,
            position=position,
            wording=setup.wording,
            parameters={
                "form": setup.form,
                "class_help": setup.class_help,
                "values": list(setup.values),
                "positive": list(setup.positive),
            },
        )
        for position, setup in enumerate(protocol.arm_setups())
    )
