"""Decoded 8-bit crops on disk, so that attacks, explanations and probes do not decode again."""

from __future__ import annotations

import os
import threading
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
            with open(self._path(digest, crop), "rb", buffering=0) as file:
                content = file.read()
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
        # No two threads write to the same file, and readers see it only when it is whole.
        part = f"{path}.{os.getpid()}-{threading.get_ident()}.part"
        try:
            _write(part, pixels)
        except FileNotFoundError:
            os.makedirs(os.path.dirname(path), exist_ok=True)
            _write(part, pixels)
        os.replace(part, path)

    def _path(self, digest: str, crop: Crop) -> str:
        # Text and not Path: this runs for every picture, beside the forward pass.
        return f"{self.folder}/{crop.key}/{digest[0]}/{digest}.rgb"


def _write(path: str, pixels: Pixels) -> None:
    with open(path, "wb", buffering=0) as file:
        file.write(np.ascontiguousarray(pixels).data)
