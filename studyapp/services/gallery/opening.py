"""Galleries by name, and which there are."""

from __future__ import annotations

from dataclasses import dataclass

from django.db.models import Count, Exists, OuterRef, Q, QuerySet

from studyapp.models import (
    AdversarialImage,
    AttackRun,
    ExplanationRun,
    Stimulus,
    Study,
    Version,
)
from studyapp.services.gallery.scopes import (
    Scope,
    attack_scope,
    classifiers_of,
    explanations_scope,
    study_scope,
)
from studyapp.services.refusals import Refused

KIND = "adversarial"


@dataclass(frozen=True, slots=True)
class Galleries:
    """Everything that can be looked at, newest first; studies carry `pending`, runs `shown` (how many)."""

    studies: QuerySet[Study]
    attacks: QuerySet[AttackRun]
    explanations: QuerySet[ExplanationRun]


def galleries() -> Galleries:
    """Studies of attacked images, attacks that no study uses, and runs that explain clean images alone."""
    pending = Count("stimuli", filter=Q(stimuli__review=Stimulus.Review.PENDING))
    in_a_study = Study.objects.filter(study_classifiers__attack_run=OuterRef("pk"))
    attacked = Count(
        "adversarial_images",
        filter=Q(adversarial_images__outcome=AdversarialImage.Outcome.ATTACKED),
    )
    same = AttackRun.objects.filter(dataset=OuterRef("dataset"), classifier=OuterRef("classifier"))
    return Galleries(
        studies=Study.objects.filter(kind=KIND)
        .select_related("dataset")
        .annotate(pending=pending, shown=Count("stimuli"))
        .order_by("-created_at"),
        attacks=AttackRun.objects.filter(~Exists(in_a_study))
        .select_related("dataset", "classifier")
        .annotate(shown=attacked, explained=Exists(ExplanationRun.objects.filter(attack_run=OuterRef("pk"))))
        .order_by("-created_at"),
        explanations=ExplanationRun.objects.filter(~Exists(same), version=Version.CLEAN)
        .select_related("dataset", "classifier")
        .annotate(shown=Count("explanations"))
        .order_by("-created_at"),
    )


def gallery(kind: str, name: str) -> Scope:
    """The gallery of that address: ("study", name), ("attack", id) or ("explanations", id).

    Raises Refused where there is none.
    """
    if kind == "study":
        classifiers = classifiers_of(study__name=name, study__kind=KIND)
        if classifiers:
            return study_scope(classifiers[0].study, classifiers)
    elif name.isascii() and name.isdecimal() and len(name) < 18:
        related = ("dataset", "classifier__class_list")
        if kind == "attack":
            attack = AttackRun.objects.filter(pk=int(name)).select_related(*related).first()
            if attack is not None:
                return attack_scope(attack)
        elif kind == "explanations":
            runs = ExplanationRun.objects.filter(pk=int(name), version=Version.CLEAN)
            run = runs.select_related(*related).first()
            if run is not None:
                return explanations_scope(run)
    raise Refused(f"There is no gallery {kind}/{name}; /admin/gallery/ lists those there are.")
