"""Pictures with some of their superpixels hidden, made a batch at a time on the device."""

from __future__ import annotations

from typing import Literal, Protocol, get_args

import numpy as np
import torch
from numpy.typing import NDArray

from explain.superpixels import check_segments

Hidden = Literal["mean", "black", "grey", "blur"]

#: Middle of 0..255.
GREY = 128

#: Bytes that a CPU masks at a time.
WORD = 8
ALL_ONES = np.uint64(2**64 - 1)

#: Standard deviation of the blur, as a share of the picture's shorter side.
BLUR = 1 / 20


def hidden_picture(
    pixels: NDArray[np.uint8], segments: NDArray[np.int32], hidden: Hidden = "mean"
) -> NDArray[np.uint8]:
    """The picture (h, w, 3) with every superpixel hidden.

    "mean": each superpixel's mean colour, cut to whole numbers as the lime package does. "blur": the picture
    under a Gaussian of a twentieth of its shorter side.
    """
    superpixels = check_segments(segments, pixels)
    if hidden not in get_args(Hidden):
        raise ValueError(f"Hiding by {hidden!r} is none of {', '.join(get_args(Hidden))}.")
    if hidden == "black":
        return np.zeros_like(pixels)
    if hidden == "grey":
        return np.full_like(pixels, GREY)
    if hidden == "blur":
        from scipy.ndimage import gaussian_filter

        sigma = BLUR * min(pixels.shape[:2])
        blurred = gaussian_filter(pixels.astype(np.float64), (sigma, sigma, 0), mode="reflect")
        rounded: NDArray[np.uint8] = blurred.round().clip(0, 255).astype(np.uint8)
        return rounded
    return mean_colours(pixels, segments, superpixels)[segments]


def mean_colours(
    pixels: NDArray[np.uint8], segments: NDArray[np.int32], superpixels: int
) -> NDArray[np.uint8]:
    """Mean colour of each superpixel, uint8 (d, 3), fractions cut off."""
    labels = segments.reshape(-1)
    sizes = np.bincount(labels, minlength=superpixels)
    sums = [np.bincount(labels, pixels[..., channel].reshape(-1), superpixels) for channel in range(3)]
    means: NDArray[np.float64] = np.stack(sums, axis=1) / sizes[:, None]
    return means.astype(np.uint8)


class MaskedPictures(Protocol):
    """Makes pictures from masks: a superpixel is shown where its mask is True, hidden where it is not."""

    def make(self, masks: NDArray[np.bool_]) -> torch.Tensor:
        """Masks (n, d) to pictures, uint8 (n, h, w, 3)."""


def masked_pictures(
    pixels: NDArray[np.uint8],
    segments: NDArray[np.int32],
    hidden: NDArray[np.uint8],
    device: torch.device | str = "cpu",
) -> MaskedPictures:
    """`pixels`, `hidden`: uint8 (h, w, 3). `segments`: labels 0..d-1 (h, w). Pictures come on `device`."""
    if torch.device(device).type == "cpu":
        return MaskedByWords(pixels, segments, hidden)
    return MaskedByLookup(pixels, segments, hidden, device)


class MaskedByLookup:
    """Looks up every pixel's superpixel in its mask: for accelerators."""

    def __init__(
        self,
        pixels: NDArray[np.uint8],
        segments: NDArray[np.int32],
        hidden: NDArray[np.uint8],
        device: torch.device | str,
    ) -> None:
        self._device = torch.device(device)
        self._labels = torch.from_numpy(segments.reshape(-1).astype(np.int64)).to(self._device)
        self._pixels = torch.from_numpy(np.ascontiguousarray(pixels)).to(self._device)
        self._hidden = torch.from_numpy(np.ascontiguousarray(hidden)).to(self._device)

    def make(self, masks: NDArray[np.bool_]) -> torch.Tensor:
        """Masks (n, d) to pictures, uint8 (n, h, w, 3) on the device."""
        height, width, _ = self._pixels.shape
        shown = torch.from_numpy(masks).to(self._device, non_blocking=True)
        everywhere = shown.index_select(1, self._labels).view(-1, height, width, 1)
        return torch.where(everywhere, self._pixels, self._hidden)


class MaskedByWords:
    """Repeats a word of eight bytes along each run of a superpixel; words of two are looked up byte by byte.

    On a CPU this is many times as fast as a look-up for every pixel.
    """

    def __init__(
        self, pixels: NDArray[np.uint8], segments: NDArray[np.int32], hidden: NDArray[np.uint8]
    ) -> None:
        self._shape = pixels.shape
        # Each byte's superpixel, a word a row; the last word may reach beyond the picture.
        of_bytes = np.repeat(segments.reshape(-1).astype(np.intp), pixels.shape[2])
        labels = np.pad(of_bytes, (0, -len(of_bytes) % WORD), mode="edge").reshape(-1, WORD)
        starts = np.flatnonzero(np.diff(labels[:, 0], prepend=-1))
        self._run_labels = labels[starts, 0]
        self._run_words = np.diff(starts, append=len(labels))
        self._mixed = np.flatnonzero((labels != labels[:, :1]).any(axis=1))
        self._mixed_labels = labels[self._mixed]
        self._difference = np.bitwise_xor(pixels, hidden).reshape(-1)
        self._hidden = hidden.reshape(-1)

    def make(self, masks: NDArray[np.bool_]) -> torch.Tensor:
        """Masks (n, d) to pictures, uint8 (n, h, w, 3)."""
        words, single = np.where(masks, ALL_ONES, np.uint64(0)), np.where(masks, np.uint8(255), np.uint8(0))
        made = np.empty((len(masks), self._hidden.size), dtype=np.uint8)
        for word, byte, picture in zip(words, single, made, strict=True):
            shown = np.repeat(word.take(self._run_labels), self._run_words)
            shown[self._mixed] = byte.take(self._mixed_labels).view(np.uint64)[:, 0]
            np.bitwise_and(shown.view(np.uint8)[: picture.size], self._difference, out=picture)
            np.bitwise_xor(picture, self._hidden, out=picture)
        return torch.from_numpy(made.reshape(-1, *self._shape))
