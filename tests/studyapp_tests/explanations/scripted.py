"""TorchScript classifiers with flaws, and pictures of 40 x 40 that quickshift cuts."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import torch
from PIL import Image as Picture
from torch import nn

from studyapp.models import Classifier
from tests.studyapp_tests.explanations.halves import CLASSES, halves, said

SIDE = 40
CROP = {"rule": "squash", "resize": 256, "margin": 32, "interpolation": "bilinear", "enlarge": None}
PREPROCESSING = {
    "channel_order": "grey",
    "scale": 1 / 255,
    "mean": [0.0],
    "std": [1.0],
}


class Halves(nn.Module):
    """Logits as `halves.write_weights`, for pictures of any even side."""

    def forward(self, pictures: torch.Tensor) -> torch.Tensor:
        middle = pictures.shape[3] // 2
        left = pictures[:, 0, :, :middle].mean(dim=(1, 2))
        right = pictures[:, 0, :, middle:].mean(dim=(1, 2))
        return torch.stack([8 * (left - right), 8 * (right - left), torch.full_like(left, 0.5)], dim=1)


class Rounding(Halves):
    """The same from rounded pixels: no gradient comes through."""

    def forward(self, pictures: torch.Tensor) -> torch.Tensor:
        middle = pictures.shape[3] // 2
        rounded = (pictures.detach() * 255).round() / 255
        left = rounded[:, 0, :, :middle].mean(dim=(1, 2))
        right = rounded[:, 0, :, middle:].mean(dim=(1, 2))
        return torch.stack([8 * (left - right), 8 * (right - left), torch.full_like(left, 0.5)], dim=1)


class NotForWhite(Halves):
    """NaN for every picture with white in its first pixel."""

    def forward(self, pictures: torch.Tensor) -> torch.Tensor:
        middle = pictures.shape[3] // 2
        left = pictures[:, 0, :, :middle].mean(dim=(1, 2))
        right = pictures[:, 0, :, middle:].mean(dim=(1, 2))
        logits = torch.stack([8 * (left - right), 8 * (right - left), torch.full_like(left, 0.5)], dim=1)
        white = pictures[:, 0, 0, 0] > 0.99
        return torch.where(white[:, None], torch.full_like(logits, float("nan")), logits)


def add_scripted(folder: Path, network: nn.Module, name: str = "scripted", *, side: int = SIDE) -> Classifier:
    """Register a network as a trusted TorchScript file, with the classes left, right and even.

    Pictures are squashed to `side` pixels.
    """
    file, classes, recipe = folder / f"{name}.pt", folder / "classes.csv", folder / "preprocessing.json"
    torch.jit.script(network).save(str(file))
    classes.write_text(CLASSES)
    recipe.write_text(json.dumps({**PREPROCESSING, "crop": {**CROP, "side": side}}))
    said(
        *("add_classifier", name, "--architecture", "torchscript", "--weights", str(file), "--trust-file"),
        *("--classes", str(classes), "--preprocessing", str(recipe)),
    )
    return Classifier.objects.get(name=name)


def import_squares(folder: Path) -> None:
    """The dataset "squares": three pictures of halves, a flat one, and one with a white corner."""
    root = folder / "squares"
    (root / "left").mkdir(parents=True)
    (root / "right").mkdir()
    for number in range(2):
        halves("left", number, side=SIDE).save(root / "left" / f"{number}.png")
    halves("right", 5, side=SIDE).save(root / "right" / "0.png")
    Picture.fromarray(np.full((SIDE, SIDE), 120, dtype=np.uint8)).save(root / "left" / "flat.png")
    corner = np.array(halves("right", 6, side=SIDE))
    corner[0, 0] = 255
    Picture.fromarray(corner).save(root / "right" / "corner.png")
    classes = folder / "classes.csv"
    classes.write_text(CLASSES)
    said("import_dataset", "squares", str(root), "--classes", str(classes))
