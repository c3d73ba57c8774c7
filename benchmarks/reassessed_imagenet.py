"""The public ratings of ImageNet's validation labels as the CSV files that our commands read.

Source: google-research/reassessed-imagenet (Apache-2.0), Beyer et al., "Are we done with ImageNet?"
(2020): 924,810 ratings (no, maybe, yes) of 184,962 pairs of image and label by 85 people, five each;
five experts and 78 of the raters on 1,135 golden pairs.

`python -m benchmarks.reassessed_imagenet FOLDER` writes the files to FOLDER.
"""

from __future__ import annotations

import csv
import os
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

ANSWERS = ("no", "maybe", "yes")
RATINGS = 924_810
ROOT = Path(__file__).resolve().parent.parent


@dataclass(frozen=True, slots=True)
class ReassessedImagenet:
    """The written files: catalogue of the 50,000 names, ResNet-50's predictions, and the answers."""

    catalogue: Path
    predictions: Path
    ratings: Path
    experts: Path
    golden_ratings: Path


def data_folder() -> Path:
    """Where the research data lies: SECOND_LOOK_SHARED_DATA, or ../shared/data beside the checkout."""
    return Path(os.environ.get("SECOND_LOOK_SHARED_DATA") or ROOT.parent / "shared" / "data")


def convert(*, source: Path, target: Path) -> ReassessedImagenet:
    """Read the archive's files from `source` and write CSV files into `target`."""
    target.mkdir(parents=True, exist_ok=True)
    files = ReassessedImagenet(
        catalogue=target / "catalogue.csv",
        predictions=target / "predictions.csv",
        ratings=target / "ratings.csv",
        experts=target / "experts.csv",
        golden_ratings=target / "golden_ratings.csv",
    )
    with (source / "resnet50_predictions.csv").open(newline="") as table:
        rows = list(csv.DictReader(table))
    _write(files.catalogue, ("path", "class_index"), ((row["image"], row["true_class"]) for row in rows))
    _write(
        files.predictions,
        ("image", "predicted_class"),
        ((row["image"], row["predicted_class"]) for row in rows),
    )
    _write_ratings(files.ratings, source / "raters.npz", "rater")
    _write_ratings(files.experts, source / "golden.npz", "expert")
    _write_ratings(files.golden_ratings, source / "raters_golden.npz", "rater")
    return files


def _write_ratings(path: Path, archive: Path, who: str) -> None:
    """One line per rating of an archive: `tensor` is raters x pairs x (no, maybe, yes), 1 where given."""
    with np.load(archive) as found:
        people, pairs, answers = np.nonzero(found["tensor"])
        names: Sequence[tuple[str, str]] = [(str(image), str(label)) for image, label in found["info"]]
        ids = [f"{who}-{number}" for number in found["ids"]]
    _write(
        path,
        ("image", "class_index", "participant", "answer"),
        (
            (*names[pair], ids[person], ANSWERS[answer])
            for person, pair, answer in zip(people.tolist(), pairs.tolist(), answers.tolist(), strict=True)
        ),
    )


def _write(path: Path, header: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    with path.open("w", newline="") as table:
        writer = csv.writer(table, lineterminator="\n")
        writer.writerow(header)
        writer.writerows(rows)


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: python -m benchmarks.reassessed_imagenet FOLDER")
    written = convert(source=data_folder() / "reassessed-imagenet", target=Path(sys.argv[1]))
    for file in (
        written.catalogue,
        written.predictions,
        written.ratings,
        written.experts,
        written.golden_ratings,
    ):
        print(file)
