"""Photographs through attack and LIME of both versions, against the sum of their bare forward passes.

EfficientNet-Lite0 on photographs of imagenet-sample that it gets right, CPU, two threads: from the files to
the weights of the clean and of the adversarial picture, n = 1,000 masked pictures each. The floor is the time
that the prepared network alone takes for as many passes as attack and LIME made, on tensors in memory, in
LIME's own batches and streams; the attack's passes back are not in it. It is timed before and after, and the
best counts. Each side runs in a process of its own.

Four photographs take about two to four minutes on two quiet cores; a hundred, with --images 100, 18 to 60.

python -m benchmarks.adversarial_pipeline [--images 4] [--samples 1000]
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.claims import not_measured, ratio_at_least, report
from benchmarks.lime_sides import SEED, SIDE, THREADS, lite0, our_crop, probabilities_of
from benchmarks.predict import photographs

ROOT = Path(__file__).resolve().parent.parent
TARGET = 0.8
CLAIM = (
    "{images} photographs through attack and LIME of both versions (n = {samples}), against the sum of their "
    "bare forward passes, photographs/s"
)
#: Pictures in one of LIME's batches here: eight, shared by the streams.
BATCH = 8 // THREADS
FLOOR_PASSES = 480


def pipeline(images: int, samples: int) -> dict[str, Any]:
    """Seconds from files to explanations, and how many pictures went through the network on the way."""
    from explain.lime import LimeParameters, explain_lime
    from explain.superpixels import segment_ahead
    from inference.attack_network import prepare_attack
    from inference.attack_parameters import AttackParameters
    from inference.attacks import attack

    prepared = lite0("cpu")
    attacked = prepare_attack(prepared.classifier)
    predict = probabilities_of(prepared)
    right, labels = _predicted_right(prepared, images)
    passes = 0

    start = time.perf_counter()
    clean = np.stack([our_crop(prepared, file) for file in right])
    result = attack(attacked, clean, np.array(labels), AttackParameters())
    passes += int(result.forwards.sum())
    both = [version[index] for index in range(len(right)) for version in (clean, result.displayed_pixels)]
    predicted = [
        int(judged.predicted[index])
        for index in range(len(right))
        for judged in (result.clean, result.displayed)
    ]
    found = 0
    for (pixels, segments), label in zip(segment_ahead(both, workers=1), predicted, strict=True):
        explanations = explain_lime(
            predict,
            pixels,
            segments,
            [label],
            LimeParameters(samples=samples),
            seed=SEED,
            streams=THREADS,
        )
        found += len(explanations)
        passes += samples
    seconds = time.perf_counter() - start
    flipped = int((result.displayed.predicted != np.array(labels)).sum())
    return {"seconds": seconds, "passes": passes, "explanations": found, "flipped": flipped}


def forward(images: int, samples: int) -> dict[str, Any]:
    """Pictures per second of the prepared network alone, in LIME's batches and streams."""
    import torch

    prepared = lite0("cpu")
    recipe = prepared.classifier.preprocessing
    rng = np.random.default_rng(SEED)
    pixels = rng.integers(0, 256, (BATCH, SIDE, SIDE, 3), dtype=np.uint8)
    inputs = recipe.normalise(torch.from_numpy(pixels))

    def run(_: int) -> None:
        with torch.inference_mode():
            prepared.network(inputs)

    with ThreadPoolExecutor(THREADS, initializer=partial(torch.set_num_threads, 1)) as pool:
        list(pool.map(run, range(2 * THREADS)))
        start = time.perf_counter()
        list(pool.map(run, range(FLOOR_PASSES // BATCH)))
        seconds = time.perf_counter() - start
    return {"rate": FLOOR_PASSES / seconds}


SIDES: dict[str, Callable[[int, int], dict[str, Any]]] = {"pipeline": pipeline, "forward": forward}


def main() -> None:
    """Run each side in a process of its own and print the claim."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--images", type=int, default=4)
    parser.add_argument("--samples", type=int, default=1000)
    parser.add_argument("--side", choices=SIDES, help="run one side only, for use by this script itself")
    parser.add_argument("--result", type=Path, help="where --side writes what it measured")
    arguments = parser.parse_args()
    claim = CLAIM.format(images=arguments.images, samples=arguments.samples)
    if photographs(1) is None:
        report([not_measured(claim, target=f">= {TARGET:g}")])
    if arguments.side:
        arguments.result.write_text(json.dumps(SIDES[arguments.side](arguments.images, arguments.samples)))
        return
    before = _in_own_process("forward", arguments)
    whole = _in_own_process("pipeline", arguments)
    after = _in_own_process("forward", arguments)
    print(f"pipeline {whole}, forward passes {before}, {after}", file=sys.stderr, flush=True)
    floor = whole["passes"] / max(before["rate"], after["rate"])
    report(
        [
            ratio_at_least(
                claim,
                ours=arguments.images / whole["seconds"],
                peer=arguments.images / floor,
                target=TARGET,
                also=whole["explanations"] == 2 * arguments.images,
            )
        ]
    )


def _predicted_right(prepared: Any, images: int) -> tuple[list[Path], list[int]]:
    """The first photographs that the network gets right, with their classes. Not timed."""
    import torch

    files, labels = [], []
    wnids = _class_of_wnid()
    for file in photographs() or []:
        logits = prepared.logits(torch.from_numpy(our_crop(prepared, file)[None]))
        label = wnids[file.parent.name]
        if int(logits.argmax()) == label:
            files.append(file)
            labels.append(label)
        if len(files) == images:
            return files, labels
    raise SystemExit(f"The network gets only {len(files)} photographs right: ask for fewer than {images}.")


def _class_of_wnid() -> dict[str, int]:
    from inference.imagenet import imagenet_classes

    return {name.wnid: name.index for name in imagenet_classes() if name.wnid is not None}


def _in_own_process(side: str, arguments: argparse.Namespace) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as folder:
        result = Path(folder) / "result.json"
        command = [sys.executable, "-m", "benchmarks.adversarial_pipeline", "--side", side]
        command += ["--result", str(result), "--images", str(arguments.images)]
        command += ["--samples", str(arguments.samples)]
        environment = os.environ | {"OMP_NUM_THREADS": str(THREADS)}
        subprocess.run(command, cwd=ROOT, env=environment, check=True)
        measured: dict[str, Any] = json.loads(result.read_text())
        return measured


if __name__ == "__main__":
    main()
