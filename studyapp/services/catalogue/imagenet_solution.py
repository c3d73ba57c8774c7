"""ImageNet's flat validation folder and the solution files that go with it.

Three numberings of the same 1,000 classes are in use: the order of the sorted WordNet ids from 0
(what networks put out), the same from 1, and the ids of the ILSVRC development kit from 1. Read in
the wrong one, nearly every label is wrong and nothing looks it, so they are told apart or refused.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from studyapp.models import Dataset
from studyapp.services.catalogue.class_lists import WNID, Label
from studyapp.services.catalogue.listings import LabelledName, LeftOut, Listing
from studyapp.services.csv_rows import Column, at_line, read_csv
from studyapp.services.refusals import Refused

VALIDATION_NAME = re.compile(r"ILSVRC2012_val_(\d{8})\.(?:JPEG|jpeg|jpg)")
SOLUTION_NAMES = (
    "LOC_val_solution.csv",
    "ILSVRC2012_validation_ground_truth.txt",
    "imagenet_2012_validation_synset_labels.txt",
    "val.txt",
)
SORTED, SORTED_FROM_1, ILSVRC = "sorted", "sorted-from-1", "ilsvrc"
ORDERS = (SORTED, SORTED_FROM_1, ILSVRC)

# Labels of ILSVRC2012_val_00000001 to 00000005 in each numbering: the development kit's
# ILSVRC2012_validation_ground_truth.txt, and Caffe's val.txt for the sorted order.
_FIRST_LABELS: dict[tuple[int, ...], str] = {
    (65, 970, 230, 809, 516): SORTED,
    (66, 971, 231, 810, 517): SORTED_FROM_1,
    (490, 361, 171, 822, 297): ILSVRC,
}


@dataclass(frozen=True, slots=True)
class Solution:
    """A solution file read: for each image name either a wnid or a number in one of the orders."""

    path: Path
    wnids: dict[str, str]
    numbers: dict[str, int]


def is_flat_validation_folder(root: Path) -> bool:
    """Whether ImageNet's validation images lie directly in the folder."""
    return any(VALIDATION_NAME.fullmatch(path.name) for path in root.iterdir())


def looks_like_validation_names(names: Sequence[str]) -> bool:
    """Whether all of the names are those of ImageNet's validation images."""
    return bool(names) and all(VALIDATION_NAME.fullmatch(Path(name).name) for name in names)


def find_solution(root: Path) -> Path:
    """The solution file in the folder or beside it; raises Refused where there is none."""
    for folder in (root, root.parent):
        for name in SOLUTION_NAMES:
            if (folder / name).is_file():
                return folder / name
    raise Refused(
        f"{root} holds ImageNet's validation images but no solution file; give it with --labels "
        f"({', '.join(SOLUTION_NAMES)})."
    )


def read_solution(path: Path) -> Solution:
    """Read a solution file in any of its published forms; raises Refused with the line otherwise.

    `ImageId,PredictionString` (the wnid comes first), one wnid or number per line in the order of
    the images, or `name wnid` or `name number` per line.
    """
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as problem:
        raise Refused(f"{path} can not be read as text ({problem}); check the path.") from problem
    solution = Solution(path, {}, {})
    for number, line in enumerate(lines, start=1):
        if number == 1 and line.replace(" ", "").startswith("ImageId,"):
            continue
        fields = line.replace(",", " ").split()
        if not fields:
            continue
        image = f"{len(solution.wnids) + len(solution.numbers) + 1:08d}"
        name = f"ILSVRC2012_val_{image}.JPEG"
        if fields[0].startswith("ILSVRC2012_val_") and len(fields) > 1:
            name, fields = _with_suffix(fields[0]), fields[1:]
        elif len(fields) > 1:
            raise Refused(
                at_line(path, number, f"{line!r} is neither a label nor a validation image with one.")
            )
        if WNID.fullmatch(fields[0]):
            solution.wnids[name] = fields[0]
        elif fields[0].isdecimal():
            solution.numbers[name] = int(fields[0])
        else:
            raise Refused(at_line(path, number, f"{fields[0]!r} is neither a wnid nor a class number."))
    if solution.wnids and solution.numbers:
        raise Refused(f"{path.name} mixes wnids and numbers; use one solution file as it was published.")
    if not solution.wnids and not solution.numbers:
        raise Refused(f"{path.name} is empty; use a solution file as it was published.")
    return solution


def order_of(solution: Solution, *, told: str = "") -> str:
    """Which numbering a solution's numbers are in: as told, else by its first labels or its range.

    Raises Refused where the numbers fit more than one, or not what was told.
    """
    numbers = solution.numbers
    if told:
        lowest, highest = (0, 999) if told == SORTED else (1, 1000)
        if min(numbers.values()) < lowest or max(numbers.values()) > highest:
            raise Refused(
                f"{solution.path.name} has numbers {min(numbers.values())} to {max(numbers.values())}, which "
                f"--index-order {told} ({lowest}-{highest}) does not allow; choose another."
            )
        return told
    first = tuple(numbers.get(f"ILSVRC2012_val_{image:08d}.JPEG", -1) for image in range(1, 6))
    if first in _FIRST_LABELS:
        return _FIRST_LABELS[first]
    if min(numbers.values()) == 0 and max(numbers.values()) <= 999:
        # Both other numberings begin at 1.
        return SORTED
    raise Refused(
        f"{solution.path.name} numbers its classes {min(numbers.values())} to {max(numbers.values())}, which "
        "fits both the ILSVRC ids and the sorted wnids counted from 1; say which with --index-order "
        f"({', '.join(ORDERS)})."
    )


