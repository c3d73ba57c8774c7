"""The colour probe against bare forward passes, hue rotation against torchvision's, and the size of a run.

EfficientNet-Lite0 on photographs of imagenet-sample, two threads on the CPU, or the accelerator where there
is one. The two sides of a rate run in processes of their own and alternate; each side's best round counts.

python -m benchmarks.colour [--images 64] [--rounds 2]
"""

from __future__ import annotations

import argparse
import io
import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from benchmarks.claims import Claim, not_measured, ratio_at_least, report, value_at_most
from benchmarks.predict import photographs

if TYPE_CHECKING:
    import torch

    from inference.prepared import PreparedClassifier

ROOT = Path(__file__).resolve().parent.parent
THREADS = 2
SETTINGS = 35
PICTURES = 8

GRID = "hue grid end to end ({images} photographs x 35 settings) against bare forwards, Lite0, pictures/s"
ROTATION = "hue rotation of a batch against torchvision's adjust_hue per image, pictures/s"
STORAGE = "a probe run of 50,000 images x 35 settings of one classifier, storage"


def probed(files: list[Path]) -> float:
    """Pictures per second of the probe from files (decoding cold) to responses."""
    # Before torch: importing the package tunes the allocator.
    from inference.perturbations.colour import ColourSeries, ColourSetting
    from inference.probing import probe

    from inference.images import ImageItem  # isort: skip

    prepared = _lite0()
    series = ColourSeries(tuple(ColourSetting("hue", 10.0 * step) for step in range(1, SETTINGS + 1)))
    items = [ImageItem(number, file) for number, file in enumerate(files)]
    list(probe([prepared], items[:2], series))
    start = time.perf_counter()
    done = sum(len(batch.keys) for batch in probe([prepared], items, series))
    return done * (SETTINGS + 1) / (time.perf_counter() - start)


def bare(files: list[Path]) -> float:
    """Pictures per second of the same network on ready tensors, as many at once as the probe takes."""
    import torch

    prepared = _lite0()
    device = prepared.classifier.device
    side = prepared.classifier.preprocessing.crop.side
    ready = torch.randn(SETTINGS + 1, 3, side, side, device=device)
    ready = ready.contiguous(memory_format=torch.channels_last)
    with torch.inference_mode():
        for _ in range(2):
            prepared.network(ready)
        _wait(device)
        start = time.perf_counter()
        for _ in files:
            prepared.network(ready)
        _wait(device)
        return len(files) * (SETTINGS + 1) / (time.perf_counter() - start)


SIDES = {"probe": probed, "bare": bare}


def rotation() -> Claim:
    """The same pictures turned by both, in this process, in turns."""
    import torch

    from inference.perturbations.colour import ColourSetting, recoloured, to_hsv
    from inference.torchvision_ops import torchvision

    torch.set_num_threads(THREADS)
    generator = torch.Generator().manual_seed(1)
    pixels = torch.randint(0, 256, (PICTURES, 224, 224, 3), dtype=torch.uint8, generator=generator)
    planar = [picture.permute(2, 0, 1).contiguous() for picture in pixels]
    turned = list(range(10, 360, 10))
    rates: dict[str, list[float]] = {"ours": [], "theirs": []}
    largest = 0.0
    for number in range(3):
        start = time.perf_counter()
        mine = []
        for picture in (pixels[place : place + 1] for place in range(PICTURES)):
            hsv = to_hsv(picture)
            mine.append([recoloured(hsv, ColourSetting("hue", float(degrees))) for degrees in turned])
        rates["ours"].append(PICTURES * SETTINGS / (time.perf_counter() - start))
        start = time.perf_counter()
        for place, picture in enumerate(planar):
            for position, degrees in enumerate(turned):
                factor = degrees / 360 if degrees <= 180 else degrees / 360 - 1
                theirs = torchvision.transforms.functional.adjust_hue(picture / 255.0, factor)
                if number == 0 and place == 0:
                    difference = mine[place][position][0].permute(2, 0, 1) / 255.0 - theirs
                    largest = max(largest, float(difference.abs().max()))
        rates["theirs"].append(PICTURES * SETTINGS / (time.perf_counter() - start))
    print(f"largest difference from torchvision: {255 * largest:.3f} grey levels", file=sys.stderr)
    return ratio_at_least(
        ROTATION, ours=max(rates["ours"]), peer=max(rates["theirs"]), target=3.0, also=largest <= 1 / 255
    )


def storage() -> Claim:
    """Bytes of a run's file with responses that compress as badly as any: uniformly random ones."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "studyapp.settings")
    import django

    django.setup()
    from studyapp.services.probes.runs import COLUMNS

    rng = np.random.default_rng(0)
    shape = (50_000, SETTINGS + 1)
    arrays = {
        name: (rng.integers(0, 1000, shape) if kind == "uint16" else rng.random(shape)).astype(kind)
        for name, kind in COLUMNS.items()
    }
    buffer = io.BytesIO()
    np.savez_compressed(buffer, image=np.arange(50_000), **arrays)  # type: ignore[arg-type]
    return value_at_most(STORAGE, ours=buffer.tell() / 1e6, target=60, unit="MB")


def main() -> None:
    """Measure every claim and print it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--images", type=int, default=64)
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--side", choices=SIDES, help="run one side only, for use by this script itself")
    arguments = parser.parse_args()
    files = photographs(arguments.images)
    if arguments.side:
        print(json.dumps(SIDES[arguments.side](files or [])))
        return
    claims = [rotation(), storage()]
    name = GRID.format(images=arguments.images)
    if files is None:
        report([not_measured(name, target=">= 0.8"), *claims])
    best = dict.fromkeys(SIDES, 0.0)
    for number in range(arguments.rounds):
        for side in SIDES:
            rate = _in_own_process(side, arguments.images)
            print(f"round {number + 1}, {side}: {rate:.1f} pictures/s", file=sys.stderr, flush=True)
            best[side] = max(best[side], rate)
    report([ratio_at_least(name, ours=best["probe"], peer=best["bare"], target=0.8), *claims])


def _in_own_process(side: str, images: int) -> float:
    command = [sys.executable, "-m", "benchmarks.colour", "--side", side, "--images", str(images)]
    environment = os.environ | {"OMP_NUM_THREADS": str(THREADS)}
    ran = subprocess.run(command, cwd=ROOT, env=environment, check=True, stdout=subprocess.PIPE, text=True)
    return float(json.loads(ran.stdout.splitlines()[-1]))


def _lite0() -> PreparedClassifier:
    # Before torch: importing the package tunes the allocator.
    from inference.classifiers import ClassifierSpec, available_device, load_classifier  # isort: skip
    import torch

    from inference.prepared import prepare

    torch.set_num_threads(THREADS)
    return prepare(load_classifier(ClassifierSpec("lite0", "efficientnet_lite0"), available_device()))


def _wait(device: torch.device) -> None:
    import torch

    if device.type == "cuda":
        torch.cuda.synchronize()


if __name__ == "__main__":
    main()
