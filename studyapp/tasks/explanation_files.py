"""Files of one explanation: the image with attention, the heat overlay, the frames of its path."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from studyapp.services.explanations.files import heat_name, path_name, picture_name
from studyapp.services.stored_files import put_file
from studyapp.tasks.pngs import png

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from explain.pictures import ExplanationPath

# Grey between the frames of a path, as wide as this share of a frame.
GAP = 1 / 28
GREY = 233


@dataclass(frozen=True, slots=True, eq=False)
class Drawing:
    """What is drawn of one explanation; `path` where frames are wanted."""

    key: str
    pixels: NDArray[np.uint8]
    segments: NDArray[np.int32]
    weights: NDArray[np.float64]
    shown: Mapping[str, Any]
    path: ExplanationPath | None = None


def store_drawing(drawing: Drawing) -> None:
    """Draw and store; what is there under the same names is replaced."""
    from explain.pictures import heat_overlay, shown_picture

    attention, _ = shown_picture(
        drawing.pixels,
        drawing.segments,
        drawing.weights,
        drawing.shown["superpixels"],
        drawing.shown["rest"],
    )
    put_file(picture_name(drawing.key), png(attention))
    put_file(heat_name(drawing.key), png(heat_overlay(drawing.segments, drawing.weights)))
    if drawing.path is not None:
        put_file(path_name(drawing.key), png(strip(drawing.path.frames)))


def strip(frames: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Frames (n, h, w, 3) side by side, with a gap between them."""
    import numpy as np

    count, height, width, _ = frames.shape
    gap = max(1, round(width * GAP))
    joined = np.full((height, count * width + (count - 1) * gap, 3), GREY, dtype=np.uint8)
    for place, frame in enumerate(frames):
        left = place * (width + gap)
        joined[:, left : left + width] = frame
    return joined
