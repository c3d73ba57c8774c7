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
#: Pictures in one forward pass by default. A CPU is as fast with those of one file, unless they are many.
MOST_ON_CPU = 64
MOST_ELSEWHERE = 256


class PictureSeries(Protocol):
    """Changed versions of pictures, always the same number of them, in the same order."""

    @property
    def settings(self) -> int:
        """S, how many there are, the original not among them."""
        ...

    @property
    def references(self) -> tuple[int, ...]:
        """For each of them the column (0 is the original) whose class its `original_…` columns follow.

        Never a later one: pictures are answered in the order of the columns.
        """
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
    of the classifiers' own, for a series that starts from more of the picture. `forward_size`: at most how
    many pictures go through the network at once, whatever files they are of; by default MOST_ELSEWHERE, and
    on the CPU one file's up to MOST_ON_CPU. No more than twice as many are in memory for each thread,
    however many settings the series has. Raises ValueError where the crops differ, a setting refers to a
    later one, or outputs are not finite.
    """
    first = classifiers[0].classifier
    for other in classifiers[1:]:
        if other.classifier.preprocessing.crop != first.preprocessing.crop:
            raise ValueError(
                f"{other.classifier.spec.name} looks at another crop than {first.spec.name}: probe them in "
                "two runs."
            )
    for column, reference in enumerate(series.references, start=1):
        if reference > column:
            raise ValueError(f"Setting {column} refers to {reference}, a later one: put that before it.")
    on_cpu = first.device.type == "cpu"
    most = min(series.settings + 1, MOST_ON_CPU) if on_cpu else MOST_ELSEWHERE
    most = most if forward_size is None else forward_size
    if most < 1:
        raise ValueError(f"Forward size {most}: give at least 1.")
    known = tuple(labels) or ({},) * len(classifiers)
    return run_overlapped(
        # One file at a time stays in a CPU's caches; an accelerator wants many.
        partial(_probed, tuple(classifiers), series, known, most, 1 if on_cpu else most),
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
    most: int,
    together: int,
    loaded: list[DecodedCrop | DecodeFailure],
) -> ProbedBatch:
    crops = [each for each in loaded if isinstance(each, DecodedCrop)]
    answers = [
        _Answers(prepared, series, [crop.key for crop in crops], label)
        for prepared, label in zip(classifiers, labels, strict=True)
    ]
    pictures = _pictures(series, crops, together, classifiers[0].classifier.device)
    # Slices of one size: a small one at the end takes nearly as long as a whole one.
    total = len(crops) * (series.settings + 1)
    slices = max(1, -(-total // most))
    for cells, some in _in_slices(pictures, max(1, -(-total // slices))):
        for each in answers:
            each.add(cells, some)
    return ProbedBatch(
        keys=tuple(crop.key for crop in crops),
        digests=tuple(crop.digest for crop in crops),
        responses=tuple(each.responses() for each in answers),
        failures=tuple(each for each in loaded if isinstance(each, DecodeFailure)),
    )


def _pictures(
    series: PictureSeries, crops: Sequence[DecodedCrop], together: int, device: torch.device
) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
    """Every version of every file as it is made, a column of `together` files at a time, with its cells.

    A picture's cell is its place in the table of responses: file by file, column by column.
    """
    columns = series.settings + 1
    for start in range(0, len(crops), together):
        some = crops[start : start + together]
        pixels = torch.from_numpy(np.stack([crop.pixels for crop in some])).to(device)
        first = torch.arange(start, start + len(some)) * columns
        yield first, series.original(pixels)
        for column, changed in enumerate(series.changed(pixels, [crop.key for crop in some]), start=1):
            yield first + column, changed


def _in_slices(
    parts: Iterable[tuple[torch.Tensor, torch.Tensor]], size: int
) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
    """The parts joined and cut to `size` pictures each; the last slice may have fewer."""
    cells: list[torch.Tensor] = []
    pictures: list[torch.Tensor] = []
    held = 0
    for of_part, part in parts:
        for taken in _cuts(len(part), size, held):
            cells.append(of_part[taken])
            pictures.append(part[taken])
            held = (held + taken.stop - taken.start) % size
            if not held:
                yield torch.cat(cells), torch.cat(pictures)
                cells, pictures = [], []
    if held:
        yield torch.cat(cells), torch.cat(pictures)


def _cuts(length: int, size: int, held: int) -> Iterator[slice]:
    """A part of `length` cut where slices of `size` end, the first of which `held` already."""
    start = 0
    while start < length:
        stop = min(length, start + size - held)
        yield slice(start, stop)
        start, held = stop, 0


class _Answers:
    """What one classifier says of a batch, a slice of pictures after the other."""

    def __init__(
        self,
        prepared: PreparedClassifier,
        series: PictureSeries,
        keys: list[int | str],
        label: Mapping[int | str, int],
    ) -> None:
        device = prepared.classifier.device
        self.prepared = prepared
        self.keys = keys
        self.columns = series.settings + 1
        self.references = torch.tensor((0, *series.references), device=device)
        self.true = torch.tensor([label.get(key, NO_LABEL) for key in keys], device=device)
        self.finite = torch.ones((), dtype=torch.bool, device=device)
        self.table = {
            name: torch.zeros(
                len(keys) * self.columns,
                dtype=torch.float32 if name.endswith("probability") else torch.int32,
                device=device,
            )
            for name in Responses.__slots__
        }

    def add(self, cells: torch.Tensor, pictures: torch.Tensor) -> None:
        """Take a slice's pictures to the network; what they refer to has been answered, or is among them."""
        logits = self.prepared.logits(pictures)
        self.finite &= torch.isfinite(logits).all()
        cells = cells.to(logits.device)
        files, columns = cells // self.columns, cells % self.columns
        # argmax may settle ties either way; the first of the greatest is the lowest index.
        top1 = (logits == logits.amax(dim=1, keepdim=True)).to(torch.uint8).argmax(dim=1)
        said = self.table["top1"]
        said[cells] = top1.to(torch.int32)
        original = said[files * self.columns + self.references[columns]].to(torch.int64)
        label = self.true[files]
        with_label = label != NO_LABEL
        there = label.clamp(min=0)
        probabilities = logits.softmax(dim=1)
        for name, values in (
            ("top1_probability", _of(probabilities, top1)),
            ("original_rank", _rank(logits, original)),
            ("original_probability", _of(probabilities, original)),
            ("true_rank", _rank(logits, there) * with_label),
            ("true_probability", _of(probabilities, there) * with_label),
        ):
            self.table[name][cells] = values.to(self.table[name].dtype)

    def responses(self) -> Responses:
        """The table, once every picture has been answered."""
        if not bool(self.finite):
            raise ValueError(
                f"{self.prepared.classifier.spec.name} gives outputs that are not finite for changes of "
                f"picture {self.keys[0]} to {self.keys[-1]}: check its weights and its preprocessing."
            )
        shape = (len(self.keys), self.columns)
        return Responses(**{name: values.view(shape).cpu().numpy() for name, values in self.table.items()})


def _rank(logits: torch.Tensor, chosen: torch.Tensor) -> torch.Tensor:
    """1 + how many classes stand before the chosen one."""
    own = logits.gather(1, chosen.unsqueeze(1))
    earlier = torch.arange(logits.shape[1], device=logits.device) < chosen.unsqueeze(1)
    return 1 + (logits > own).sum(dim=1) + ((logits == own) & earlier).sum(dim=1)


def _of(values: torch.Tensor, chosen: torch.Tensor) -> torch.Tensor:
    return values.gather(1, chosen.unsqueeze(1)).squeeze(1)
