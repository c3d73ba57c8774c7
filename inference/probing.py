"""How a prediction changes along a series of changed pictures: one machinery for every probe."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray

from inference.crop_cache import CropCache
from inference.crops import Crop
from inference.images import DecodedCrop, DecodeFailure, ImageItem
from inference.overlapped import run_overlapped
from inference.prepared import PreparedClassifier

#: A picture without a known label has this one; its rank and probability are then 0.
NO_LABEL = -1


class PictureSeries(Protocol):
    """Changed versions of pictures, always the same number of them, in the same order."""

    @property
    def settings(self) -> int:
        """S, how many there are, the original not among them."""
        ...

    @property
    def references(self) -> tuple[int, ...]:
        """For each of them the column (0 is the original) whose class its `original_…` columns follow."""
        ...

    def original(self, pixels: torch.Tensor) -> torch.Tensor:
        """What the classifiers see of the pictures that were read: (n, side, side, 3), 8-bit RGB."""
        ...

    def changed(self, pixels: torch.Tensor, keys: Sequence[int | str]) -> Iterator[torch.Tensor]:
        """S times (n, side, side, 3), 8-bit RGB, on the device of the pictures, whose keys are `keys`."""
        ...


@dataclass(frozen=True, slots=True, eq=False)
class Responses:
    """What one classifier says of n pictures: column 0 is the original, columns 1 to S its changes.

    `top1` (n, S + 1) class indices and `top1_probability` theirs. `original_rank`, `original_probability`:
    of the class that the original got, or another column that the series refers to (1 is the top).
    `true_rank`, `true_probability`: of the label; 0 where there is none. Equal logits rank in the order of
    the index.
    """

    top1: NDArray[np.int32]
    top1_probability: NDArray[np.float32]
    original_rank: NDArray[np.int32]
    original_probability: NDArray[np.float32]
    true_rank: NDArray[np.int32]
    true_probability: NDArray[np.float32]


@dataclass(frozen=True, slots=True, eq=False)
class ProbedBatch:
    """The readable pictures of a batch in the order given, what each classifier says, and the rest."""

    keys: tuple[int | str, ...]
    digests: tuple[str, ...]
    responses: tuple[Responses, ...]
    failures: tuple[DecodeFailure, ...]


def probe(
    classifiers: Sequence[PreparedClassifier],
    items: Iterable[ImageItem],
    series: PictureSeries,
    *,
    labels: Sequence[Mapping[int | str, int]] = (),
    crop: Crop | None = None,
    batch_size: int = 8,
    forward_size: int | None = None,
    workers: int | None = None,
    cache: CropCache | None = None,
) -> Iterator[ProbedBatch]:
    """Predict every picture and all its changes with every classifier, `batch_size` files at a time.

    The classifiers must share one crop and one device: pictures are decoded and changed once for all of
    them. `labels`: for each classifier the index of the true class by picture. `crop`: what is read instead
    of the classifiers' own, for a series that starts from more of the picture. `forward_size`: about how
    many pictures go through the network at once; by default one file's on the CPU, 256 elsewhere.
    Raises ValueError where the crops differ or outputs are not finite.
    """
    first = classifiers[0].classifier
    for other in classifiers[1:]:
        if other.classifier.preprocessing.crop != first.preprocessing.crop:
            raise ValueError(
                f"{other.classifier.spec.name} looks at another crop than {first.spec.name}: probe them in "
                "two runs."
            )
    known = tuple(labels) or ({},) * len(classifiers)
    wanted = forward_size or (1 if first.device.type == "cpu" else 256)
    together = max(1, wanted // (series.settings + 1))
    return run_overlapped(
        partial(_probed, tuple(classifiers), series, known, together),
        items,
        crop=crop or first.preprocessing.crop,
        device=first.device,
        batch_size=batch_size,
        workers=workers,
        cache=cache,
    )


def _probed(
    classifiers: tuple[PreparedClassifier, ...],
    series: PictureSeries,
    labels: Sequence[Mapping[int | str, int]],
    together: int,
    loaded: list[DecodedCrop | DecodeFailure],
) -> ProbedBatch:
    crops = [each for each in loaded if isinstance(each, DecodedCrop)]
    parts: list[list[Responses]] = [[] for _ in classifiers]
    for start in range(0, len(crops), together):
        some = crops[start : start + together]
        pixels = torch.from_numpy(np.stack([crop.pixels for crop in some])).to(
            classifiers[0].classifier.device
        )
        keys = [crop.key for crop in some]
        pictures = torch.stack((series.original(pixels), *series.changed(pixels, keys)), dim=1)
        for position, prepared in enumerate(classifiers):
            true = [labels[position].get(key, NO_LABEL) for key in keys]
            parts[position].append(_responses(prepared, pictures, series.references, true, keys))
    return ProbedBatch(
        keys=tuple(crop.key for crop in crops),
        digests=tuple(crop.digest for crop in crops),
        responses=tuple(_joined(part, series.settings) for part in parts),
        failures=tuple(each for each in loaded if isinstance(each, DecodeFailure)),
    )


def _responses(
    prepared: PreparedClassifier,
    pictures: torch.Tensor,
    references: Sequence[int],
    true: list[int],
    keys: list[int | str],
) -> Responses:
    count, versions = pictures.shape[:2]
    logits = prepared.logits(pictures.flatten(0, 1)).view(count, versions, -1)
    if not bool(torch.isfinite(logits).all()):
        raise ValueError(
            f"{prepared.classifier.spec.name} gives outputs that are not finite for changes of picture "
            f"{keys[0]} to {keys[-1]}: check its weights and its preprocessing."
        )
    probabilities = logits.softmax(dim=2)
    # argmax may settle ties either way; the first of the greatest is the lowest index.
    top1 = (logits == logits.amax(dim=2, keepdim=True)).to(torch.uint8).argmax(dim=2)
    original = top1[:, torch.tensor((0, *references), device=top1.device)]
    label = torch.tensor(true, device=logits.device).unsqueeze(1).expand(count, versions)
    with_label = label != NO_LABEL
    there = label.clamp(min=0)
    return Responses(
        top1=_int32(top1),
        top1_probability=_float32(_of(probabilities, top1)),
        original_rank=_int32(_rank(logits, original)),
        original_probability=_float32(_of(probabilities, original)),
        true_rank=_int32(_rank(logits, there) * with_label),
        true_probability=_float32(_of(probabilities, there) * with_label),
    )


def _rank(logits: torch.Tensor, chosen: torch.Tensor) -> torch.Tensor:
    """1 + how many classes stand before the chosen one."""
    own = logits.gather(2, chosen.unsqueeze(2))
    earlier = torch.arange(logits.shape[2], device=logits.device) < chosen.unsqueeze(2)
    return 1 + (logits > own).sum(dim=2) + ((logits == own) & earlier).sum(dim=2)


def _of(values: torch.Tensor, chosen: torch.Tensor) -> torch.Tensor:
    return values.gather(2, chosen.unsqueeze(2)).squeeze(2)


def _joined(parts: list[Responses], settings: int) -> Responses:
    def column(name: str) -> NDArray[np.generic]:
        arrays = [getattr(part, name) for part in parts]
        kind = np.float32 if name.endswith("probability") else np.int32
        return np.concatenate(arrays) if arrays else np.empty((0, settings + 1), dtype=kind)

    return Responses(**{name: column(name) for name in Responses.__slots__})  # type: ignore[arg-type]


def _int32(values: torch.Tensor) -> NDArray[np.int32]:
    return values.to(torch.int32).cpu().numpy()


def _float32(values: torch.Tensor) -> NDArray[np.float32]:
    return values.to(torch.float32).cpu().numpy()
