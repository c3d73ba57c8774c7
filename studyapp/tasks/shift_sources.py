"""The pictures of a shift set: from files, from datasets, or of one colour; and again from storage."""

from __future__ import annotations

import io
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image as Picture
from PIL import ImageColor, ImageOps

from studyapp.models import Dataset, Image, ShiftRun
from studyapp.services.catalogue.image_files import read_image_file
from studyapp.services.jobs import JobFailure
from studyapp.services.probes.shift_runs import ShiftFacts
from studyapp.services.refusals import Refused
from studyapp.services.stored_files import read_file

if TYPE_CHECKING:
    import torch

    from inference.perturbations.shift import ShiftSet

SIDE = 224
#: What a browser can hold at once, pictures and maps together.
MOST_PLACES = 65_536
LONGEST_SIDE = 1_024


@dataclass(frozen=True, slots=True)
class ShiftSource:
    """What is shifted: `patch` over `background`, or a window over `image`.

    Each is a file or DATASET:NAME; a background may also be a colour, such as black or #808080. `side`: of
    the background and of the window. `size`: the side that `image` is cut to. `patch_size`: of the patch's
    longer side. In pixels.
    """

    patch: str = ""
    background: str = ""
    image: str = ""
    side: int = SIDE
    size: int | None = None
    patch_size: int | None = None
    stride: int = 1


def shift_set(source: ShiftSource) -> tuple[ShiftSet, ShiftFacts]:
    """The set of places, and what a run records of it. Raises Refused for pictures that do not fit."""
    _refuse_unclear(source)
    try:
        made = _patch_set(source) if source.patch else _window_set(source)
    except ValueError as problem:
        raise Refused(str(problem)) from problem
    shift, facts = made
    _refuse_places(shift, source)
    return shift, facts


def stored_set(run: ShiftRun) -> ShiftSet:
    """The set of a run from its stored pictures. Raises JobFailure where they are gone."""
    return _stored(run.picture_file, run.patch_file, run.width, run.stride)


@lru_cache(maxsize=2)
def _stored(picture: str, patch: str, width: int, stride: int) -> ShiftSet:
    from inference.perturbations.shift import CropShift, PatchShift

    if patch:
        return PatchShift(_stored_pixels(picture), _stored_pixels(patch), stride)
    return CropShift(_stored_pixels(picture), width, stride)


def _stored_pixels(name: str) -> torch.Tensor:
    import torch

    content = read_file(name)
    if content is None:
        raise JobFailure(f"The picture {name} is gone from storage.", "Start the probe again.")
    with Picture.open(io.BytesIO(content)) as picture:
        return torch.from_numpy(np.array(picture))


def _patch_set(source: ShiftSource) -> tuple[ShiftSet, ShiftFacts]:
    from inference.perturbations.shift import PatchShift, plain_background, read_background, read_patch

    patch = read_patch(_opened(source.patch, "--patch"), source.patch_size)
    colour = _colour(source.background)
    if colour is None:
        background = read_background(_opened(source.background, "--background"), source.side)
    else:
        background = plain_background(source.side, colour)
    shift = PatchShift(background, patch, source.stride)
    return shift, ShiftFacts(
        way=ShiftRun.Way.PATCH,
        title=f"{_short(source.patch)} over {_short(source.background)}",
        picture=_png(background),
        patch=_png(patch),
        rows=shift.places.rows,
        columns=shift.places.columns,
        stride=source.stride,
        width=background.shape[1],
        height=background.shape[0],
        parameters={
            "patch": _short(source.patch),
            "background": _short(source.background),
            "patch_size": [patch.shape[1], patch.shape[0]],
        },
    )


