"""What an import is about to read: image names with their labels, from folders or from a CSV."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from studyapp.models import Dataset
from studyapp.services.catalogue.class_lists import WNID, Label
from studyapp.services.csv_rows import Column, CsvRow, at_line, read_csv
from studyapp.services.refusals import Refused

SPLITS = {
    "train": "train",
    "training": "train",
    "val": "validation",
    "valid": "validation",
    "validation": "validation",
    "test": "test",
    "testing": "test",
}
PICTURE_SUFFIXES = {".jpg", ".jpeg", ".png", ".bmp", ".gif", ".webp", ".tif", ".tiff", ".ppm", ".pgm"}

LABEL_COLUMNS = (
    Column("wnid", ("synset",)),
    Column("class_index", ("index",)),
    Column("class_name", ("name",)),
    Column("class", ("true_class", "label", "category")),
)


@dataclass(frozen=True, slots=True)
class LabelledName:
    """One image to import: its path relative to the root, its label, and where that was read."""

    name: str
    label: Label
    split: str = ""
    read_at: str = ""


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A file that is not imported, and why."""

    name: str
    reason: str


@dataclass(frozen=True, slots=True)
class Listing:
    """Everything a source lists, in a fixed order; `note` is a remark for the summary."""

    layout: Dataset.Layout
    names: tuple[LabelledName, ...]
    left_out: tuple[LeftOut, ...] = ()
    note: str = ""


def list_class_folders(root: Path) -> Listing:
    """Files in one folder per class, perhaps below train/, val/ or test/; hidden files are passed over.

    Raises Refused when there is no class folder with a file in it.
    """
    folders = _folders(root)
    split_folders = [folder for folder in folders if folder.name.lower() in SPLITS]
    names: list[LabelledName] = []
    if split_folders and len(split_folders) == len(folders) and any(map(_folders, split_folders)):
        for split_folder in split_folders:
            for folder in _folders(split_folder):
                names.extend(_labelled(root, folder, SPLITS[split_folder.name.lower()]))
    else:
        for folder in folders:
            names.extend(_labelled(root, folder, ""))
    if not names:
        raise Refused(
            f"{root} holds no class folders with files in them; put the images of each class into a folder "
            "named by its wnid or name, or give their labels with --labels CSV."
        )
    strays = tuple(
        LeftOut(path.name, "lies in no class folder; move it into the folder of its class")
        for path in sorted(root.iterdir())
        if path.is_file() and path.suffix.lower() in PICTURE_SUFFIXES
    )
    return Listing(Dataset.Layout.FOLDERS, tuple(names), strays)


def list_csv(path: Path, *, split: str = "", layout: Dataset.Layout = Dataset.Layout.CSV) -> Listing:
    """Images and labels of a CSV: path and at least one of wnid, class_index, class_name, class.

    Raises Refused, naming the line, for whatever is malformed: nothing is imported then.
    """
    table = read_csv(
        path,
        [
            Column("path", ("image", "file", "filename", "image_id"), required=True),
            *LABEL_COLUMNS,
            Column("split"),
        ],
    )
    if not set(table.columns) & {column.name for column in LABEL_COLUMNS}:
        raise Refused(
            at_line(path, 1, "no column says the class; give wnid, class_index, class_name or class.")
        )
    names: list[LabelledName] = []
    lines: dict[str, int] = {}
    for row in table.rows:
        entry = _labelled_row(path, row, table.columns, split)
        if entry.name in lines:
            raise Refused(
                at_line(path, row.line, f"{entry.name} is in line {lines[entry.name]} already; remove one.")
            )
        lines[entry.name] = row.line
        names.append(entry)
    if not names:
        raise Refused(f"{path.name} lists no image; give one line for each.")
    return Listing(layout, tuple(names))


def label_of(values: dict[str, str], *, where: str) -> Label:
    """The label in a row's columns (see LABEL_COLUMNS); raises Refused for none or a malformed one."""
    index = values.get("class_index", "")
    if index and not index.isdecimal():
        raise Refused(f"{where}: class_index {index!r} is no whole number from 0 on.")
    wnid = values.get("wnid", "")
    if wnid and any(each.isspace() for each in wnid):
        raise Refused(f"{where}: wnid {wnid!r} has a blank in it.")
    label = Label(
        wnid=wnid,
        index=int(index) if index else None,
        name=values.get("class_name", ""),
        text=values.get("class", ""),
    )
    if label == Label():
        raise Refused(f"{where}: no class is given.")
    return label


def split_in(name: str) -> str:
    """The split that the first folder of a path names, or nothing."""
    return SPLITS.get(PurePosixPath(name).parts[0].lower(), "") if "/" in name else ""


def looks_like_imagenet(labels: set[str], known_wnids: set[str]) -> bool:
    """Whether class folders or wnids are ImageNet's: all are WordNet ids, and half of them its own."""
    return bool(labels) and all(map(WNID.fullmatch, labels)) and 2 * len(labels & known_wnids) >= len(labels)


def _labelled_row(path: Path, row: CsvRow, columns: tuple[str, ...], split: str) -> LabelledName:
    values = dict(zip(columns, row.values, strict=True))
    where = at_line(path, row.line, "")[:-2]
    name = values["path"].replace("\\", "/")
    pure = PurePosixPath(name)
    if not name:
        raise Refused(f"{where}: no path is given.")
    if pure.is_absolute() or ".." in pure.parts:
        raise Refused(f"{where}: {name} leads out of the folder; give paths relative to it.")
    if len(name) > 500:
        raise Refused(f"{where}: the path has {len(name)} characters; 500 is the most.")
    own = values.get("split", "").lower()
    return LabelledName(
        name=str(pure),
        label=label_of(values, where=where),
        split=(SPLITS.get(own, own) or split_in(str(pure)) or split)[:20],
        read_at=where,
    )


def _folders(folder: Path) -> list[Path]:
    return sorted(each for each in folder.iterdir() if each.is_dir() and not each.name.startswith("."))


def _labelled(root: Path, folder: Path, split: str) -> Iterator[LabelledName]:
    label = Label(text=folder.name)
    for place, folders, files in os.walk(folder, followlinks=True):
        folders.sort()
        for file in sorted(files):
            if not file.startswith(".") and file != "Thumbs.db":
                yield LabelledName((Path(place) / file).relative_to(root).as_posix(), label, split)
