"""Writes of an import: the dataset with its class list, images in batches, files that were left out."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db import transaction

from studyapp.models import Category, Dataset, Image, SkippedFile
from studyapp.services.catalogue.class_lists import ensure_class_list
from studyapp.services.catalogue.listings import LeftOut
from studyapp.services.catalogue.plan import ImportPlan, ImportRequest, PlannedImage
from studyapp.services.refusals import Refused

BATCH = 1000


@dataclass(frozen=True, slots=True)
class CheckedImage:
    """A file that was decoded: its name, class and split, and what decoding told."""

    name: str
    category_id: int
    split: str
    width: int
    height: int
    sha256: str
    remark: str


@transaction.atomic
def open_dataset(*, request: ImportRequest, plan: ImportPlan) -> Dataset:
    """The dataset to import into: a new one, or the one of that name where it has the same source.

    Raises Refused where the name is taken by a dataset from elsewhere or with another class list.
    """
    class_list = ensure_class_list(table=plan.table)
    root = str(request.root.resolve()) if request.root and request.with_files else ""
    dataset, new = Dataset.objects.get_or_create(
        name=request.name,
        defaults={
            "layout": plan.layout,
            "root": root,
            "copied": request.copy,
            "enlarge": request.enlarge,
            "class_list": class_list,
            "licence": request.licence,
        },
    )
    if new:
        return dataset
    if dataset.root != root:
        raise Refused(
            f"Dataset {dataset.name} comes from {dataset.root or 'a list of names'} and not from "
            f"{root or 'a list of names'}; choose another name."
        )
    if dataset.class_list_id != class_list.pk:
        raise Refused(
            f"Dataset {dataset.name} has the class list {dataset.class_list} and not {plan.table.name} "
            f"({plan.table.range_text}); give the same --classes, or choose another name."
        )
    if dataset.copied != request.copy:
        raise Refused(
            f"Dataset {dataset.name} {'keeps copies' if dataset.copied else 'refers to its folder'}; "
            f"repeat the import {'with' if dataset.copied else 'without'} --copy, or choose another name."
        )
    return dataset


def category_ids(dataset: Dataset) -> dict[int, int]:
    """Class index -> primary key of the category, over the dataset's class list."""
    return dict(dataset.class_list.categories.values_list("index", "pk"))


def not_yet_imported(
    *, dataset: Dataset, plan: ImportPlan, tried_since: datetime | None
) -> list[PlannedImage]:
    """The planned images that the dataset lacks, but for files found bad since `tried_since`."""
    there = set(dataset.images.values_list("name", flat=True))
    if tried_since is not None:
        there |= set(dataset.skipped_files.filter(seen_at__gte=tried_since).values_list("name", flat=True))
    return [image for image in plan.images if image.name not in there]


@transaction.atomic
def write_names(*, dataset: Dataset, images: Iterable[PlannedImage]) -> None:
    """Write published names that have no pixels; names that are there already stay as they are."""
    categories = category_ids(dataset)
    Image.objects.bulk_create(
        (
            Image(
                dataset=dataset, name=image.name, category_id=categories[image.entry.index], split=image.split
            )
            for image in images
        ),
        batch_size=BATCH,
        ignore_conflicts=True,
    )


@transaction.atomic
def write_checked(
    *, dataset: Dataset, images: Sequence[CheckedImage], left_out: Sequence[LeftOut]
) -> list[LeftOut]:
    """Write decoded images; a second file with the same content is left out. Returns all that was left out.

    Safe to repeat: rows are found again by their name within the dataset.
    """
    known = {
        sha256: (name, label)
        for sha256, name, label in dataset.images.filter(
            sha256__in={image.sha256 for image in images}
        ).values_list("sha256", "name", "category__name")
    }
    labels = dict(
        Category.objects.filter(pk__in={image.category_id for image in images}).values_list("pk", "name")
    )
    skipped = list(left_out)
    fresh: list[CheckedImage] = []
    for image in images:
        first, label = known.setdefault(image.sha256, (image.name, labels[image.category_id]))
        if first == image.name:
            fresh.append(image)
        else:
            skipped.append(LeftOut(image.name, _same_content(first, label, labels[image.category_id])))
    Image.objects.bulk_create(
        (
            Image(
                dataset=dataset,
                name=image.name,
                category_id=image.category_id,
                split=image.split,
                width=image.width,
                height=image.height,
                sha256=image.sha256,
                remark=image.remark,
            )
            for image in fresh
        ),
        batch_size=BATCH,
        ignore_conflicts=True,
    )
    written = set(
        dataset.images.filter(name__in=[image.name for image in fresh]).values_list("name", flat=True)
    )
    # Another worker may have written the same content in the meantime; the database keeps one.
    skipped += [
        LeftOut(image.name, "has the same content as another file of this dataset")
        for image in fresh
        if image.name not in written
    ]
    write_left_out(dataset=dataset, left_out=skipped)
    dataset.skipped_files.filter(name__in=written).delete()
    return skipped


def write_left_out(*, dataset: Dataset, left_out: Iterable[LeftOut]) -> None:
    """List files that were not imported with their reason; a file seen again gets its newest reason."""
    SkippedFile.objects.bulk_create(
        (SkippedFile(dataset=dataset, name=file.name[:500], reason=file.reason[:500]) for file in left_out),
        batch_size=BATCH,
        update_conflicts=True,
        unique_fields=["dataset", "name"],
        update_fields=["reason", "seen_at"],
    )


def _same_content(first: str, first_label: str, label: str) -> str:
    return f"has the same content as {first}" + (
        f", which is labelled {first_label} and not {label}" if label != first_label else ""
    )
