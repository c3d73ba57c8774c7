"""IFGM with early stop against torchattacks' BIM, bit equality with it, and forwards counted.

EfficientNet-Lite0, 16 correctly predicted photographs of imagenet-sample in memory, pixel space, step 1/255,
at most 10 steps, CPU, two threads. Each side runs in a process of its own, the sides alternate, and each
side's best of the rounds counts; one step untimed on both.

    python -m benchmarks.attack [--device cpu|cuda] [--rounds 3]

torchattacks comes from SECOND_LOOK_BENCH_PYTHON or .venv-bench/bin/python (`make bench` builds it).
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from benchmarks.claims import Claim, not_measured, ratio_at_least, report, this_device, value_at_most
from benchmarks.predict import photographs

if TYPE_CHECKING:
    from inference.attack_network import AttackedClassifier
    from inference.crops import Pixels

ROOT = Path(__file__).resolve().parent.parent
THREADS = 2
PICTURES = 16
STEP, STEPS = 1 / 255, 10
CUDA_PICTURES = 256

FASTER = "IFGM, 16 photographs, 10 steps with early stop, against torchattacks' BIM, photographs/s"
ON_GRID = "the same with every iterate on the 8-bit grid, photographs/s"
EQUAL = "IFGM with stop = never against BIM on the same model, pixel values that differ"
LATE = "IFGM with early stop, forwards of pictures after they had met the stop rule"
CUDA = f"IFGM of {CUDA_PICTURES} photographs on CUDA, against its bare forward passes, photographs/s"
TARGETS = {FASTER: ">= 5", ON_GRID: ">= 5", EQUAL: "<= 0", LATE: "<= 0", CUDA: "stated"}


def peer_interpreter() -> Path | None:
    """The interpreter that has torchattacks, or None."""
    chosen = Path(os.environ.get("SECOND_LOOK_BENCH_PYTHON") or ROOT / ".venv-bench" / "bin" / "python")
    if not chosen.exists():
        return None
    found = subprocess.run([str(chosen), "-c", "import torchattacks"], check=False, capture_output=True)
    return chosen if found.returncode == 0 else None


def main() -> None:
    """Run every side in a process of its own, round by round, and print the claims."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cpu")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--side", choices=SIDES, help="run one side only, for use by this script itself")
    parser.add_argument("--pictures", type=Path, help="what --side attacks")
    parser.add_argument("--result", type=Path, help="where --side writes what it measured")
    arguments = parser.parse_args()
    if arguments.side:
        SIDES[arguments.side](arguments.pictures, arguments.result, arguments.device)
        return
    peer, files = peer_interpreter(), photographs(CUDA_PICTURES * 2)
    if files is None or peer is None:
        lacking = "the imagenet-sample data" if files is None else "torchattacks (make bench installs it)"
        print(f"not measured: {lacking} is missing", file=sys.stderr)
        report(not_measured(name, target=target) for name, target in TARGETS.items())
    with tempfile.TemporaryDirectory() as folder:
        report(_measure(Path(folder), peer, arguments.device, arguments.rounds))


def _measure(work: Path, peer: Path, device: str, rounds: int) -> list[Claim]:
    pictures = work / "pictures.npz"
    _own(["--side", "choose", "--result", str(pictures), "--device", device])
    best: dict[str, float] = {}
    for number in range(rounds):
        for side in ("bim", "ours", "grid"):
            seconds = float(_run(side, work, pictures, peer, device)["seconds"])
            print(f"round {number + 1}, {side}: {seconds:.2f} s", file=sys.stderr, flush=True)
            best[side] = min(seconds, best.get(side, seconds))
    theirs = _run("same", work, pictures, peer, device)["pictures"]
    exact = _run("exact", work, pictures, peer, device)
    counted = _run("counted", work, pictures, peer, device)
    print(
        f"ours forwarded {int(counted['forwards'])} pictures and took {int(counted['steps'])} steps back; "
        f"BIM {PICTURES * STEPS} of both",
        file=sys.stderr,
    )
    differing = int((exact["pictures"] != theirs).sum())
    where = _device(device)
    return [
        ratio_at_least(
            FASTER, ours=PICTURES / best["ours"], peer=PICTURES / best["bim"], target=5, device=where
        ),
        ratio_at_least(
            ON_GRID, ours=PICTURES / best["grid"], peer=PICTURES / best["bim"], target=5, device=where
        ),
        value_at_most(EQUAL, ours=differing, target=0, device=where),
        value_at_most(LATE, ours=int(counted["late"]), target=0, device=where),
        _cuda_claim(work, peer),
    ]


