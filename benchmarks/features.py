"""Features from files to rows against the bare forward loop of the same network.

The 3,000 training images of tiny-imagenet, EfficientNet-Lite0's penultimate layer, CPU, two threads. The
floor is the prepared network alone on normalised tensors that are in memory already. Each side runs in a
process of its own, the sides alternate, and each side's best of the rounds counts. Decode cache cold.

    python -m benchmarks.features [--images 3000] [--rounds 2]
"""

from __future__ import annotations

import argparse
import csv
import os
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from benchmarks.claims import not_measured, ratio_at_least, report

if TYPE_CHECKING:
    from inference.prepared import PreparedClassifier

ROOT = Path(__file__).resolve().parent.parent
THREADS = 2
BATCH = 32
TARGET = 0.85
CLAIM = "features of tiny-imagenet, Lite0, from files, against the bare forward loop, images/s"
TOLERANCE = 1e-4


@dataclass(frozen=True, slots=True)
class Timing:
    """One run of one side: images per second, and the features (images, dimensions)."""

    rate: float
    features: NDArray[np.float32]


def pictures(limit: int) -> list[Path] | None:
    """The training images in the order of their table, or None where the research data is missing."""
    shared = Path(os.environ.get("SECOND_LOOK_SHARED_DATA") or ROOT.parent / "shared" / "data")
    folder = shared / "tiny-imagenet"
    if not (folder / "train.csv").is_file():
        return None
    with (folder / "train.csv").open(newline="", encoding="utf-8") as file:
        return [folder / row["path"] for row in csv.DictReader(file)][:limit]


def ours(files: list[Path], cache: Path) -> Timing:
    """`features` from files to rows."""
    from inference.crop_cache import CropCache
    from inference.features import features, find_layer
    from inference.images import ImageItem

    prepared = _lite0()
    layer = find_layer(prepared.classifier)
    items = [ImageItem(index, file) for index, file in enumerate(files)]
    # One batch untimed on every side: first use builds oneDNN's kernels.
    list(features(prepared, items[:BATCH], layer=layer, workers=THREADS))
    start = time.perf_counter()
    batches = list(
        features(prepared, items, layer=layer, batch_size=BATCH, cache=CropCache(cache), workers=THREADS)
    )
    seconds = time.perf_counter() - start
    return Timing(len(files) / seconds, np.concatenate([batch.features for batch in batches]))


def bare_forward(files: list[Path], cache: Path) -> Timing:
    """The prepared network alone with two threads; what its last layer gets is kept for comparison."""
    import torch

    from inference.features import find_layer
    from inference.images import DecodedCrop, ImageItem, load_crop

    prepared = _lite0()
    recipe = prepared.classifier.preprocessing
    inputs = []
    for first in range(0, len(files), BATCH):
        crops = [load_crop(ImageItem(0, file), recipe.crop) for file in files[first : first + BATCH]]
        inputs.append(np.stack([crop.pixels for crop in crops if isinstance(crop, DecodedCrop)]))
    kept: list[torch.Tensor] = []
    last = prepared.network.get_submodule(find_layer(prepared.classifier).module)
    handle = last.register_forward_pre_hook(lambda module, given: kept.append(given[0]))
    seconds = 0.0
    with torch.inference_mode():
        prepared.network(recipe.normalise(torch.from_numpy(inputs[0])))
        kept.clear()
        for pixels in inputs:
            # Normalised one batch at a time and untimed: all of them together would not fit into memory.
            batch = recipe.normalise(torch.from_numpy(pixels))
            start = time.perf_counter()
            prepared.network(batch)
            seconds += time.perf_counter() - start
    handle.remove()
    return Timing(len(files) / seconds, torch.cat(kept).numpy())


SIDES = {"ours": ours, "forward": bare_forward}


def main() -> None:
    """Run both sides in processes of their own, round by round, and print the claim."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--images", type=int, default=3000)
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--side", choices=SIDES, help="run one side only, for use by this script itself")
    parser.add_argument("--result", type=Path, help="where --side writes what it measured")
    arguments = parser.parse_args()
    files = pictures(arguments.images)
    if files is None:
        report([not_measured(CLAIM, target=f">= {TARGET:g}")])
    if arguments.side:
        with tempfile.TemporaryDirectory() as cache:
            timing = SIDES[arguments.side](files, Path(cache))
        np.savez(arguments.result, rate=timing.rate, features=timing.features)
        return
    best: dict[str, Timing] = {}
    for number in range(arguments.rounds):
        for side in SIDES:
            timing = _in_own_process(side, arguments.images)
            print(f"round {number + 1}, {side}: {timing.rate:.1f} images/s", file=sys.stderr, flush=True)
            if side not in best or timing.rate > best[side].rate:
                best[side] = timing
    mine, floor = best["ours"], best["forward"]
    difference = np.linalg.norm(mine.features - floor.features) / np.linalg.norm(floor.features)
    print(f"relative difference of the features: {difference:.1e}", file=sys.stderr)
    report(
        [
            ratio_at_least(
                CLAIM, ours=mine.rate, peer=floor.rate, target=TARGET, also=bool(difference <= TOLERANCE)
            )
        ]
    )


def _in_own_process(side: str, images: int) -> Timing:
    with tempfile.TemporaryDirectory() as folder:
        result = Path(folder) / "result.npz"
        command = [sys.executable, "-m", "benchmarks.features", "--side", side, "--result", str(result)]
        command += ["--images", str(images)]
        environment = os.environ | {"OMP_NUM_THREADS": str(THREADS)}
        subprocess.run(command, cwd=ROOT, env=environment, check=True)
        with np.load(result) as stored:
            return Timing(float(stored["rate"]), stored["features"])


def _lite0() -> PreparedClassifier:
    # Before torch: importing the package tunes the allocator.
    from inference.classifiers import ClassifierSpec, load_classifier  # isort: skip
    import torch

    from inference.prepared import prepare

    torch.set_num_threads(THREADS)
    return prepare(load_classifier(ClassifierSpec("lite0", "efficientnet_lite0"), "cpu"))


if __name__ == "__main__":
    main()
