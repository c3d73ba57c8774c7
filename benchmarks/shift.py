"""The shift set of the strawberry patch against rendering each picture with Pillow and predicting it.

SqueezeNet on the CPU, two threads: 125 x 125 places of a 100 x 100 patch before a background of 224 x 224,
from the patch's file to the probability of its class at every place. The peers are what a researcher writes:
Pillow pastes, torchvision's transforms make a tensor, torchvision's network predicts, in batches of 32 (and,
beside it, picture by picture). The sides run in processes of their own and alternate; each side's best round
counts; loading and one batch untimed on all sides.

    python -m benchmarks.shift [--places 15625] [--rounds 2]
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
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image

from benchmarks.claims import not_measured, ratio_at_least, report, value_at_most
from benchmarks.predict import _import_torchvision_plainly

if TYPE_CHECKING:
    from inference.perturbations.shift import PatchShift

ROOT = Path(__file__).resolve().parent.parent
THREADS = 2
PLACES = 15_625
BATCH = 32
SIDE, PATCH = 224, 100
GREY = (128, 128, 128)
STRAWBERRY = 949

BATCHED = "shift set of {places} places against Pillow's rendering of each, then predictions in batches of 32"
SINGLY = "the same against rendering and predicting picture by picture, pictures/s"
EQUAL = "pixel values of the shift set that differ from Pillow's"
#: Probabilities of both sides may differ by so much: other kernels add in another order.
TOLERANCE = 1e-4


def patch_file() -> Path | None:
    """The strawberry of the research data, or None."""
    shared = Path(os.environ.get("SECOND_LOOK_SHARED_DATA") or ROOT.parent / "shared" / "data")
    file = shared / "shift" / "strawberry_patch.png"
    return file if file.is_file() else None


def ours(patch: Path, weights: Path, places: int) -> dict[str, Any]:
    """The product's own maps, without cosines, as the peers have none."""
    # Before torch: importing the package tunes the allocator.
    from inference.classifiers import ClassifierSpec, load_classifier  # isort: skip
    import torch

    from inference.prepared import prepare
    from inference.shift_maps import shift_answers

    torch.set_num_threads(THREADS)
    prepared = prepare(load_classifier(ClassifierSpec("squeezenet", "squeezenet1_1_caffe"), "cpu"))
    list(shift_answers(prepared, _shift_set(patch), target=STRAWBERRY, numbers=range(2 * BATCH)))
    start = time.perf_counter()
    answers = shift_answers(prepared, _shift_set(patch), target=STRAWBERRY, numbers=range(places))
    probability = np.concatenate([each.probability for each in answers])
    return {"seconds": time.perf_counter() - start, "probability": probability.tolist()}


def batched(patch: Path, weights: Path, places: int) -> dict[str, Any]:
    """Pillow, torchvision's transforms and network, 32 pictures at a time."""
    return _plain(patch, weights, places, BATCH)