def read_synsets(path: Path) -> dict[int, str]:
    """ILSVRC id -> wnid from the development kit's meta.mat, or from a CSV of ilsvrc_id, wnid."""
    if path.suffix.lower() == ".mat":
        # Here, because every process that can import datasets would load it otherwise.
        from scipy.io import loadmat

        try:
            synsets = loadmat(path, squeeze_me=True)["synsets"]
            pairs = [
                (int(number), str(wnid))
                for number, wnid in zip(synsets["ILSVRC2012_ID"], synsets["WNID"], strict=True)
            ]
        except (OSError, ValueError, KeyError, TypeError, IndexError) as problem:
            raise Refused(
                f"{path} is not the development kit's meta.mat ({problem}); give ILSVRC2012_devkit_t12's."
            ) from problem
    else:
        table = read_csv(
            path,
            [
                Column("ilsvrc_id", ("ILSVRC2012_ID", "id"), required=True),
                Column("wnid", ("WNID",), required=True),
            ],
        )
        pairs = []
        for row in table.rows:
            number, wnid = row.values
            if not number.isdecimal() or not WNID.fullmatch(wnid):
                raise Refused(at_line(path, row.line, f"{number!r},{wnid!r} is no ILSVRC id with its wnid."))
            pairs.append((int(number), wnid))
    # The kit's table goes on after the 1,000 classes with the groups above them.
    found = {number: wnid for number, wnid in pairs if 1 <= number <= 1000}
    if len(found) != 1000 or len(set(found.values())) != 1000:
        raise Refused(f"{path.name} gives {len(found)} of the ILSVRC ids 1-1000 a wnid of its own; all must.")
    return found


def list_validation_folder(
    root: Path, *, solution_path: Path | None = None, synsets_path: Path | None = None, order: str = ""
) -> Listing:
    """ImageNet's flat validation folder with the labels of its solution file.

    Raises Refused where the solution is missing or malformed, its numbering can not be told, or the
    ILSVRC ids come without the table that says what they mean.
    """
    solution = read_solution(solution_path or find_solution(root))
    labels, note = _labels(solution, synsets_path, order)
    names: list[LabelledName] = []
    left_out: list[LeftOut] = []
    for path in sorted(root.iterdir()):
        if not VALIDATION_NAME.fullmatch(path.name):
            continue
        label = labels.get(_with_suffix(path.name))
        if label is None:
            left_out.append(LeftOut(path.name, f"has no label in {solution.path.name}"))
        else:
            names.append(LabelledName(path.name, label, "validation", solution.path.name))
    if not names:
        raise Refused(f"{solution.path.name} labels none of the images in {root}; check both.")
    return Listing(Dataset.Layout.IMAGENET, tuple(names), tuple(left_out), note)


def settle_numbers(
    listing: Listing, path: Path, *, synsets_path: Path | None = None, order: str = ""
) -> Listing:
    """A CSV's bare class numbers on ImageNet's validation names, in whichever order they are.

    Numbers 0-999 are the sorted order unless `order` or the first labels say otherwise. Any other
    listing is returned as it is.
    """
    bare = [_bare_number(named.label) for named in listing.names]
    numbers = {
        _with_suffix(named.name): number
        for named, number in zip(listing.names, bare, strict=True)
        if number is not None
    }
    if len(numbers) < len(listing.names) or not looks_like_validation_names(
        [named.name for named in listing.names]
    ):
        return listing
    solution = Solution(path, {}, numbers)
    first = tuple(numbers.get(f"ILSVRC2012_val_{image:08d}.JPEG", -1) for image in range(1, 6))
    known = _FIRST_LABELS.get(first, "")
    if not known and max(numbers.values()) <= 999:
        known = SORTED
    labels, note = _labels(solution, synsets_path, order or known)
    return replace(
        listing,
        names=tuple(replace(named, label=labels[_with_suffix(named.name)]) for named in listing.names),
        note=note,
    )


def _bare_number(label: Label) -> int | None:
    """The number of a label that gives nothing else."""
    if label.wnid or label.name:
        return None
    if label.index is not None:
        return label.index
    return int(label.text) if label.text.isdecimal() else None


def _labels(solution: Solution, synsets_path: Path | None, told: str) -> tuple[dict[str, Label], str]:
    if solution.wnids:
        return {name: Label(wnid=wnid) for name, wnid in solution.wnids.items()}, "labels by wnid"
    order = order_of(solution, told=told)
    if order != ILSVRC:
        first = 0 if order == SORTED else 1
        return (
            {name: Label(index=number - first) for name, number in solution.numbers.items()},
            f"numbers in {solution.path.name} read as sorted wnids counted from {first}",
        )
    path = synsets_path or _synsets_beside(solution.path)
    synsets = read_synsets(path)
    unknown = sorted(set(solution.numbers.values()) - set(synsets))
    if unknown:
        raise Refused(f"{solution.path.name} has the number {unknown[0]}; ILSVRC ids go from 1 to 1000.")
    return (
        {name: Label(wnid=synsets[number]) for name, number in solution.numbers.items()},
        f"numbers in {solution.path.name} read as ILSVRC ids through {path.name}",
    )


def _synsets_beside(path: Path) -> Path:
    for folder in (path.parent, path.parent.parent / "data", path.parent / "data"):
        if (folder / "meta.mat").is_file():
            return folder / "meta.mat"
    raise Refused(
        f"{path.name} holds ILSVRC ids, which mean nothing without their table; give the development kit's "
        "meta.mat (or a CSV of ilsvrc_id,wnid) with --synsets."
    )


def _with_suffix(name: str) -> str:
    return f"{Path(name).stem}.JPEG"
