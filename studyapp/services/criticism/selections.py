"""The prototypes and criticisms that a study shows: found, complete, and read by category."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from studyapp.models import Category, Classifier, Dataset, ExampleSelection, SelectedExample
from studyapp.protocol.criticism import ExampleMethod
from studyapp.services.catalogue.class_lists import Label, UnknownClassError, table_of
from studyapp.services.refusals import Refused


@dataclass(frozen=True, slots=True)
class Examples:
    """Image ids that one category is explained by, in the order of selection."""

    prototypes: tuple[int, ...] = ()
    criticisms: tuple[int, ...] = ()

    @property
    def images(self) -> tuple[int, ...]:
        """All of them, prototypes first."""
        return (*self.prototypes, *self.criticisms)


@dataclass(frozen=True, slots=True)
class Selected:
    """A finished selection and its examples by category id."""

    selection: ExampleSelection
    by_category: Mapping[int, Examples]

    def short(self, category: int) -> bool:
        """Whether the category has fewer examples than the selection was to have, or none."""
        found = self.by_category.get(category, Examples())
        wanted = self.selection.prototypes, self.selection.criticisms
        return (len(found.prototypes), len(found.criticisms)) != wanted


def selected_examples(
    *,
    dataset: Dataset,
    classifier: Classifier,
    weights_sha256: str,
    method: ExampleMethod,
    prototypes: int,
    criticisms: int,
) -> Selected:
    """The newest finished selection of this method and these numbers.

    Raises Refused with the command that makes it, or goes on with it.
    """
    rows = ExampleSelection.objects.filter(
        dataset=dataset, classifier=classifier, method=method, prototypes=prototypes, criticisms=criticisms
    ).order_by("-created_at", "-pk")
    command = select_command(dataset, classifier, method, prototypes, criticisms)
    fitting = [row for row in rows if not weights_sha256 or row.weights_sha256 in ("", weights_sha256)]
    finished = [row for row in fitting if row.finished_at is not None]
    if not finished:
        if fitting:
            raise Refused(
                f"The selection {fitting[0]} on {dataset.name} is not finished; go on with it: {command}"
            )
        of_others = " (there is one of other weights)" if rows else ""
        raise Refused(
            f"No {_in_words(method, prototypes, criticisms)} of {classifier.name} on {dataset.name} are "
            f"selected{of_others}; select them first: {command}"
        )
    return Selected(finished[0], _by_category(finished[0]))


def select_command(
    dataset: Dataset, classifier: Classifier, method: str, prototypes: int, criticisms: int
) -> str:
    """The command that makes such a selection."""
    with_criticisms = f" --criticisms {criticisms}" if criticisms else ""
    return (
        f"select_examples {dataset.name} {classifier.name} --method {method} "
        f"--prototypes {prototypes}{with_criticisms}"
    )


def category_of(dataset: Dataset, text: str) -> Category:
    """The category of the dataset that a protocol names by wnid, name or index; raises Refused."""
    try:
        index = table_of(dataset.class_list).find(Label(text=text)).index
    except UnknownClassError as problem:
        raise Refused(f"{problem}; name a category of {dataset.name}.") from problem
    return Category.objects.get(class_list=dataset.class_list_id, index=index)


def _by_category(selection: ExampleSelection) -> dict[int, Examples]:
    rows = SelectedExample.objects.filter(selection=selection).order_by("category_id", "rank")
    found: dict[int, dict[str, list[int]]] = {}
    for category, role, image in rows.values_list("category_id", "role", "image_id"):
        found.setdefault(category, {}).setdefault(role, []).append(image)
    roles = SelectedExample.Role
    return {
        category: Examples(tuple(by.get(roles.PROTOTYPE, ())), tuple(by.get(roles.CRITICISM, ())))
        for category, by in found.items()
    }


def _in_words(method: str, prototypes: int, criticisms: int) -> str:
    label = ExampleSelection.Method(method).label
    criticised = f" and {criticisms} criticisms" if criticisms else ""
    return f"{prototypes} prototypes{criticised} a category by method {label}"
