"""What an import will do, settled before anything is written: the source, its class list, its classes."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from studyapp.models import Dataset
from studyapp.services.catalogue.class_lists import (
    ClassEntry,
    ClassTable,
    ContradictoryLabelError,
    Label,
    UnknownClassError,
    read_class_table,
    table_of_names,
)
from studyapp.services.catalogue.imagenet_solution import (
    SOLUTION_NAMES,
    is_flat_validation_folder,
    list_validation_folder,
    looks_like_validation_names,
    settle_numbers,
)
from studyapp.services.catalogue.listings import (
    LabelledName,
    LeftOut,
    Listing,
    list_class_folders,
    list_csv,
    looks_like_imagenet,
)
from studyapp.services.refusals import Refused

IMAGENET_BY_NAME = "imagenet"


@dataclass(frozen=True, slots=True)
class ImportRequest:
    """What the researcher asks for; `root` is None for a catalogue of names without pixels.

    `classes` is a CSV or the word "imagenet"; `synsets` and `index_order` speak of ImageNet's
    solution file (see `imagenet_solution`).
    """

    name: str
    root: Path | None
    labels: Path | None = None
    classes: str = ""
    with_files: bool = True
    copy: bool = False
    enlarge: Dataset.Enlarge = Dataset.Enlarge.SMOOTH
    split: str = ""
    licence: str = ""
    synsets: Path | None = None
    index_order: str = ""


@dataclass(frozen=True, slots=True)
class PlannedImage:
    """One image to import: its name, its class and its split."""

    name: str
    entry: ClassEntry
    split: str


@dataclass(frozen=True, slots=True)
class ImportPlan:
    """Everything that an import writes, but for what decoding the files will tell."""

    layout: Dataset.Layout
    table: ClassTable
    images: tuple[PlannedImage, ...]
    left_out: tuple[LeftOut, ...]
    note: str


def plan_import(request: ImportRequest, *, imagenet: ClassTable) -> ImportPlan:
    """Read folder, CSV and class list and put every label to its class.

    Raises Refused for a malformed CSV (with its line), a folder without images, labels that contradict
    themselves, or when no label is known; a label that the list lacks leaves out its image alone.
    """
    listing = _listing(request)
    table = _class_table(request, listing, imagenet)
    images: list[PlannedImage] = []
    left_out = list(listing.left_out)
    for named in listing.names:
        try:
            images.append(PlannedImage(named.name, table.find(named.label), named.split or request.split))
        except ContradictoryLabelError as problem:
            raise Refused(f"{named.read_at or named.name}: {problem}; mend the line.") from problem
        except UnknownClassError as problem:
            left_out.append(LeftOut(named.name, _unknown(named, problem)))
    if not images:
        raise Refused(f"No label is known: {left_out[0].reason}.")
    return ImportPlan(listing.layout, table, tuple(images), tuple(left_out), listing.note)


def _listing(request: ImportRequest) -> Listing:
    root, labels = request.root, request.labels
    if not request.with_files:
        if labels is None:
            raise Refused("A catalogue without files takes its names from a CSV; give it with --labels.")
        return _csv_listing(request, labels, Dataset.Layout.NAMES)
    if root is None:
        raise Refused("Images are needed; give their folder, or --no-files for a catalogue of names.")
    if not root.is_dir():
        raise Refused(f"{root} is no folder; check the path.")
    flat = is_flat_validation_folder(root)
    if flat and (labels is None or labels.suffix == ".txt" or labels.name in SOLUTION_NAMES):
        return list_validation_folder(
            root, solution_path=labels, synsets_path=request.synsets, order=request.index_order
        )
    if labels is not None:
        return _csv_listing(request, labels, Dataset.Layout.CSV)
    return list_class_folders(root)


def _csv_listing(request: ImportRequest, labels: Path, layout: Dataset.Layout) -> Listing:
    listing = list_csv(labels, split=request.split, layout=layout)
    return settle_numbers(listing, labels, synsets_path=request.synsets, order=request.index_order)


def _class_table(request: ImportRequest, listing: Listing, imagenet: ClassTable) -> ClassTable:
    """The list the researcher gives, ImageNet's where the labels are its, else the labels' own."""
    if request.classes == IMAGENET_BY_NAME:
        return imagenet
    if request.classes:
        return read_class_table(Path(request.classes))
    if listing.layout == Dataset.Layout.IMAGENET:
        return imagenet
    labels = [named.label for named in listing.names]
    if _is_imagenet(listing, labels, imagenet):
        return imagenet
    if any(label.index is not None for label in labels):
        return _numbered_table(request, listing)
    return table_of_names(
        f"{request.name} classes", [label.text or label.name or label.wnid for label in labels]
    )


def _is_imagenet(listing: Listing, labels: list[Label], imagenet: ClassTable) -> bool:
    wnids = {label.wnid or label.text for label in labels}
    if looks_like_imagenet(wnids, {entry.wnid for entry in imagenet.entries}):
        return True
    if all((label.index is not None or label.text.isdecimal()) and not label.name for label in labels):
        # Bare numbers mean nothing by themselves; on ImageNet's own file names they mean its classes.
        return looks_like_validation_names([named.name for named in listing.names])
    return not any(label.text.isdecimal() for label in labels) and all(
        _means_the_same(label, imagenet) for label in set(labels)
    )


def _means_the_same(label: Label, imagenet: ClassTable) -> bool:
    """Whether every name that a label without a wnid gives means one and the same ImageNet class."""
    if label.wnid or not imagenet.knows(label):
        return False
    by_name = Label(name=label.name)
    return not label.name or (imagenet.knows(by_name) and imagenet.find(by_name) == imagenet.find(label))


def _numbered_table(request: ImportRequest, listing: Listing) -> ClassTable:
    """The list that the CSV's own class_index and class_name columns make; each index has one name."""
    entries: dict[int, ClassEntry] = {}
    for named in listing.names:
        label = named.label
        if label.index is None or not label.name:
            raise Refused(
                f"{named.read_at}: a class_index without a class_name says nothing by itself; give the class "
                "list with --classes CSV (or --classes imagenet)."
            )
        entry = entries.setdefault(label.index, ClassEntry(label.index, label.name, label.wnid))
        if (entry.name, entry.wnid) != (label.name, label.wnid):
            raise Refused(
                f"{named.read_at}: class {label.index} is {label.name} here and {entry.name} above; mend one."
            )
    return ClassTable(f"{request.name} classes", tuple(entries[index] for index in sorted(entries)))


def _unknown(named: LabelledName, problem: UnknownClassError) -> str:
    where = f"{named.read_at}: " if named.read_at else ""
    return f"{where}{problem}; give --classes, or leave the image out"
