"""Boards of galleries: what stands on them, where long ones are kept, and how they are asked for."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from django.contrib.auth.models import User

from studyapp.exports.gallery_panels import Panel, panels
from studyapp.models import Job, Mode, Study
from studyapp.services.gallery.filters import GalleryFilter
from studyapp.services.gallery.images import GalleryImage, Label, gallery_images
from studyapp.services.gallery.listing import ordered_keys
from studyapp.services.gallery.scopes import Scope
from studyapp.services.jobs import ChunkPlan, start_job
from studyapp.services.refusals import Refused

BoardFormat = Literal["png", "pdf"]

KIND = "gallery_board"
# More rows than this are drawn by a job: a page must not wait for them.
AT_ONCE = 50
# A board beyond this is no longer read by anybody, and its file would not fit in memory.
MOST = 2000


@dataclass(frozen=True, slots=True)
class BoardRow:
    """The pictures of one image and two captions of parts between dots."""

    panels: tuple[Panel, ...]
    first: str
    second: str


@dataclass(frozen=True, slots=True)
class BoardWords:
    """What stands above every page: what the board is of, and where its pictures come from."""

    title: str
    source: str


def study_title(study: Study, mode: str) -> str:
    """A study as a board names it; votes that are no real ones are said first, where nothing cuts it off."""
    marked = "" if mode == Mode.REAL else f"{mode.upper()} ANSWERS · "
    return f"{marked}{study.title} ({study.name})"


@dataclass(frozen=True, slots=True)
class BoardRequest:
    """A board of a gallery: the images that pass the filter, or those of the keys, in the filter's order."""

    scope: Scope
    wanted: GalleryFilter
    images: tuple[str, ...]
    file_format: BoardFormat

    def keys(self) -> list[int]:
        """Primary keys of its images. Raises Refused for none and for more than 2,000."""
        found = ordered_keys(self.scope, self.wanted, images=self.images)
        if not found:
            raise Refused("No image passes this filter, so the board would be empty; widen the filter.")
        if len(found) > MOST:
            raise Refused(
                f"{len(found):,} images pass this filter and a board holds at most {MOST:,}: narrow the "
                "filter, or tick the images you want."
            )
        return found


def board_rows(scope: Scope, wanted: GalleryFilter, keys: Sequence[int]) -> Iterator[BoardRow]:
    """The rows of a board, read from storage as they are asked for."""
    for start in range(0, len(keys), AT_ONCE):
        for image in gallery_images(
            scope, keys[start : start + AT_ONCE], method=wanted.method, mode=wanted.mode
        ):
            yield BoardRow(panels=panels(image), first=_labels(image), second=_figures(image))


def board_words(scope: Scope, wanted: GalleryFilter, images: int) -> BoardWords:
    """Heading and source of a board: study and protocol hash, or the run and its digest."""
    choice = scope.choice(wanted.method)
    said = [f"{images:,} images", f"explanations: {choice.label if choice else 'none'}"]
    if scope.study is not None:
        title = study_title(scope.study, wanted.mode)
        said.append(f"protocol SHA-256 {scope.study.protocol_sha256[:16]}")
    elif scope.clean_run is not None:
        title = scope.title
        said.append(f"run {scope.clean_run.pk}, parameters SHA-256 {scope.clean_run.digest[:16]}")
    else:
        run = scope.attack_runs[0]
        title = scope.title
        said.append(f"attack run {run.pk}, parameters SHA-256 {run.digest[:16]}")
    if wanted.narrows:
        said.append(f"filter {wanted.encoded()}")
    return BoardWords(title=title, source=" · ".join(said))


def start_board(request: BoardRequest, *, keys: Sequence[int], created_by: User) -> Job:
    """The job that draws a long board."""
    parameters = {
        "gallery": request.scope.name,
        "filter": request.wanted.encoded(),
        "format": request.file_format,
    }
    return start_job(
        kind=KIND,
        title=f"Board of {request.scope.title}"[:170] + f", {len(keys):,} images",
        chunks=[ChunkPlan({**parameters, "rows": list(keys)}, len(keys))],
        parameters=parameters,
        created_by=created_by,
    )


def file_name(gallery: str, wanted: GalleryFilter) -> str:
    """What a board is called when it is taken along, without its ending."""
    plain = gallery.replace("/", "-")
    return plain if wanted.mode == Mode.REAL else f"{plain}-{wanted.mode}"


def board_name(job: Job) -> str:
    """Where the file of a job's board lies in storage."""
    return f"exports/boards/{job.pk}.{'pdf' if job.parameters['format'] == 'pdf' else 'zip'}"


def _labels(image: GalleryImage) -> str:
    parts = [f"labelled {image.true}"]
    if image.clean is not None:
        parts.append(f"clean {_said(image.clean)}")
    if image.adversarial is not None:
        parts.append(f"adversarial {_said(image.adversarial)}")
        parts.append(f"difference × {image.difference}")
    return " · ".join([*parts, image.classifier])


def _figures(image: GalleryImage) -> str:
    parts = []
    if image.steps is not None:
        parts.append("never flipped in float" if image.never else f"{image.steps} steps to flip")
    if image.steps_shown is not None:
        parts.append(
            "displayed picture never flipped" if image.never_shown else f"displayed {image.steps_shown}"
        )
    if image.explanation is not None:
        if image.explanation.fit is not None:
            parts.append(f"R² {image.explanation.fit:.2f}")
        parts.append(f"{image.explanation.positive} of {image.explanation.superpixels} superpixels positive")
    parts += [f"{votes.arm} {votes.positive}/{votes.counted}" for votes in image.votes if votes.counted]
    return " · ".join([*parts, image.name])


def _said(label: Label) -> str:
    return label.name if label.probability is None else f"{label.name} {label.probability:.3f}"
