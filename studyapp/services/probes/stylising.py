"""Writes of stylised copies: the run with its draws, what was written, and the dataset it becomes."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import numpy as np
from django.db import transaction
from django.utils import timezone

from studyapp.models import Dataset, Image, SkippedFile, Style, StylisedPicture, StyliseRun
from studyapp.services.refusals import Refused

BATCH = 2000


@dataclass(frozen=True, slots=True)
class StyleFile:
    """A picture whose style can be drawn: its name in the folder of styles and the digest of its bytes."""

    name: str
    sha256: str


@dataclass(frozen=True, slots=True)
class StyliseRequest:
    """What the researcher asks for.

    `size`: side of the written pictures, 224 or 64; `stylise_at`: the side at which they are stylised;
    `alpha` from 0 (the content) to 1 (all style); `styles_per_image` pictures of each image, each in another
    style, drawn from `seed`.
    """

    name: str
    folder: Path
    styles: Path
    encoder: Path
    decoder: Path
    size: int = 224
    stylise_at: int = 224
    alpha: float = 1.0
    styles_per_image: int = 1
    seed: int = 0

    @property
    def parameters(self) -> dict[str, object]:
        """What a paper would report."""
        return {
            "size": self.size,
            "stylise_at": self.stylise_at,
            "alpha": self.alpha,
            "styles_per_image": self.styles_per_image,
            "seed": self.seed,
        }


@dataclass(frozen=True, slots=True)
class WrittenPicture:
    """What came of one picture: the digest of its file, or why there is none."""

    pk: int
    sha256: str = ""
    problem: str = ""


def run_digest(request: StyliseRequest, content: Dataset, weights: tuple[str, str]) -> str:
    """SHA-256 of what tells two runs apart; `weights`: digests of encoder and decoder."""
    told_apart = [content.name, request.name, str(request.styles), request.parameters, list(weights)]
    return hashlib.sha256(json.dumps(told_apart, sort_keys=True).encode()).hexdigest()


def begun_run(*, request: StyliseRequest, content: Dataset, weights: tuple[str, str]) -> StyliseRun | None:
    """The run that writes to this folder, to be gone on with; None where none does.

    Raises Refused where another run writes there, or the dataset's name is taken.
    """
    run = StyliseRun.objects.filter(folder=str(request.folder)).first()
    if run is not None:
        _refuse_another(run, request, content, weights)
        return run
    if (
        Dataset.objects.filter(name=request.name).exists()
        or StyliseRun.objects.filter(name=request.name).exists()
    ):
        raise Refused(f"A dataset {request.name} is there or under way; give another name with --name.")
    return None


@transaction.atomic
def open_run(
    *,
    request: StyliseRequest,
    content: Dataset,
    weights: tuple[str, str],
    styles: Sequence[StyleFile],
    unreadable: int,
) -> StyliseRun:
    """A new run with its styles, and for every image the styles drawn for it, without replacement.

    Where another process has begun the same run meanwhile, it is that one; raises Refused as `begun_run`.
    """
    run, new = StyliseRun.objects.get_or_create(
        folder=str(request.folder),
        defaults={
            "name": request.name,
            "content": content,
            "styles_folder": str(request.styles),
            "parameters": request.parameters,
            "digest": run_digest(request, content, weights),
            "encoder": str(request.encoder),
            "decoder": str(request.decoder),
            "encoder_sha256": weights[0],
            "decoder_sha256": weights[1],
            "unreadable_styles": unreadable,
        },
    )
    if not new:
        _refuse_another(run, request, content, weights)
        return run
    rows = Style.objects.bulk_create(
        (Style(run=run, name=style.name, sha256=style.sha256) for style in styles), batch_size=BATCH
    )
    generator = np.random.default_rng(request.seed)
    count = request.styles_per_image
    pictures = []
    taken: set[str] = set()
    # Sorted here: databases order names each in its own way, and the draw is to be the same on all.
    images = sorted(content.images.values_list("pk", "name"), key=lambda image: image[1])
    for pk, name in images:
        for number, place in enumerate(generator.choice(len(rows), count, replace=False)):
            written = _file_name(name, number if count > 1 else None, pk, taken)
            taken.add(written)
            pictures.append(
                StylisedPicture(run=run, content_id=pk, number=number, style=rows[int(place)], name=written)
            )
    StylisedPicture.objects.bulk_create(pictures, batch_size=BATCH)
    return run


def write_pictures(*, written: Iterable[WrittenPicture]) -> None:
    """Record what came of pictures; recording it again changes nothing."""
    StylisedPicture.objects.bulk_update(
        [StylisedPicture(pk=each.pk, sha256=each.sha256, problem=each.problem[:500]) for each in written],
        ["sha256", "problem"],
        batch_size=500,
    )


def describe_run(*, run: StyliseRun, device: str, versions: Mapping[str, str]) -> None:
    """Record what computes a run."""
    StyliseRun.objects.filter(pk=run.pk).update(device=device[:100], versions=dict(versions))


@transaction.atomic
def register_stylised(*, run: StyliseRun) -> Dataset:
    """The complete copy as a dataset, every image with its source; once, however often it is asked for.

    Images whose source could not be read, and a second picture with the same pixels, are listed as skipped.
    """
    run = StyliseRun.objects.select_for_update().select_related("content").get(pk=run.pk)
    if run.stylised is not None:
        return run.stylised
    content = run.content
    dataset = Dataset.objects.create(
        name=run.name,
        layout=Dataset.Layout.CSV,
        root=run.folder,
        enlarge=content.enlarge,
        class_list=content.class_list,
        licence=content.licence,
    )
    side = int(run.parameters["size"])
    images: dict[str, Image] = {}
    skipped = []
    for picture in run.pictures.select_related("content", "style").order_by("pk").iterator(BATCH):
        if picture.problem:
            skipped.append(SkippedFile(dataset=dataset, name=picture.name, reason=picture.problem))
        elif picture.sha256 in images:
            reason = f"has the same content as {images[picture.sha256].name}"
            skipped.append(SkippedFile(dataset=dataset, name=picture.name, reason=reason))
        else:
            images[picture.sha256] = Image(
                dataset=dataset,
                name=picture.name,
                category_id=picture.content.category_id,
                split=picture.content.split,
                width=side,
                height=side,
                sha256=picture.sha256,
                remark=f"in the style of {picture.style.name}"[:200],
                source=picture.content,
            )
    Image.objects.bulk_create(images.values(), batch_size=1000)
    SkippedFile.objects.bulk_create(skipped, batch_size=1000)
    StyliseRun.objects.filter(pk=run.pk).update(stylised=dataset, finished_at=timezone.now())
    return dataset


def _refuse_another(
    run: StyliseRun, request: StyliseRequest, content: Dataset, weights: tuple[str, str]
) -> None:
    if run.digest != run_digest(request, content, weights):
        raise Refused(
            f"{request.folder} holds the stylised copy {run.name} of {run.content.name}, made of other "
            f"styles, weights or options ({_in_words(run.parameters)}); give another OUT, or the same "
            "options."
        )


def _file_name(name: str, number: int | None, pk: int, taken: set[str]) -> str:
    """The content's name as a PNG, with the style's number where there are several; never outside OUT."""
    path = PurePosixPath(name)
    if path.is_absolute() or ".." in path.parts:
        path = PurePosixPath(f"{pk}{path.suffix}")
    ending = "" if number is None else f"-{number + 1}"
    wanted = str(path.with_name(f"{path.stem}{ending}.png"))
    # Two contents may differ in their suffix alone.
    return wanted if wanted not in taken else str(path.with_name(f"{path.name}{ending}.png"))


def _in_words(parameters: Mapping[str, object]) -> str:
    return ", ".join(f"{name.replace('_', ' ')} {value}" for name, value in parameters.items())
