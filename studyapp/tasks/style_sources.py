"""What a stylised copy is made from, checked before anything is written: weights, styles, the folder."""

from __future__ import annotations

import os
from functools import partial
from pathlib import Path

from django.conf import settings
from tqdm import tqdm

from studyapp.models import Dataset, StyliseRun
from studyapp.services.catalogue.listings import PICTURE_SUFFIXES
from studyapp.services.probes.stylising import StyleFile, StyliseRequest
from studyapp.services.refusals import Refused
from studyapp.tasks.stylised_files import LABELS

SIDES = (224, 64)
_THREADS = 4
_PUBLISHED = "release v0.0.0 of the pytorch-AdaIN project (github.com/naoto0804/pytorch-AdaIN)"


def default_weights(which: str) -> Path:
    """Where `encoder` or `decoder` is looked for: a .pth or .safetensors below the data folder."""
    stem = {"encoder": "vgg_normalised", "decoder": "decoder"}[which]
    folder = Path(settings.VAR) / "weights" / "adain"
    safe = folder / f"{stem}.safetensors"
    return safe if safe.is_file() else folder / f"{stem}.pth"


def refuse_unfit(content: Dataset, request: StyliseRequest) -> None:
    """Raise Refused where nothing could be made, or the folder is not a place to write to."""
    if not content.root and not content.copied:
        raise Refused(f"Dataset {content.name} lists names without pixels: there is nothing to stylise.")
    if not content.images.exists():
        raise Refused(f"Dataset {content.name} has no images; import_dataset {content.name} first.")
    if request.size not in SIDES or request.stylise_at not in SIDES:
        raise Refused(
            f"Pictures of {request.size} stylised at {request.stylise_at}: give 224 or 64 for either."
        )
    if request.size > request.stylise_at:
        raise Refused("Pictures of 224 cannot come from 64: give --stylise-at 224.")
    if not 0 <= request.alpha <= 1:
        raise Refused(f"--alpha {request.alpha:g}: give a number from 0 (the content) to 1 (all style).")
    if not 1 <= request.styles_per_image <= 1000:
        raise Refused(f"--styles-per-image {request.styles_per_image}: give 1 to 1,000.")
    if request.seed < 0:
        raise Refused(f"--seed {request.seed}: give a whole number from 0 on.")
    _refuse_folder(content, request)


def weights_digests(request: StyliseRequest) -> tuple[str, str]:
    """SHA-256 of both weights files; raises Refused, saying what they are and where to put them.

    Both are loaded once, so that a file that does not fit is told before anything is written.
    """
    from inference.perturbations.stylise import DECODER, ENCODER, expected_shapes, load_stylist

    missing = [
        f"{what} {path} (weights of {shapes})"
        for what, path, shapes in (
            (
                "the encoder, VGG-19 up to relu4_1, published as vgg_normalised.pth:",
                request.encoder,
                expected_shapes(ENCODER),
            ),
            ("the decoder, published as decoder.pth:", request.decoder, expected_shapes(DECODER)),
        )
        if not path.is_file()
    ]
    if missing:
        raise Refused(
            f"Stylising needs weights that are not part of this project. Missing: {'; '.join(missing)}. Both "
            f"are in {_PUBLISHED}, as state dictionaries; put them there, or name yours with --encoder and "
            "--decoder (.pth or .safetensors)."
        )
    try:
        stylist = load_stylist(request.encoder, request.decoder, "cpu")
    except ValueError as problem:
        raise Refused(str(problem)) from problem
    return stylist.encoder_digest, stylist.decoder_digest


def read_styles(folder: Path, *, progress: bool) -> tuple[list[StyleFile], int]:
    """Every picture below a folder that decodes, in order of name, and how many do not."""
    from inference.prefetch import prefetch

    names = sorted(
        path.relative_to(folder).as_posix()
        for path in folder.rglob("*")
        if path.is_file() and path.suffix.lower() in PICTURE_SUFFIXES and not path.name.startswith(".")
    )
    if not names:
        raise Refused(f"{folder} holds no picture whose style could be taken; give a folder of paintings.")
    checked = prefetch(partial(_style, folder), names, workers=_THREADS, ahead=4 * _THREADS)
    bar = tqdm(checked, total=len(names), unit=" styles", desc="Styles", disable=not progress)
    found = [style for style in bar if style is not None]
    return found, len(names) - len(found)


def check_enough(request: StyliseRequest, readable: int, unreadable: int) -> None:
    """Raise Refused where there are fewer styles than each image takes."""
    if readable == 0:
        raise Refused(f"None of the {unreadable:,} pictures in {request.styles} can be read.")
    if readable < request.styles_per_image:
        raise Refused(
            f"{request.styles} holds {readable:,} readable pictures ({unreadable:,} unreadable) and each "
            f"image takes {request.styles_per_image:,} styles; add pictures, or lower --styles-per-image."
        )


def _style(folder: Path, name: str) -> StyleFile | None:
    from inference.images import UnreadableImageError, inspect_image, read_source

    try:
        return StyleFile(name, inspect_image(read_source(folder / name)).digest)
    except UnreadableImageError:
        return None


def _refuse_folder(content: Dataset, request: StyliseRequest) -> None:
    if not request.styles.is_dir():
        raise Refused(f"{request.styles} is no folder; give the folder of the styles.")
    for what, other in ((f"the dataset {content.name}", content.root), ("the styles", str(request.styles))):
        if other and _overlap(request.folder, Path(other).resolve()):
            raise Refused(
                f"OUT {request.folder} and the folder of {what}, {other}, lie in one another: their files "
                "would mix. Give a folder of its own."
            )
    if request.folder.exists() and not request.folder.is_dir():
        raise Refused(f"OUT {request.folder} is a file; give a folder.")
    begun = StyliseRun.objects.filter(folder=str(request.folder)).first()
    expected = {LABELS, *begun.pictures.values_list("name", flat=True)} if begun else set()
    for file in _files(request.folder):
        # What a killed process had half written.
        if file not in expected and not (begun and file.endswith(".part")):
            raise Refused(
                f"OUT {request.folder} holds a file that this copy did not write, {file}; give an empty or a "
                "new folder."
            )


def _files(folder: Path) -> list[str]:
    return [
        (Path(where) / name).relative_to(folder).as_posix()
        for where, _, names in os.walk(folder)
        for name in names
    ]


def _overlap(one: Path, other: Path) -> bool:
    return one.is_relative_to(other) or other.is_relative_to(one)