def _window_set(source: ShiftSource) -> tuple[ShiftSet, ShiftFacts]:
    from inference.perturbations.shift import CropShift, read_background

    picture = read_background(_opened(source.image, "--image"), source.size)
    if max(picture.shape) > LONGEST_SIDE:
        raise Refused(
            f"{_short(source.image)} has {picture.shape[1]} x {picture.shape[0]} pixels, more than "
            f"{LONGEST_SIDE}: give --size, such as 356, to cut its middle down to that."
        )
    shift = CropShift(picture, source.side, source.stride)
    return shift, ShiftFacts(
        way=ShiftRun.Way.CROP,
        title=f"Windows of {_short(source.image)}",
        picture=_png(picture),
        patch=b"",
        rows=shift.places.rows,
        columns=shift.places.columns,
        stride=source.stride,
        width=source.side,
        height=source.side,
        parameters={"image": _short(source.image), "size": [picture.shape[1], picture.shape[0]]},
    )


def _refuse_unclear(source: ShiftSource) -> None:
    if bool(source.patch) == bool(source.image):
        raise Refused("Give --patch with --background, or --image: one of the two is shifted.")
    if source.patch and not source.background:
        raise Refused("A patch needs a --background: a picture, or a colour such as black or #808080.")
    if source.image and (source.background or source.patch_size):
        raise Refused("--background and --patch-size belong to a --patch; leave them out with --image.")
    if source.patch and source.size:
        raise Refused("--size belongs to --image; the side of a background is --side.")
    for name, value in (("side", source.side), ("size", source.size), ("patch-size", source.patch_size)):
        if value is not None and not 1 <= value <= LONGEST_SIDE:
            raise Refused(f"--{name} {value} is out of range: give 1 to {LONGEST_SIDE} pixels.")
    if source.stride < 1:
        raise Refused(f"--stride {source.stride} is out of range: give at least 1 pixel.")


def _refuse_places(shift: ShiftSet, source: ShiftSource) -> None:
    places = shift.places
    if len(places) == 1:
        raise Refused(
            f"At a stride of {source.stride} there is only one place: give a smaller --stride, a smaller "
            "patch or window, or a larger picture."
        )
    if len(places) > MOST_PLACES:
        raise Refused(
            f"{places.rows:,} x {places.columns:,} places are more than {MOST_PLACES:,}: give a larger "
            "--stride, or a smaller --size."
        )


def _opened(text: str, option: str) -> Picture.Image:
    """The picture that a file or DATASET:NAME holds, upright."""
    content = _content(text, option)
    try:
        with Picture.open(io.BytesIO(content)) as picture:
            picture.load()
            return ImageOps.exif_transpose(picture)
    except (OSError, ValueError, SyntaxError, Picture.DecompressionBombError) as problem:
        raise Refused(f"{option} {text} is no picture that can be read: {problem}") from problem


def _content(text: str, option: str) -> bytes:
    path = Path(text)
    if path.is_file():
        return path.read_bytes()
    holder, colon, name = text.partition(":")
    dataset = Dataset.objects.filter(name=holder).first() if colon else None
    if dataset is None:
        colour = ", nor a colour such as black or #808080" if option == "--background" else ""
        raise Refused(f"{option} {text} is neither a file nor DATASET:NAME of a dataset's image{colour}.")
    image = Image.objects.filter(dataset=dataset, name=name).select_related("dataset").first()
    if image is None:
        some = ", ".join(dataset.images.order_by("name").values_list("name", flat=True)[:3])
        raise Refused(f"Dataset {holder} has no image {name} (it has {some or 'none'} …).")
    try:
        return read_image_file(image=image)
    except OSError as problem:
        raise Refused(f"{text} can not be read ({problem.strerror}): put the file back.") from problem


def _colour(text: str) -> tuple[int, int, int] | None:
    if Path(text).is_file():
        return None
    try:
        red, green, blue, *_ = ImageColor.getrgb(text)
    except ValueError:
        return None
    return red, green, blue


def _short(text: str) -> str:
    """A picture's name without the folders of this machine."""
    return Path(text).name if Path(text).is_file() else text


def _png(pixels: torch.Tensor) -> bytes:
    buffer = io.BytesIO()
    Picture.fromarray(pixels.numpy()).save(buffer, "PNG")
    return buffer.getvalue()
