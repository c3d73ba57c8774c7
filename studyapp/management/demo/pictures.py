"""The demo's pictures, written once as ordinary folders, so that they come in by the ordinary import."""

from __future__ import annotations

import csv
import shutil
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image as Picture

TRAIN_DIGITS = 600
"""Of 1,797: few enough that both classifiers make mistakes worth asking about."""

PHOTOS_TABLE = Path(__file__).with_name("photos.csv")


@dataclass(frozen=True, slots=True)
class DigitFolders:
    """The handwritten digits as class-per-folder trees."""

    train: Path
    validation: Path


def write_digits(folder: Path) -> DigitFolders:
    """Write scikit-learn's 1,797 handwritten digits, 8 x 8 pixels, dark ink on white, as PNG files.

    The split is by position: the first 600 train, the other 1,197 validate.
    """
    folders = DigitFolders(train=folder / "digits-train", validation=folder / "digits")
    written = folder / "digits-written"
    if written.exists():
        return folders
    from sklearn.datasets import load_digits

    digits = load_digits()
    # 0..16 is the amount of ink.
    pixels = np.rint(255 - digits.images * (255 / 16)).astype(np.uint8)
    for number, (picture, label) in enumerate(zip(pixels, digits.target, strict=True)):
        split = folders.train if number < TRAIN_DIGITS else folders.validation
        path = split / str(label) / f"{number:04d}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Picture.fromarray(picture).save(path)
    written.touch()
    return folders


def write_photos(folder: Path) -> Path:
    """Copy the sample photographs of scikit-image and scikit-learn that have an ImageNet class.

    Returns the folder, with `labels.csv` (path, wnid, class_index, class_name) in it.
    """
    photos = folder / "photos"
    if (photos / "labels.csv").exists():
        return photos
    import skimage
    import sklearn.datasets

    sources = {
        "skimage": Path(skimage.__file__).parent / "data",
        "sklearn": Path(sklearn.datasets.__file__).parent / "images",
    }
    photos.mkdir(parents=True, exist_ok=True)
    with PHOTOS_TABLE.open(newline="") as table:
        rows = list(csv.DictReader(table))
    for row in rows:
        shutil.copyfile(sources[row["package"]] / row["file"], photos / row["file"])
    with (photos / "labels.csv").open("w", newline="") as labels:
        writer = csv.DictWriter(labels, ["path", "wnid", "class_index", "class_name"], extrasaction="ignore")
        writer.writeheader()
        writer.writerows({**row, "path": row["file"]} for row in rows)
    return photos
