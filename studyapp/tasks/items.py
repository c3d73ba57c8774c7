"""Catalogued images as the networks read them: their bytes, checked, and the folder of decoded crops."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from django.conf import settings

from studyapp.models import Dataset, Image
from studyapp.services.catalogue.image_files import image_source

if TYPE_CHECKING:
    from inference.crop_cache import CropCache
    from inference.images import ImageItem
    from inference.prepared import PreparedClassifier

# Crops of larger datasets are not kept: at 224 x 224 this is 14,000 pictures.
CACHE_LIMIT_BYTES = 2 * 2**30


def image_item(dataset: Dataset, image: Image) -> ImageItem:
    """An image under its primary key; a file that has changed since it was imported is unreadable."""
    from inference.images import ImageItem

    return ImageItem(
        key=image.pk, source=partial(_read_unchanged, dataset, image), digest=image.sha256 or None
    )


def crop_cache(dataset: Dataset, prepared: PreparedClassifier) -> CropCache | None:
    """The folder of decoded crops, shared by all kinds of runs, unless a dataset's would be too many."""
    from inference.crop_cache import CropCache

    side = prepared.classifier.preprocessing.crop.side
    if dataset.images.count() * side * side * 3 > CACHE_LIMIT_BYTES:
        return None
    return CropCache(Path(settings.VAR) / "cache" / "crops")


def _read_unchanged(dataset: Dataset, image: Image) -> bytes:
    """The file as it was imported; another content would be worked at under the wrong digest."""
    from inference.images import UnreadableImageError, content_digest, read_source

    content = read_source(image_source(image, dataset))
    if image.sha256 and content_digest(content) != image.sha256:
        raise UnreadableImageError("unsupported", "The file has changed since it was imported: put it back.")
    return content