def singly(patch: Path, weights: Path, places: int) -> dict[str, Any]:
    """The same, picture by picture: a tenth of the places, since each takes the same time."""
    return _plain(patch, weights, max(BATCH, places // 10), 1)


def _plain(patch: Path, weights: Path, places: int, batch: int) -> dict[str, Any]:
    import torch

    _import_torchvision_plainly()
    import torchvision
    from torchvision import transforms

    torch.set_num_threads(THREADS)
    network = torchvision.models.squeezenet1_1(weights=None)
    network.load_state_dict(torch.load(weights, weights_only=True))
    network.eval()
    transform = transforms.Compose(
        [
            transforms.PILToTensor(),
            # Caffe's order of the channels and its means, which these weights were trained with.
            transforms.Lambda(lambda picture: picture.flip(0).float()),
            transforms.Normalize([104.0, 117.0, 124.0], [1.0, 1.0, 1.0]),
        ]
    )
    probability = []
    with torch.inference_mode():
        network(torch.zeros(batch, 3, SIDE, SIDE))
        start = time.perf_counter()
        paste = pillow(patch)
        for first in range(0, places, batch):
            pictures = [transform(paste(number)) for number in range(first, min(first + batch, places))]
            probability += network(torch.stack(pictures)).softmax(dim=1)[:, STRAWBERRY].tolist()
        seconds = time.perf_counter() - start
    return {"seconds": seconds, "probability": probability}


def pillow(patch: Path) -> Callable[[int], Image.Image]:
    """A function from a place's number to the picture that Pillow makes of it."""
    with Image.open(patch) as opened:
        piece = opened.convert("RGBA").resize((PATCH, PATCH), Image.Resampling.LANCZOS)
    ground = Image.new("RGB", (SIDE, SIDE), GREY)
    columns = SIDE - PATCH + 1

    def paste(number: int) -> Image.Image:
        picture = ground.copy()
        picture.paste(piece, (number % columns, number // columns), piece)
        return picture

    return paste


SIDES = {"ours": ours, "batched": batched, "singly": singly}


def differing(patch: Path, places: int) -> int:
    """Pixel values of our pictures that are not Pillow's, over all places."""
    import torch

    shift, paste, found = _shift_set(patch), pillow(patch), 0
    for first in range(0, places, BATCH):
        numbers = range(first, min(first + BATCH, places))
        mine = shift.pictures(torch.tensor(numbers)).numpy()
        found += sum(int((mine[at] != np.asarray(paste(number))).sum()) for at, number in enumerate(numbers))
    return found


def main() -> None:
    """Measure every side, round by round, and print the claims."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--places", type=int, default=PLACES)
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--side", choices=SIDES, help="run one side only, for use by this script itself")
    parser.add_argument("--weights", type=Path, help="what --side's peers load")
    arguments = parser.parse_args()
    patch = patch_file()
    name = BATCHED.format(places=f"{arguments.places:,}")
    if patch is None:
        print("The strawberry patch is missing (set SECOND_LOOK_SHARED_DATA).", file=sys.stderr)
        report([not_measured(name, target=">= 2"), not_measured(EQUAL, target="<= 0")])
    if arguments.side:
        print(json.dumps(SIDES[arguments.side](patch, arguments.weights, arguments.places)))
        return
    rates = dict.fromkeys(SIDES, 0.0)
    said: dict[str, np.ndarray[Any, Any]] = {}
    with tempfile.TemporaryDirectory() as folder:
        weights = _peers_weights(Path(folder) / "squeezenet.pt")
        for number in range(arguments.rounds):
            for side in SIDES:
                result = _in_own_process(side, weights, arguments.places)
                said[side] = np.array(result["probability"])
                rate = len(said[side]) / result["seconds"]
                print(f"round {number + 1}, {side}: {rate:.1f} pictures/s", file=sys.stderr, flush=True)
                rates[side] = max(rates[side], rate)
    apart = float(np.abs(said["ours"] - said["batched"]).max())
    print(f"largest difference of a probability: {apart:.2e}", file=sys.stderr)
    agrees = apart <= TOLERANCE
    report(
        [
            ratio_at_least(name, ours=rates["ours"], peer=rates["batched"], target=2.0, also=agrees),
            ratio_at_least(SINGLY, ours=rates["ours"], peer=rates["singly"], target=2.0, also=agrees),
            value_at_most(EQUAL, ours=differing(patch, arguments.places), target=0),
        ]
    )


def _shift_set(patch: Path) -> PatchShift:
    from inference.perturbations.shift import PatchShift, plain_background, read_patch

    with Image.open(patch) as opened:
        return PatchShift(plain_background(SIDE, GREY), read_patch(opened, PATCH))


def _peers_weights(path: Path) -> Path:
    import torch

    from inference.squeezenet import installed_weights, read_squeezenet_state

    torch.save(read_squeezenet_state(installed_weights()), path)
    return path


def _in_own_process(side: str, weights: Path, places: int) -> dict[str, Any]:
    command = [sys.executable, "-m", "benchmarks.shift", "--side", side]
    command += ["--weights", str(weights), "--places", str(places)]
    environment = os.environ | {"OMP_NUM_THREADS": str(THREADS)}
    ran = subprocess.run(command, cwd=ROOT, env=environment, check=True, stdout=subprocess.PIPE, text=True)
    result: dict[str, Any] = json.loads(ran.stdout.splitlines()[-1])
    return result


if __name__ == "__main__":
    main()
