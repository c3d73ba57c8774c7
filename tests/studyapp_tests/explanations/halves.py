"""A network that compares the halves of a picture, and pictures whose brighter half is known."""

from __future__ import annotations

import json
from io import StringIO
from pathlib import Path
from typing import Any

import numpy as np
import torch
from django.core.management import call_command
from PIL import Image as Picture
from safetensors.torch import save_file

from studyapp.models import Classifier, Dataset

CLASSES = "class_index,class_name\n0,left\n1,right\n2,even\n"
# Logits: left 8d, right -8d, even 1/2, where d is the left half's mean brightness less the right one's.
SLOPE, EVEN = 8.0, 0.5
BRIGHT, DIM = 140, 100
# Superpixels of an 8 x 8 picture: a grid of 4 x 4, numbered row by row.
LEFT = {0, 1, 4, 5, 8, 9, 12, 13}


def write_weights(path: Path) -> Path:
    """Weights of `digits_linear` with three outputs."""
    difference = torch.ones(8, 8)
    difference[:, 4:] = -1
    difference = SLOPE * difference.reshape(64) / 32
    state = {
        "1.weight": torch.stack([difference, -difference, torch.zeros(64)]),
        "1.bias": torch.tensor([0.0, 0.0, EVEN]),
    }
    save_file(state, str(path))
    return path


def halves(bright: str, seed: int, *, side: int = 8) -> Picture.Image:
    """A grey picture whose half `bright` ("left", "right", or "even" for none) is brighter, with noise."""
    rng = np.random.default_rng(seed)
    pixels = rng.integers(-3, 4, (side, side)) + DIM
    if bright != "even":
        half = slice(0, side // 2) if bright == "left" else slice(side // 2, side)
        pixels[:, half] += BRIGHT - DIM
    return Picture.fromarray(pixels.astype(np.uint8))


def write_pictures(root: Path, *, each: int, side: int = 8) -> Path:
    """`each` pictures in the class folders "left" and "right"."""
    for name in ("left", "right"):
        (root / name).mkdir(parents=True, exist_ok=True)
        for number in range(each):
            halves(name, number + (1000 if name == "left" else 0), side=side).save(
                root / name / f"{number:03}.png"
            )
    return root


def said(*arguments: str) -> dict[str, Any]:
    """What a command prints with `--json`."""
    out = StringIO()
    call_command(*arguments, "--json", stdout=out)
    result: dict[str, Any] = json.loads(out.getvalue())
    return result


def make_halves(folder: Path, *, each: int = 4) -> tuple[Dataset, Classifier]:
    """The dataset "halves" and the classifier "compare", which gets all of it right."""
    classes = folder / "classes.csv"
    classes.write_text(CLASSES)
    said(
        "import_dataset",
        "halves",
        str(write_pictures(folder / "pictures", each=each)),
        "--classes",
        str(classes),
    )
    said(
        *("add_classifier", "compare", "--architecture", "digits_linear"),
        *("--weights", str(write_weights(folder / "compare.safetensors")), "--classes", str(classes)),
    )
    said("predict", "halves", "compare")
    return Dataset.objects.get(name="halves"), Classifier.objects.get(name="compare")


def attack_halves() -> int:
    """Attack all pictures until the stored ones are mistaken; the number of the attack."""
    run = said("attack", "halves", "compare", "--space", "pixel", "--step", "4/255", "--steps", "12")["run"]
    assert isinstance(run, int)
    return run
