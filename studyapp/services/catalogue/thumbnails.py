"""Small pictures for galleries: made once, kept in storage."""

from __future__ import annotations

import io

from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from PIL import Image as Picture
from PIL import ImageOps, UnidentifiedImageError

from studyapp.models import Dataset, Image
from studyapp.services.catalogue.image_files import read_image_file
from studyapp.services.refusals import Refused

SIDE = 192


def thumbnail(*, image: Image) -> bytes:
    """A picture of at most 192 x 192 pixels: PNG for datasets enlarged by whole pixels, else JPEG.

    Raises Refused for a catalogue without pixels and for a file that is gone or no longer a picture.
    """
    name = f"thumbs/{image.key[:2]}/{image.key}-{SIDE}"
    if default_storage.exists(name):
        with default_storage.open(name) as file:
            kept: bytes = file.read()
        return kept
    made = _reduced(_opened(image), image.dataset)
    saved = default_storage.save(name, ContentFile(made))
    if saved != name:
        # Two requests met; the first one's file stays.
        default_storage.delete(saved)
    return made


def full_picture(*, image: Image) -> bytes:
    """The whole picture as a lossless PNG in eight bits, turned as its EXIF says; raises Refused as above."""
    buffer = io.BytesIO()
    _opened(image).save(buffer, "PNG", compress_level=1)
    return buffer.getvalue()


def _opened(image: Image) -> Picture.Image:
    try:
        with Picture.open(io.BytesIO(read_image_file(image=image))) as opened:
            turned = ImageOps.exif_transpose(opened)
            if turned.mode in ("I", "I;16", "I;16B", "F"):
                # Pillow would clip sixteen bits at 255; the upper eight are what can be seen.
                turned = turned.convert("I").point(lambda value: value / 256).convert("L")
            return turned.convert("RGB")
    except (OSError, UnidentifiedImageError, Picture.DecompressionBombError) as problem:
        raise Refused(
            f"{image.name} can not be read ({problem}); see whether its folder is where it was at the import."
        ) from problem


def _reduced(picture: Picture.Image, dataset: Dataset) -> bytes:
    buffer = io.BytesIO()
    if dataset.enlarge == Dataset.Enlarge.NEAREST:
        times = max(SIDE // max(picture.size), 1)
        enlarged = picture.resize((picture.width * times, picture.height * times), Picture.Resampling.NEAREST)
        enlarged.thumbnail((SIDE, SIDE), Picture.Resampling.NEAREST)
        enlarged.save(buffer, "PNG")
    else:
        picture.thumbnail((SIDE, SIDE), Picture.Resampling.LANCZOS)
        picture.save(buffer, "JPEG", quality=85)
    return buffer.getvalue()
