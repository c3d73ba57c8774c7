"""8-bit pictures as lossless PNG files and back: what is stored is what is shown and judged."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Pixels = NDArray[np.uint8]


def png(pixels: Pixels, *, quickly: bool = False) -> bytes:
    """RGB or RGBA pixels (height, width, 3 or 4) as a PNG without metadata.

    `quickly`: at the lowest level of compression, for noise and for pictures that only researchers see.
    """
    from PIL import Image as Picture

    buffer = io.BytesIO()
    # 6 is Pillow's own level.
    Picture.fromarray(pixels).save(buffer, "PNG", compress_level=1 if quickly else 6)
    return buffer.getvalue()


def png_pixels(content: bytes) -> Pixels:
    """The RGB pixels (height, width, 3) of a PNG; raises OSError or SyntaxError for anything else."""
    import numpy as np
    from PIL import Image as Picture

    with Picture.open(io.BytesIO(content), formats=["PNG"]) as opened:
        return np.array(opened.convert("RGB"))
