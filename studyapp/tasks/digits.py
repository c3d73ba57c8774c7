"""Trains the demo's two digit classifiers."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class DigitTraining:
    """How one of them is trained."""

    architecture: str
    epochs: int
    seed: int = 0


def train_digit_classifier(*, folder: Path, training: DigitTraining, weights: Path) -> None:
    """Train on a class-per-folder tree of 8 x 8 grey pictures and write the state dict to `weights`.

    Seeded: the same pictures give the same weights on the same machine. A finished file is left alone.
    """
    if weights.exists():
        return
    import numpy as np
    from PIL import Image as Picture

    from inference.digits import DigitsArchitecture, train_digits

    architectures: dict[str, DigitsArchitecture] = {
        "digits_cnn": "digits_cnn",
        "digits_linear": "digits_linear",
    }
    paths = sorted(folder.glob("*/*.png"))
    state = train_digits(
        np.stack([np.asarray(Picture.open(path)) for path in paths]),
        np.array([int(path.parent.name) for path in paths], dtype=np.int64),
        seed=training.seed,
        epochs=training.epochs,
        architecture=architectures[training.architecture],
    )
    from safetensors.torch import save_file

    weights.parent.mkdir(parents=True, exist_ok=True)
    draft = weights.with_suffix(".draft")
    save_file({name: value.contiguous() for name, value in state.items()}, str(draft))
    draft.replace(weights)
