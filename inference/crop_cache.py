"""Decoded 8-bit crops on disk, so that attacks, explanations and probes do not decode again."""

from __future__ import annotations

import os
import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from inference.crops import Crop, Pixels


@dataclass(frozen=True, slots=True)
class CropCache:
    """A folder of raw crops, found by the SHA-256 of the file's content and the crop's specification.

    Uncompressed on purpose: compressing would cost more than decoding the JPEG again. A 224 x 224 crop takes
    147 KiB. Several processes may share a folder; a crop appears whole or not at all.
    """

    folder: Path

    def get(self, digest: str, crop: Crop) -> Pixels | None:
        """The stored crop, or None; a file of the wrong size counts as not there."""
        try:
            content = self._path(digest, crop).read_bytes()
        except FileNotFoundError:
            return None
        if len(content) != crop.side * crop.side * 3:
            return None
        return np.frombuffer(content, dtype=np.uint8).reshape(crop.side, crop.side, 3)

    def put(self, digest: str, crop: Crop, pixels: Pixels) -> None:
        """Store one crop of shape (side, side, 3); writing the same crop twice is harmless."""
        if pixels.shape != (crop.side, crop.side, 3):
            raise ValueError(f"A crop of shape {pixels.shape} is not {(crop.side, crop.side, 3)}.")
        path = self._path(digest, crop)
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=path.parent, suffix=".part")
        with os.fdopen(handle, "wb") as file:
            file.write(np.ascontiguousarray(pixels).data)
        os.replace(name, path)

    def _path(self, digest: str, crop: Crop) -> Path:
        return self.folder / crop.key / digest[:2] / f"{digest}.rgb"
