"""Clean pictures for boards: what the classifier saw before the attack, stored once.

Pages never decode a crop of a network: they show files. The attack keeps the crops that it has in memory
anyway (`keep_clean`); the jobs that draw boards and thumbnails make up for those that are missing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.core.files.storage import default_storage

from studyapp.models import AdversarialImage
from studyapp.services.attacks.stored_pictures import clean_name
from studyapp.services.catalogue.image_files import read_image_file
from studyapp.services.jobs import JobFailure
from studyapp.services.stored_files import put_file
from studyapp.tasks.pngs import png

if TYPE_CHECKING:
    from inference.crops import Pixels


def keep_clean(*, adversarial_key: str, pixels: Pixels) -> str:
    """Store the classifier's 8-bit crop (side, side, 3) of an attacked image; the name of the file.

    One that is there stays: a picture never changes under its key.
    """
    name = clean_name(adversarial_key)
    if not default_storage.exists(name):
        put_file(name, png(pixels, quickly=True))
    return name


def ensure_clean(row: AdversarialImage) -> None:
    """Store the clean picture of an adversarial image unless it is there."""
    if not default_storage.exists(clean_name(row.key)):
        keep_clean(adversarial_key=row.key, pixels=_crop(row))


def _crop(row: AdversarialImage) -> Pixels:
    from inference.crops import crop_pixels
    from inference.images import UnreadableImageError, decode_image
    from inference.preprocessing import Preprocessing

    dataset = row.image.dataset
    try:
        picture = decode_image(read_image_file(image=row.image))
    except (OSError, UnreadableImageError) as problem:
        raise JobFailure(
            f"{row.image.name} of {dataset.name} can not be shown: {problem}",
            "Put the file back as it was imported, then retry.",
        ) from problem
    return crop_pixels(picture, Preprocessing.from_dict(row.run.classifier.preprocessing).crop)
