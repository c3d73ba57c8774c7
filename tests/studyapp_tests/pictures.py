"""Tiny picture files that tests make for themselves."""

from __future__ import annotations

import struct
import zlib
from pathlib import Path

import numpy as np
from PIL import Image as Picture


def noise(seed: int, *, size: tuple[int, int] = (12, 10)) -> Picture.Image:
    """A picture of its own for every seed, width by height."""
    width, height = size
    pixels = np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)
    return Picture.fromarray(pixels)


def write_picture(path: Path, seed: int, *, size: tuple[int, int] = (12, 10)) -> Path:
    """Write `noise(seed)` in the format of the path's suffix."""
    path.parent.mkdir(parents=True, exist_ok=True)
    noise(seed, size=size).save(path)
    return path


def class_folders(root: Path, classes: dict[str, int], *, first_seed: int = 0) -> Path:
    """A class-per-folder tree with so many pictures in each class."""
    seed = first_seed
    for name, count in classes.items():
        for number in range(count):
            write_picture(root / name / f"{number:02}.png", seed)
            seed += 1
    return root


def decompression_bomb() -> bytes:
    """A PNG of a few bytes that claims 100,000 x 100,000 pixels."""

    def part(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", 100_000, 100_000, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n" + part(b"IHDR", header) + part(b"IDAT", zlib.compress(b"")) + part(b"IEND", b"")
    )
