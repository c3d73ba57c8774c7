"""Strips of small pictures for the review gallery: clean, adversarial, difference and both explanations."""

from __future__ import annotations

import io

import numpy as np
from django.core.files.storage import default_storage
from PIL import Image as Picture

from studyapp.exports.gallery_panels import Panel, Pixels, panels
from studyapp.models import AdversarialImage, Chunk
from studyapp.services.gallery.images import gallery_images
from studyapp.services.gallery.opening import gallery
from studyapp.services.gallery.strips import GAP, KIND, SIDE, strip_name
from studyapp.services.jobs import JobFailure
from studyapp.services.refusals import Refused
from studyapp.services.stored_files import put_file
from studyapp.tasks.board_pictures import ensure_clean
from studyapp.tasks.chunks import job_function

# The neutral grey that pictures lie on, also where there is none.
GROUND = (233, 233, 231)
# Pictures no larger than this are enlarged by whole pixels and kept without loss.
_SMALL = SIDE // 2
_QUALITY = 82


@job_function(KIND)
def make_strips(chunk: Chunk) -> None:
    """Draw the strips of a chunk's images; those that are there are left as they are."""
    try:
        scope = gallery(*str(chunk.payload["gallery"]).split("/", 1))
    except Refused as refusal:
        raise JobFailure(str(refusal), "It may have been deleted; cancel this job.") from refusal
    images = gallery_images(scope, chunk.payload["rows"], method=str(chunk.payload["method"]))
    missing = [image for image in images if not default_storage.exists(strip_name(image.strip))]
    if not scope.of_explanations:
        rows = AdversarialImage.objects.filter(pk__in=[image.pk for image in missing])
        for row in rows.select_related("image__dataset", "run__classifier"):
            ensure_clean(row)
    for image in missing:
        put_file(strip_name(image.strip), drawn_strip(panels(image)))


def drawn_strip(shown: tuple[Panel, ...]) -> bytes:
    """The panels in a row as a WebP file, each 112 x 112 pixels: small ones sharp and without loss."""
    width = len(shown) * (SIDE + GAP) - GAP
    strip = Picture.new("RGB", (width, SIDE), GROUND)
    for place, panel in enumerate(shown):
        if panel.pixels is not None:
            small = _fitted(panel.pixels)
            left = place * (SIDE + GAP) + (SIDE - small.width) // 2
            strip.paste(small, (left, (SIDE - small.height) // 2))
    sharp = all(max(panel.pixels.shape[:2]) <= _SMALL for panel in shown if panel.pixels is not None)
    buffer = io.BytesIO()
    if sharp:
        strip.save(buffer, "WEBP", lossless=True, quality=60, method=3)
    else:
        strip.save(buffer, "WEBP", quality=_QUALITY, method=3)
    return buffer.getvalue()


def _fitted(pixels: Pixels) -> Picture.Image:
    """The picture at the size of a panel."""
    largest = max(pixels.shape[:2])
    if largest <= _SMALL:
        times = SIDE // largest
        return Picture.fromarray(np.kron(pixels, np.ones((times, times, 1), dtype=np.uint8)))
    picture = Picture.fromarray(pixels)
    picture.thumbnail((SIDE, SIDE), Picture.Resampling.LANCZOS)
    return picture
