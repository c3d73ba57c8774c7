"""Writes on the registry of classifiers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from django.db import transaction

from studyapp.models import Classifier
from studyapp.services.catalogue.class_lists import ClassTable, ensure_class_list
from studyapp.services.refusals import Refused


@dataclass(frozen=True, slots=True)
class ClassifierFacts:
    """What loading a classifier once has told: everything that its row holds."""

    name: str
    source: Classifier.Source
    table: ClassTable
    architecture: str = ""
    weights: str = ""
    weights_sha256: str = ""
    preprocessing: Mapping[str, object] = field(default_factory=dict)
    fixed_batch: int | None = None


@transaction.atomic
def register_classifier(*, facts: ClassifierFacts) -> tuple[Classifier, bool]:
    """The classifier of that name, and whether it is new; repeating a registration changes nothing.

    Raises Refused where the name stands for another one: predictions made under it would change meaning.
    """
    check_indices(facts.table)
    class_list = ensure_class_list(table=facts.table)
    there = Classifier.objects.filter(name=facts.name).first()
    if there is None:
        classifier = Classifier.objects.create(
            name=facts.name,
            source=facts.source,
            architecture=facts.architecture,
            weights=facts.weights,
            weights_sha256=facts.weights_sha256,
            preprocessing=dict(facts.preprocessing),
            fixed_batch=facts.fixed_batch,
            class_list=class_list,
        )
        return classifier, True
    differing = [
        f"{what} ({old or 'none'}, now {new or 'none'})"
        for what, old, new in (
            ("architecture", there.architecture, facts.architecture),
            ("weights digest", there.weights_sha256[:12], facts.weights_sha256[:12]),
            ("class list", there.class_list.name, class_list.name if class_list != there.class_list else ""),
            ("preprocessing", there.preprocessing, dict(facts.preprocessing)),
            ("fixed batch", there.fixed_batch, facts.fixed_batch),
        )
        if old != new and not (what == "class list" and class_list == there.class_list)
    ]
    if differing:
        raise Refused(
            f"Classifier {facts.name} is registered with another {', another '.join(differing)}; choose "
            "another name."
        )
    if there.weights != facts.weights:
        # The same bytes elsewhere, such as after an environment was made anew.
        there.weights = facts.weights
        there.save(update_fields=["weights"])
    return there, False


def describe_training(*, classifier: Classifier, trained_on: str = "", validated_on: str = "") -> None:
    """Keep what the researcher says of a classifier's training; what is empty stays as it was."""
    said = {"trained_on": trained_on.strip()[:300], "validated_on": validated_on.strip()[:300]}
    changes = {name: text for name, text in said.items() if text}
    if changes:
        Classifier.objects.filter(pk=classifier.pk).update(**changes)
        classifier.refresh_from_db()


def check_indices(table: ClassTable) -> None:
    """Refuse a classifier's class list whose indices are not 0, 1, 2, ... as its outputs are."""
    for position, entry in enumerate(table.entries):
        if entry.index != position:
            raise Refused(
                f"{table.name}: a classifier's classes are numbered as its outputs are, from 0 without a "
                f"gap; class_index {position} is missing."
            )
