"""What surrounds a picture that is smaller than its frame: one colour, or the picture carried on outwards."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import torch


@dataclass(frozen=True, slots=True)
class Background:
    """`colour`: 8-bit RGB all around; None carries the picture on (inpainting).

    Inpainted pixels are weighted means of the picture's: a pixel's weight falls as 1 / (1 + d^2) with its
    distance d along either axis, so that what lies beside the border looks like it and what lies farther
    off fades into the mean. A picture that moves takes its surroundings along.
    """

    colour: tuple[int, int, int] | None


def framed(picture: torch.Tensor, side: int, corner: int, background: Background) -> torch.Tensor:
    """8-bit RGB pictures (n, size, size, 3) in frames (n, side, side, 3), top and left at `corner`."""
    count, size = picture.shape[:2]
    if background.colour is None:
        around = _weights(size, side, corner, picture.device)
        planes = around @ picture.permute(0, 3, 1, 2).to(torch.float32) @ around.T
        frame = planes.add_(0.5).floor_().clamp_(0.0, 255.0).to(torch.uint8).permute(0, 2, 3, 1).contiguous()
    else:
        colour = torch.tensor(background.colour, dtype=torch.uint8, device=picture.device)
        frame = colour.expand(count, side, side, 3).clone()
    frame[:, corner : corner + size, corner : corner + size] = picture
    return frame


@lru_cache(maxsize=256)
def _weights(size: int, side: int, corner: int, device: torch.device) -> torch.Tensor:
    """[side, size]: how much of every line of the picture is in each line of the frame; rows sum to 1."""
    distance = np.arange(side)[:, None] - corner - np.arange(size)[None, :]
    weights = 1.0 / (1.0 + distance.astype(np.float64) ** 2)
    weights /= weights.sum(axis=1, keepdims=True)
    return torch.from_numpy(weights.astype(np.float32)).to(device)
