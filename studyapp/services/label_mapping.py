"""A classifier's classes in the words of the dataset: by wnid, else by a name that only one class bears."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from studyapp.models import Category, Classifier, Dataset
from studyapp.services.class_lists import plain


@dataclass(frozen=True, slots=True)
class LabelMap:
    """Category ids to ask about: `by_index` from class indices, `by_id` from the classifier's categories.

    A class that the dataset does not have keeps the classifier's own category.
    """

    by_index: dict[int, int]
    by_id: dict[int, int]

    def ranked(self, indices: list[int]) -> tuple[int, ...]:
        """A ranking of class indices as category ids, best first."""
        return tuple(self.by_index[index] for index in indices)


def label_map(*, classifier: Classifier, dataset: Dataset) -> LabelMap:
    """How the classifier's categories are called in the dataset."""
    own = list(classifier.class_list.categories.all())
    if classifier.class_list_id == dataset.class_list_id:
        return LabelMap({each.index: each.pk for each in own}, {each.pk: each.pk for each in own})
    theirs = list(dataset.class_list.categories.all())
    by_wnid = {each.wnid: each.pk for each in theirs if each.wnid}
    by_name = _unique_names(theirs)
    own_names = _unique_names(own)
    found: dict[int, int] = {}
    for each in own:
        name = plain(each.name)
        target = by_wnid.get(each.wnid) if each.wnid else None
        if target is None and name in own_names:
            target = by_name.get(name)
        found[each.pk] = target if target is not None else each.pk
    return LabelMap({each.index: found[each.pk] for each in own}, found)


def _unique_names(categories: list[Category]) -> dict[str, int]:
    count = Counter(plain(each.name) for each in categories)
    return {plain(each.name): each.pk for each in categories if count[plain(each.name)] == 1}
