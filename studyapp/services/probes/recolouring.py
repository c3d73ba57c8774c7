"""One picture with its colours changed, in NumPy: what pages show without loading a network.

The same arithmetic as `inference.perturbations.colour`, in the same float32 and the same order; a test holds
the two to equal pixels. Source: Mertens et al. (ICANN 2023); the hexagonal HSV model.
"""

from __future__ import annotations

import io
from typing import TypeAlias

import numpy as np
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from numpy.typing import NDArray
from PIL import Image as Picture

from studyapp.analysis.colour_stability import Setting
from studyapp.models import Dataset, Image
from studyapp.services.catalogue.thumbnails import thumbnail

Pixels: TypeAlias = NDArray[np.uint8]

#: Side of the pictures of a strip, in pixels.
SIDE = 96
_CORNERS = np.array((0.0, 2.0, 4.0), dtype=np.float32)


def recoloured_pixels(pixels: Pixels, setting: Setting) -> Pixels:
    """8-bit RGB (height, width, 3) with the hue turned by degrees or the saturation multiplied."""
    red, green, blue = (pixels[..., channel].astype(np.float32) for channel in range(3))
    value = np.maximum(np.maximum(red, green), blue)
    chroma = value - np.minimum(np.minimum(red, green), blue)
    over = np.maximum(chroma, np.float32(1.0))
    hue = np.where(
        value == red,
        (green - blue) / over,
        np.where(
            value == green,
            np.float32(2.0) + (blue - red) / over,
            np.float32(4.0) + (red - green) / over,
        ),
    )
    if setting.axis == "hue":
        turn = np.float32((-setting.amount / 60.0) % 6.0)
    else:
        turn = np.float32(0.0)
        saturation = chroma / np.maximum(value, np.float32(1.0))
        chroma = np.minimum(saturation * np.float32(setting.amount), np.float32(1.0)) * value
    from_corner = np.remainder(hue[..., None] - _CORNERS, np.float32(6.0))
    distance = np.abs(np.abs(from_corner - turn) - np.float32(3.0))
    lack = np.clip(np.float32(2.0) - distance, np.float32(0.0), np.float32(1.0))
    changed: Pixels = (value[..., None] - lack * chroma[..., None] + np.float32(0.5)).astype(np.uint8)
    return changed


def strip_picture(*, image: Image, setting: Setting | None) -> bytes:
    """A small square PNG of the image with its colours changed (None: as they are), made from its thumbnail.

    A sheet with the image's middle is kept, so that a strip of fifty pictures reads the file once. Raises
    Refused for an image that can not be shown.
    """
    middle = _middle(image)
    changed = middle if setting is None else recoloured_pixels(middle, setting)
    return _png(changed)


def _middle(image: Image) -> Pixels:
    """The middle square of the thumbnail, reduced to `SIDE`; kept beside it."""
    name = f"thumbs/{image.key[:2]}/{image.key}-middle-{SIDE}"
    if default_storage.exists(name):
        with default_storage.open(name) as file:
            return _pixels(file.read())
    with Picture.open(io.BytesIO(thumbnail(image=image))) as opened:
        picture = opened.convert("RGB")
    side = min(picture.size)
    left, top = (picture.width - side) // 2, (picture.height - side) // 2
    nearest = image.dataset.enlarge == Dataset.Enlarge.NEAREST
    made = np.asarray(
        picture.crop((left, top, left + side, top + side)).resize(
            (SIDE, SIDE), Picture.Resampling.NEAREST if nearest else Picture.Resampling.LANCZOS
        )
    )
    saved = default_storage.save(name, ContentFile(_png(made)))
    if saved != name:
        # Two requests met; the first one's file stays.
        default_storage.delete(saved)
    return made


def _pixels(content: bytes) -> Pixels:
    with Picture.open(io.BytesIO(content)) as opened:
        return np.asarray(opened.convert("RGB"))


def _png(pixels: Pixels) -> bytes:
    buffer = io.BytesIO()
    Picture.fromarray(pixels).save(buffer, "PNG", compress_level=1)
    return buffer.getvalue()
