"""The pictures of one image of a gallery side by side, read from storage: for thumbnails and boards."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from django.core.files.storage import default_storage
from numpy.typing import NDArray
from PIL import Image as Picture

from studyapp.services.attacks.stored_pictures import clean_name
from studyapp.services.gallery.images import GalleryImage
from studyapp.services.gallery.strips import CLEAN_PANELS, PANELS

Pixels = NDArray[np.uint8]
MIDDLE = 128
#: What stands in the place of a picture that there is no file of.
NOT_STORED = "none stored"


@dataclass(frozen=True, slots=True)
class Panel:
    """One picture, (height, width, 3) in 8 bits, under its title; `missing` is said where there is none."""

    title: str
    pixels: Pixels | None
    missing: str = NOT_STORED


def panel_titles(image: GalleryImage) -> Sequence[str]:
    """What the pictures of an image are, in order."""
    return PANELS if image.adversarial is not None else CLEAN_PANELS


def panels(image: GalleryImage) -> tuple[Panel, ...]:
    """The pictures of an image, in the order of `panel_titles`."""
    if image.adversarial is None:
        return _clean_panels(image)
    clean = read_pixels(clean_name(image.key))
    attacked = read_pixels(image.file)
    difference = None
    if clean is not None and attacked is not None and clean.shape == attacked.shape:
        difference = amplified(clean, attacked, image.difference)
    before, after = (
        read_pixels(each.picture_file) if each is not None else None
        for each in (image.clean_explanation, image.explanation)
    )
    found = (clean, attacked, difference, before, after)
    return tuple(Panel(title, pixels) for title, pixels in zip(PANELS, found, strict=True))


def amplified(clean: Pixels, adversarial: Pixels, factor: int) -> Pixels:
    """The difference of two pictures, `factor` times, around the middle grey."""
    difference = adversarial.astype(np.int32) - clean.astype(np.int32)
    return np.clip(MIDDLE + factor * difference, 0, 255).astype(np.uint8)


def read_pixels(name: str) -> Pixels | None:
    """The pixels of a stored picture, without its transparency; None where it is not stored."""
    if not name:
        return None
    try:
        with default_storage.open(name) as file:
            content = file.read()
    except FileNotFoundError:
        return None
    with Picture.open(io.BytesIO(content)) as opened:
        return np.asarray(opened.convert("RGB"), dtype=np.uint8)


def _clean_panels(image: GalleryImage) -> tuple[Panel, ...]:
    row = image.explanation
    names = (row.explained_file, row.picture_file) if row is not None else ("", "")
    clean, shown = (read_pixels(name) for name in names)
    heat = _overlaid(clean, row.heat_file) if row is not None and clean is not None else None
    found = (clean, shown, heat)
    return tuple(Panel(title, pixels) for title, pixels in zip(CLEAN_PANELS, found, strict=True))


def _overlaid(clean: Pixels, heat_file: str) -> Pixels | None:
    """The heat of all weights over the picture, as opaque as it is stored."""
    if not heat_file:
        return None
    try:
        with default_storage.open(heat_file) as file:
            content = file.read()
    except FileNotFoundError:
        return None
    with Picture.open(io.BytesIO(content)) as opened:
        heat = opened.convert("RGBA").resize(clean.shape[1::-1], Picture.Resampling.NEAREST)
    under = Picture.fromarray(clean).convert("RGBA")
    return np.asarray(Picture.alpha_composite(under, heat).convert("RGB"), dtype=np.uint8)
