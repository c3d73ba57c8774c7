"""From a dataset's classes to a classifier's, whose lists need not be the same."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

from django.db.models import Count

from studyapp.models import Category, Classifier, ClassList, Dataset
from studyapp.services.catalogue.class_lists import plain
from studyapp.services.refusals import Refused

NAMED = 5


@dataclass(frozen=True, slots=True)
class ClassMapping:
    """Class index in the classifier's list for every category (by primary key) that the dataset uses."""

    index_of: Mapping[int, int]
    same_list: bool


def corresponding(
    source: Category, targets: Mapping[str, Category], names: Mapping[str, Category]
) -> Category | None:
    """The category of another list that means the same: by wnid, else by a name only one of them bears."""
    if source.wnid and targets:
        found = targets.get(source.wnid)
        if found is not None:
            return found
    named = names.get(plain(source.name))
    # Two wnids that differ are two classes, however alike their names are.
    return None if named is not None and named.wnid and source.wnid and named.wnid != source.wnid else named


def by_wnid(class_list: ClassList) -> dict[str, Category]:
    """The categories of a list that have a wnid, by it."""
    return {each.wnid: each for each in class_list.categories.exclude(wnid="")}


def by_unique_name(class_list: ClassList) -> dict[str, Category]:
    """The categories of a list by their name without case and underscores; names borne twice left out."""
    categories = list(class_list.categories.all())
    count = Counter(plain(each.name) for each in categories)
    return {plain(each.name): each for each in categories if count[plain(each.name)] == 1}


def map_classes(*, dataset: Dataset, classifier: Classifier) -> ClassMapping:
    """Map every category that the dataset's images have into the classifier's list.

    Raises Refused, with the counts, where the classifier does not know one of them.
    """
    used = dict(
        dataset.images.order_by()
        .values_list("category")
        .annotate(images=Count("pk"))
        .values_list("category", "images")
    )
    if not used:
        raise Refused(f"Dataset {dataset.name} has no images yet; import them first.")
    categories = list(Category.objects.filter(pk__in=used))
    if dataset.class_list_id == classifier.class_list_id:
        return ClassMapping({each.pk: each.index for each in categories}, same_list=True)
    wnids, names = by_wnid(classifier.class_list), by_unique_name(classifier.class_list)
    index_of: dict[int, int] = {}
    unknown: list[Category] = []
    for category in categories:
        found = corresponding(category, wnids, names)
        if found is None:
            unknown.append(category)
        else:
            index_of[category.pk] = found.index
    if unknown:
        images = sum(used[each.pk] for each in unknown)
        shown = ", ".join(each.name for each in unknown[:NAMED])
        raise Refused(
            f"Classifier {classifier.name} ({classifier.class_list}) does not know {len(unknown):,} of the "
            f"{len(used):,} classes of {dataset.name} ({images:,} of {sum(used.values()):,} images): {shown}"
            f"{', ...' if len(unknown) > NAMED else ''}. Import the dataset without them, or take a "
            "classifier that knows them."
        )
    return ClassMapping(index_of, same_list=False)