def _cuda_claim(work: Path, peer: Path) -> Claim:
    import torch

    if not torch.cuda.is_available():
        return not_measured(CUDA, target=TARGETS[CUDA], device="no CUDA device")
    many = work / "many.npz"
    _own(["--side", "choose-many", "--result", str(many), "--device", "cuda"])
    found = _run("share", work, many, peer, "cuda")
    ours, bare = float(found["rate"]), float(found["bare"])
    print(f"CUDA: {ours:.1f} photographs/s, {ours / bare:.1%} of the time in forward passes", file=sys.stderr)
    return ratio_at_least(CUDA, ours=ours, peer=bare, target=0, device=_device("cuda"))


def _run(side: str, work: Path, pictures: Path, peer: Path, device: str) -> dict[str, Any]:
    result = work / f"{side}.npz"
    if side in ("bim", "same"):
        kind = "plain" if side == "bim" else "same"
        script = [str(peer), str(ROOT / "benchmarks" / "attack_peer.py")]
        _process([*script, str(pictures), str(result), device, kind])
    else:
        _own(["--side", side, "--pictures", str(pictures), "--result", str(result), "--device", device])
    with np.load(result) as stored:
        return {name: stored[name] for name in stored.files}


def _own(arguments: list[str]) -> None:
    _process([sys.executable, "-m", "benchmarks.attack", *arguments])


def _process(command: list[str]) -> None:
    environment = os.environ | {"OMP_NUM_THREADS": str(THREADS), "PYTHONPATH": str(ROOT)}
    subprocess.run(command, cwd=ROOT, env=environment, check=True)


def choose(_: Path, result: Path, device: str, *, count: int = PICTURES) -> None:
    """Crops and labels of the first `count` photographs that the classifier gets right."""
    from inference.images import DecodedCrop, ImageItem, load_crop
    from inference.prediction import predict

    attacked = _attacked(device)
    files = photographs() or []
    items = [ImageItem(index, file) for index, file in enumerate(files)][: 4 * count]
    known = {each.wnid: each.index for each in attacked.classifier.classes}
    chosen: list[Pixels] = []
    labels: list[int] = []
    for batch in predict(attacked.classifier, items):
        for key, ranking in zip(batch.keys, batch.ranking, strict=True):
            label = known[files[int(key)].stem.split("_")[0]]
            if ranking[0] == label and len(chosen) < count:
                crop = load_crop(items[int(key)], attacked.classifier.preprocessing.crop)
                assert isinstance(crop, DecodedCrop)
                chosen.append(crop.pixels)
                labels.append(label)
    np.savez(result, pixels=np.stack(chosen), labels=np.array(labels), step=STEP, steps=STEPS)


def choose_many(pictures: Path, result: Path, device: str) -> None:
    """The same for the run on CUDA."""
    choose(pictures, result, device, count=CUDA_PICTURES)


def timed(pictures: Path, result: Path, device: str, *, grid: bool = False) -> None:
    """Our attack with its default stop rule, timed after one step untimed."""
    from inference.attack_parameters import AttackParameters
    from inference.attacks import attack

    attacked = _attacked(device)
    pixels, labels = _given(pictures)
    attack(attacked, pixels, labels, AttackParameters(STEP, 1, space="pixel", grid=grid))
    start = time.perf_counter()
    attack(attacked, pixels, labels, AttackParameters(STEP, STEPS, space="pixel", grid=grid))
    np.savez(result, seconds=time.perf_counter() - start)


def on_grid(pictures: Path, result: Path, device: str) -> None:
    """The same on the 8-bit grid."""
    timed(pictures, result, device, grid=True)


