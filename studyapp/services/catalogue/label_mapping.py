"""A classifier's classes in the words of the dataset: by wnid, else by a name that only one class bears."""

from __future__ import annotations

from dataclasses import dataclass

from studyapp.models import Classifier, Dataset
from studyapp.services.catalogue.class_lists import plain
from studyapp.services.catalogue.class_mapping import by_unique_name, by_wnid, corresponding


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
    found = {each.pk: each.pk for each in own}
    if classifier.class_list_id != dataset.class_list_id:
        wnids, names = by_wnid(dataset.class_list), by_unique_name(dataset.class_list)
        own_names = by_unique_name(classifier.class_list)
        for each in own:
            # A name that two of the classifier's classes bear names neither.
            candidates = names if plain(each.name) in own_names else {}
            target = corresponding(each, wnids, candidates)
            if target is not None:
                found[each.pk] = target.pk
    return LabelMap({each.index: found[each.pk] for each in own}, found)
