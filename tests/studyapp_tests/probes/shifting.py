"""Pictures to shift and a classifier whose answers at every place can be worked out by hand."""

from __future__ import annotations

import json
from io import StringIO
from pathlib import Path
from typing import Any

import numpy as np
from django.core.management import call_command
from PIL import Image as Picture

from tests.studyapp_tests.networks import OFFSETS, SLOPES, write_classes, write_weights

SIDE, WIDE = 8, 12
#: Windows of 8 over a picture 12 wide and 10 high: 5 columns, 3 rows.
COLUMNS, ROWS = 5, 3


def command(*arguments: str) -> dict[str, Any]:
    """A command's JSON."""
    out = StringIO()
    call_command(*arguments, "--json", stdout=out)
    result: dict[str, Any] = json.loads(out.getvalue())
    return result


def register(folder: Path, *names: str) -> None:
    """Classifiers by brightness, one after the other a little readier to say "dark"."""
    classes = str(write_classes(folder / "classes.csv"))
    for number, name in enumerate(names or ("luminance",)):
        weights = str(write_weights(folder / f"{name}.safetensors", offset=number / 4))
        command(
            *("add_classifier", name, "--architecture", "digits_linear"),
            *("--weights", weights, "--classes", classes),
        )


def wide_picture(path: Path) -> Path:
    """Black on the left, white from column 6 on: a window sees more white the further right it is."""
    pixels = np.zeros((ROWS + SIDE - 1, WIDE, 3), dtype=np.uint8)
    pixels[:, WIDE // 2 :] = 255
    Picture.fromarray(pixels).save(path)
    return path


def patch_picture(path: Path, *, side: int = 2) -> Path:
    """White, with an alpha channel that leaves a little of the background."""
    pixels = np.full((side, side, 4), 255, dtype=np.uint8)
    pixels[..., 3] = 200
    Picture.fromarray(pixels).save(path)
    return path


def expected_probability(target: int) -> np.ndarray[Any, np.dtype[np.float64]]:
    """Of the windows of `wide_picture`, (ROWS, COLUMNS): column c sees 2 + c white columns of 8."""
    white = (2 + np.arange(COLUMNS)) / SIDE
    logits = np.array(OFFSETS)[:, None] + np.array(SLOPES)[:, None] * white
    share = np.exp(logits) / np.exp(logits).sum(axis=0)
    return np.tile(share[target], (ROWS, 1))