def exact(pictures: Path, result: Path, device: str) -> None:
    """All steps on the network as it was loaded, for comparison bit by bit."""
    from inference.attack_parameters import AttackParameters
    from inference.attacks import attack

    attacked = _attacked(device, exact=True)
    parameters = AttackParameters(STEP, STEPS, space="pixel", radius=STEPS * STEP, stop="never")
    found = attack(attacked, *_given(pictures), parameters, keep_float=True)
    assert found.float_pictures is not None
    np.savez(result, pictures=found.float_pictures)


def counted(pictures: Path, result: Path, device: str) -> None:
    """Watch every pass: whose picture it is, and whether that picture had been mistaken before.

    On the 8-bit grid, where every iterate is its own 8-bit picture, so that the pass that meets the stop rule
    is known from its outputs alone.
    """
    import torch

    from inference.attack_parameters import AttackParameters
    from inference.attacks import attack

    attacked = _attacked(device)
    pixels, labels = _given(pictures)
    clean = attacked.classifier.preprocessing.normalise(torch.from_numpy(pixels).to(device)).flatten(1)
    met = [False] * len(pixels)
    seen = {"late": 0, "forwards": 0}

    def watch(_: object, inputs: tuple[torch.Tensor], logits: torch.Tensor) -> None:
        for picture, answer in zip(inputs[0].detach(), logits.detach(), strict=True):
            owner = int((clean - picture.flatten()).abs().mean(dim=1).argmin())
            seen["forwards"] += 1
            seen["late"] += met[owner]
            met[owner] |= int(answer.argmax()) != int(labels[owner])

    hook = attacked.network.register_forward_hook(watch)
    found = attack(attacked, pixels, labels, AttackParameters(STEP, STEPS, space="pixel", grid=True))
    hook.remove()
    if seen["forwards"] != found.forwards.sum():
        raise RuntimeError(f"{seen['forwards']} pictures were seen, {found.forwards.sum()} reported")
    np.savez(result, late=seen["late"], forwards=seen["forwards"], steps=int(found.steps_taken.sum()))


def share(pictures: Path, result: Path, device: str) -> None:
    """Photographs per second with the default parameters, and those of its forward passes alone."""
    import torch

    from inference.attack_parameters import AttackParameters
    from inference.attacks import attack

    attacked = _attacked(device)
    pixels, labels = _given(pictures)
    sizes: list[int] = []
    hook = attacked.network.register_forward_hook(lambda _, inputs, __: sizes.append(len(inputs[0])))
    attack(attacked, pixels, labels, AttackParameters())
    hook.remove()
    start = time.perf_counter()
    attack(attacked, pixels, labels, AttackParameters())
    rate = len(pixels) / (time.perf_counter() - start)
    unit = torch.from_numpy(pixels).to(device).permute(0, 3, 1, 2).float() / 255
    with torch.no_grad():
        attacked.logits(unit[: sizes[0]])
        torch.cuda.synchronize()
        start = time.perf_counter()
        for size in sizes:
            attacked.logits(unit[:size])
        torch.cuda.synchronize()
    np.savez(result, rate=rate, bare=len(pixels) / (time.perf_counter() - start))


SIDES: dict[str, Callable[[Path, Path, str], None]] = {
    "choose": choose,
    "choose-many": choose_many,
    "ours": timed,
    "grid": on_grid,
    "exact": exact,
    "counted": counted,
    "share": share,
}


def _attacked(device: str, *, exact: bool = False) -> AttackedClassifier:
    # Before torch: importing the package tunes the allocator.
    from inference.attack_network import prepare_attack
    from inference.classifiers import ClassifierSpec, load_classifier  # isort: skip
    import torch

    torch.set_num_threads(THREADS)
    return prepare_attack(load_classifier(ClassifierSpec("lite0", "efficientnet_lite0"), device), exact=exact)


def _given(pictures: Path) -> tuple[Pixels, np.ndarray[Any, np.dtype[np.int64]]]:
    with np.load(pictures) as stored:
        return stored["pixels"], stored["labels"]


def _device(name: str) -> str:
    if name != "cuda":
        return this_device()
    import torch

    return str(torch.cuda.get_device_name())


if __name__ == "__main__":
    main()
