"""Pictures to be explained and their superpixels, read and cut in threads while the network runs."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from studyapp.models import AdversarialImage, Dataset, Image
from studyapp.services.stored_files import put_file, read_file
from studyapp.tasks.items import crop_cache, image_item
from studyapp.tasks.pngs import png, png_pixels

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from explain.superpixels import Segmenter
    from inference.crop_cache import CropCache
    from inference.prepared import PreparedClassifier


@dataclass(frozen=True, slots=True, eq=False)
class CutPicture:
    """A picture (side, side, 3) with its superpixels (side, side), and where both are stored."""

    pixels: NDArray[np.uint8] = field(repr=False)
    segments: NDArray[np.int32] = field(repr=False)
    explained_file: str
    segments_file: str


class UnreadablePicture(Exception):
    """Why the pixels of one picture are not there; the text is the reason its row gets."""


class PictureReader:
    """Reads and cuts the pictures of a dataset as one classifier sees them; no method asks the database."""

    def __init__(self, dataset: Dataset, prepared: PreparedClassifier, segmenter: Segmenter) -> None:
        self._dataset = dataset
        self._crop = prepared.classifier.preprocessing.crop
        self._cache: CropCache | None = crop_cache(dataset, prepared)
        self._segmenter = segmenter

    def clean(self, image: Image) -> CutPicture:
        """The classifier's own crop of an image, stored under the digest of its pixels."""
        from inference.images import DecodeFailure, load_crop

        read = load_crop(image_item(self._dataset, image), self._crop, self._cache)
        if isinstance(read, DecodeFailure):
            raise UnreadablePicture(f"Could not be read for an explanation. {read.message}")
        # A copy, because PyTorch wants memory that may be written to, and the cache's may not.
        pixels = read.pixels.copy()
        digest = _digest(pixels)
        name = f"crops/{digest[:2]}/{digest}.png"
        content = read_file(name)
        if content is None or not _shows(content, pixels):
            put_file(name, png(pixels))
        return self._cut(pixels, digest, name)

    def adversarial(self, attacked: AdversarialImage) -> CutPicture:
        """The stored 8-bit picture of an attack."""
        content = read_file(attacked.file)
        if content is None:
            raise UnreadablePicture(f"The attacked picture {attacked.file} is gone: attack again.")
        if attacked.sha256 and hashlib.sha256(content).hexdigest() != attacked.sha256:
            raise UnreadablePicture(f"The attacked picture {attacked.file} has changed since: attack again.")
        try:
            pixels = png_pixels(content)
        except (OSError, SyntaxError) as problem:
            raise UnreadablePicture(f"The attacked picture {attacked.file} is no PNG: {problem}") from problem
        return self._cut(pixels, _digest(pixels), attacked.file)

    def _cut(self, pixels: NDArray[np.uint8], digest: str, explained_file: str) -> CutPicture:
        """Cut a picture into superpixels, unless somebody has stored how."""
        from explain.superpixels import encode_segments, segment

        key = hashlib.sha256(f"{digest}:{self._segmenter.key}".encode()).hexdigest()
        name = f"segments/{key[:2]}/{key}.png"
        segments = _stored_segments(name)
        if segments is None:
            segments = segment(pixels, self._segmenter)
            put_file(name, encode_segments(segments))
        return CutPicture(pixels, segments, explained_file, name)


def _stored_segments(name: str) -> NDArray[np.int32] | None:
    """The superpixels stored under a name; None where there are none, or only half a file.

    The writer of half a file died or is still at it, and cutting again gives the same.
    """
    from explain.superpixels import decode_segments

    content = read_file(name)
    if content is None:
        return None
    try:
        return decode_segments(content)
    except ValueError:
        return None


def _shows(content: bytes, pixels: NDArray[np.uint8]) -> bool:
    """Whether a stored file is whole and shows these pixels."""
    import numpy as np

    try:
        return np.array_equal(png_pixels(content), pixels)
    except (OSError, SyntaxError):
        return False


def _digest(pixels: NDArray[np.uint8]) -> str:
    return hashlib.sha256(str(pixels.shape).encode() + pixels.tobytes()).hexdigest()
