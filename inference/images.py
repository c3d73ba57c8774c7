"""From a picture's bytes to decoded RGB, with a named reason where that fails."""

from __future__ import annotations

import hashlib
import io
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from inference.crop_cache import CropCache
from inference.crops import Crop, Pixels, crop_pixels

Problem = Literal["missing", "empty", "not_an_image", "truncated", "too_large", "unsupported"]
Source = Path | bytes | Callable[[], bytes]

#: A picture with more pixels than this is refused before it is decoded (a decompression bomb).
LARGEST_PIXELS = 100_000_000

_EXIF_ORIENTATION = 274


class UnreadableImageError(Exception):
    """A picture that cannot be decoded; `problem` names the reason for tables, the text is for people."""

    def __init__(self, problem: Problem, message: str) -> None:
        super().__init__(message)
        self.problem: Problem = problem


@dataclass(frozen=True, slots=True)
class ImageItem:
    """One picture to work on: the caller's key, where its bytes are, and their SHA-256 if it is known."""

    key: int | str
    source: Source
    digest: str | None = None


@dataclass(frozen=True, slots=True)
class ImageFacts:
    """What decoding a picture once tells about it. Width and height are as displayed, after EXIF rotation."""

    digest: str
    width: int
    height: int
    format: str
    mode: str
    frames: int
    exif_orientation: int


@dataclass(frozen=True, slots=True)
class DecodeFailure:
    """A picture that was left out, and why."""

    key: int | str
    problem: Problem
    message: str


@dataclass(frozen=True, slots=True)
class DecodedCrop:
    """A picture's crop: 8-bit RGB pixels of shape (side, side, 3), and its file's content digest."""

    key: int | str
    digest: str
    pixels: Pixels


def content_digest(content: bytes) -> str:
    """SHA-256 of a file's bytes, in hexadecimal."""
    return hashlib.sha256(content).hexdigest()


def read_source(source: Source) -> bytes:
    """The bytes of a picture from a file, from memory or from the caller's storage."""
    if isinstance(source, bytes):
        return source
    if callable(source):
        return source()
    try:
        return source.read_bytes()
    except OSError as error:
        raise UnreadableImageError("missing", f"{source}: cannot be read ({error.strerror}).") from error


def decode_image(content: bytes, *, largest_pixels: int = LARGEST_PIXELS) -> Image.Image:
    """Decode a picture as a person would see it: first frame, upright, 8-bit RGB.

    EXIF rotation is applied, CMYK and 16-bit grey converted, transparency laid on white. Raises
    UnreadableImageError with the reason.
    """
    image, _ = _decode(content, largest_pixels)
    return image


def inspect_image(content: bytes, *, largest_pixels: int = LARGEST_PIXELS) -> ImageFacts:
    """Decode a picture once and report its facts; raises UnreadableImageError as `decode_image` does."""
    _, facts = _decode(content, largest_pixels)
    return facts


def load_crop(item: ImageItem, crop: Crop, cache: CropCache | None = None) -> DecodedCrop | DecodeFailure:
    """One picture's crop, from the cache if it is there; an unreadable picture becomes a failure value."""
    try:
        if cache is not None and item.digest is not None:
            pixels = cache.get(item.digest, crop)
            if pixels is not None:
                return DecodedCrop(item.key, item.digest, pixels)
        content = read_source(item.source)
        digest = item.digest or content_digest(content)
        if cache is not None and item.digest is None:
            pixels = cache.get(digest, crop)
            if pixels is not None:
                return DecodedCrop(item.key, digest, pixels)
        pixels = crop_pixels(decode_image(content), crop)
    except UnreadableImageError as error:
        return DecodeFailure(item.key, error.problem, str(error))
    if cache is not None:
        cache.put(digest, crop, pixels)
    return DecodedCrop(item.key, digest, pixels)


def _decode(content: bytes, largest_pixels: int) -> tuple[Image.Image, ImageFacts]:
    if not content:
        raise UnreadableImageError("empty", "The file is empty.")
    try:
        with warnings.catch_warnings():
            # Our own limit on the number of pixels replaces Pillow's warning about it.
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            opened = Image.open(io.BytesIO(content))
        width, height = opened.size
        if width * height > largest_pixels:
            raise UnreadableImageError(
                "too_large",
                f"{width} x {height} pixels are more than the limit of {largest_pixels:,}: "
                "scale the picture down if it is what it claims to be.",
            )
        source_mode = opened.mode
        orientation = int(opened.getexif().get(_EXIF_ORIENTATION, 1))
        opened.load()
        upright = ImageOps.exif_transpose(opened) if orientation != 1 else opened
        image = _to_rgb(upright)
    except UnidentifiedImageError as error:
        raise UnreadableImageError("not_an_image", "The file is no picture in a known format.") from error
    except Image.DecompressionBombError as error:
        raise UnreadableImageError("too_large", f"Too many pixels: {error}") from error
    except (OSError, SyntaxError, ValueError, IndexError, EOFError) as error:
        # Pillow's decoders raise all of these on damaged files.
        raise UnreadableImageError("truncated", f"The picture is damaged or incomplete: {error}") from error
    facts = ImageFacts(
        digest=content_digest(content),
        width=image.width,
        height=image.height,
        format=opened.format or "unknown",
        mode=source_mode,
        frames=int(getattr(opened, "n_frames", 1)),
        exif_orientation=orientation,
    )
    return image, facts


def _to_rgb(image: Image.Image) -> Image.Image:
    if image.mode == "RGB" and "transparency" not in image.info:
        return image
    if image.mode.startswith("I"):
        # Pillow's own conversion clips 16-bit values at 255, which turns such pictures white.
        values = np.asarray(image)
        if values.min() < 0 or values.max() > 65535:
            raise UnreadableImageError(
                "unsupported", "Integer pixels outside 0-65535: save the picture with 8 or 16 bits."
            )
        return Image.fromarray((values.astype(np.uint32) // 257).astype(np.uint8), mode="L").convert("RGB")
    if image.mode == "F":
        raise UnreadableImageError(
            "unsupported", "Floating-point pixels have no known range: save the picture with 8 or 16 bits."
        )
    if image.mode in ("RGBA", "LA", "PA", "RGBa", "La") or "transparency" in image.info:
        rgba = image.convert("RGBA")
        on_white = Image.new("RGBA", rgba.size, (255, 255, 255, 255))
        return Image.alpha_composite(on_white, rgba).convert("RGB")
    return image.convert("RGB")
