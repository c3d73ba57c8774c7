"""Rows that a command's arguments name; a wrong name is answered with the right ones."""

from __future__ import annotations

from studyapp.models import Classifier, Dataset
from studyapp.services.refusals import Refused


def named_dataset(name: str) -> Dataset:
    """The dataset of that name; raises Refused with the names there are."""
    dataset = Dataset.objects.filter(name=name).select_related("class_list").first()
    if dataset is None:
        known = ", ".join(Dataset.objects.values_list("name", flat=True)) or "none yet"
        raise Refused(f"There is no dataset {name} (there are: {known}); import it with import_dataset.")
    return dataset


def named_classifier(name: str) -> Classifier:
    """The classifier of that name; raises Refused with the names there are."""
    classifier = Classifier.objects.filter(name=name).select_related("class_list").first()
    if classifier is None:
        known = ", ".join(Classifier.objects.values_list("name", flat=True)) or "none yet"
        raise Refused(f"There is no classifier {name} (there are: {known}); add it with add_classifier.")
    return classifier
