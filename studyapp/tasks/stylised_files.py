"""Files of a stylised copy: made in batches on the device, written whole, checked before they count."""

from __future__ import annotations

import csv
import io
import os
from collections.abc import Iterator, Sequence
from functools import lru_cache, partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from django.db.models import QuerySet

from studyapp.models import StylisedPicture, StyliseRun
from studyapp.services.jobs import JobFailure
from studyapp.services.probes import stylising
from studyapp.services.probes.stylising import WrittenPicture
from studyapp.tasks.classifiers import device
from studyapp.tasks.items import image_item
from studyapp.tasks.pngs import png
from studyapp.tasks.provenance import device_name, library_versions

if TYPE_CHECKING:
    from inference.crops import Crop, Pixels
    from inference.images import DecodedCrop, DecodeFailure, ImageItem
    from inference.perturbations.stylise import Stylist

#: Pictures that go through the networks at once: on the CPU, and beside an accelerator.
ON_CPU, ON_ACCELERATOR = 2, 32
LABELS = "labels.csv"
_THREADS = 4


def write_stylised(run: StyliseRun, pictures: Sequence[int]) -> None:
    """Stylise pictures by primary key, write every file whole, and then record them together.

    Images that cannot be read are recorded with the reason. Raises JobFailure for weights or a style that are
    no longer what they were.
    """
    if not pictures:
        return
    stylist = _stylist(run.encoder, run.decoder, run.encoder_sha256, run.decoder_sha256)
    stylising.describe_run(
        run=run,
        device=device_name(stylist.device),
        versions=library_versions("torch", "pillow", "numpy"),
    )
    rows = list(
        StylisedPicture.objects.filter(pk__in=pictures).select_related("content", "style").order_by("pk")
    )
    together = ON_CPU if stylist.device.type == "cpu" else ON_ACCELERATOR
    written: list[WrittenPicture] = []
    for start in range(0, len(rows), together):
        written += _batch(run, stylist, rows[start : start + together])
    stylising.write_pictures(written=written)


def damaged_pictures(run: StyliseRun, pictures: QuerySet[StylisedPicture]) -> Iterator[int]:
    """Primary keys of pictures whose file is missing, does not decode, or is not what was recorded."""
    from inference.prefetch import prefetch

    check = partial(_is_whole, Path(run.folder))
    facts = pictures.order_by("pk").values_list("pk", "name", "sha256").iterator(1000)
    for pk, whole in prefetch(check, facts, workers=_THREADS, ahead=4 * _THREADS):
        if not whole:
            yield pk


def write_labels(run: StyliseRun) -> None:
    """`labels.csv` beside the pictures: their labels, as `import_dataset --labels` reads them, and origin."""
    text = io.StringIO()
    rows = csv.writer(text, lineterminator="\n")
    rows.writerow(("path", "wnid", "class_index", "class_name", "split", "source", "style", "sha256"))
    written = run.pictures.exclude(sha256="").select_related("content__category", "style").order_by("pk")
    for picture in written.iterator(1000):
        category = picture.content.category
        rows.writerow(
            (
                *(picture.name, category.wnid, category.index, category.name, picture.content.split),
                *(picture.content.name, picture.style.name, picture.sha256),
            )
        )
    _put(Path(run.folder) / LABELS, text.getvalue().encode())


def clear_parts(run: StyliseRun) -> None:
    """Remove what killed processes had half written."""
    for part in Path(run.folder).rglob("*.part"):
        part.unlink(missing_ok=True)


def _batch(run: StyliseRun, stylist: Stylist, rows: Sequence[StylisedPicture]) -> list[WrittenPicture]:
    import torch

    from inference.images import DecodedCrop

    content_crop, style_crop = _crops(run)
    contents = _read([(image_item(run.content, row.content), content_crop) for row in rows])
    styles = _read([(_style_item(run, row), style_crop) for row in rows])
    done: list[WrittenPicture] = []
    kept: list[tuple[StylisedPicture, Pixels, Pixels]] = []
    for row, content, style in zip(rows, contents, styles, strict=True):
        if not isinstance(style, DecodedCrop):
            # Another style instead would be another draw.
            raise JobFailure(
                f"The style {row.style.name} can no longer be read: {style.message}",
                f"Put it back into {run.styles_folder}, then retry.",
            )
        if isinstance(content, DecodedCrop):
            kept.append((row, content.pixels, style.pixels))
        else:
            done.append(WrittenPicture(row.pk, problem=f"{row.content.name}: {content.message}"))
    if kept:
        stated = run.parameters
        pixels = stylist.stylised(
            torch.from_numpy(np.stack([content for _, content, _ in kept])),
            torch.from_numpy(np.stack([style for _, _, style in kept])),
            alpha=float(stated["alpha"]),
            size=int(stated["size"]),
        )
        for (row, _, _), picture in zip(kept, pixels.cpu().numpy(), strict=True):
            done.append(WrittenPicture(row.pk, sha256=_put(Path(run.folder) / row.name, png(picture))))
    return done


def _read(items: Sequence[tuple[ImageItem, Crop]]) -> list[DecodedCrop | DecodeFailure]:
    from inference.images import load_crop
    from inference.prefetch import prefetch

    return list(prefetch(lambda item: load_crop(*item), items, workers=_THREADS, ahead=len(items)))


def _crops(run: StyliseRun) -> tuple[Crop, Crop]:
    """What is seen of an image and of a style.

    For 224 the middle of the image resized to 256, as Stylised ImageNet; for 64, whose originals have 64
    pixels of their own, the whole middle square. Of a style the whole middle square.
    """
    from inference.crops import Crop

    side = int(run.parameters["stylise_at"])
    margin = 256 / 224 if int(run.parameters["size"]) == 224 else 1.0
    return Crop(side, resize=round(side * margin)), Crop(side, resize=side, interpolation="lanczos")


def _style_item(run: StyliseRun, row: StylisedPicture) -> ImageItem:
    from inference.images import ImageItem

    path = Path(run.styles_folder) / row.style.name
    return ImageItem(row.style.name, partial(_read_unchanged, path, row.style.sha256), row.style.sha256)


def _read_unchanged(path: Path, sha256: str) -> bytes:
    from inference.images import UnreadableImageError, content_digest, read_source

    content = read_source(path)
    if content_digest(content) != sha256:
        raise UnreadableImageError("unsupported", "The file has changed since the styles were drawn.")
    return content


def _put(path: Path, content: bytes) -> str:
    """Write a file so that it is there whole or not at all; the digest of its bytes."""
    from inference.images import content_digest

    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f"{path.name}.{os.getpid()}.part")
    part.write_bytes(content)
    os.replace(part, path)
    return content_digest(content)


def _is_whole(folder: Path, picture: tuple[int, str, str]) -> tuple[int, bool]:
    from inference.images import UnreadableImageError, inspect_image, read_source

    pk, name, sha256 = picture
    try:
        return pk, inspect_image(read_source(folder / name)).digest == sha256
    except UnreadableImageError:
        return pk, False


@lru_cache(maxsize=1)
def _stylist(encoder: str, decoder: str, encoder_sha256: str, decoder_sha256: str) -> Stylist:
    from inference.perturbations.stylise import load_stylist

    stylist = load_stylist(Path(encoder), Path(decoder), device())
    for path, found, wanted in (
        (encoder, stylist.encoder_digest, encoder_sha256),
        (decoder, stylist.decoder_digest, decoder_sha256),
    ):
        if found != wanted:
            raise JobFailure(
                f"{path} holds other weights than when the copy was begun.", "Put them back, then retry."
            )
    return stylist
