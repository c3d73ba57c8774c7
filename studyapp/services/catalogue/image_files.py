"""Where the pixels of a catalogued image are: in the researcher's folder or in storage."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

from django.core.files.base import ContentFile
from django.core.files.storage import default_storage

from studyapp.models import Dataset, Image
from studyapp.services.refusals import Refused


def image_source(image: Image, dataset: Dataset | None = None) -> Path | Callable[[], bytes]:
    """The file of an image, or a function that reads it from storage: what `inference` takes as source.

    Give `dataset` where it is at hand, to spare a query. Raises Refused for a catalogue without pixels.
    """
    holder = dataset or image.dataset
    if holder.copied:
        return partial(_read_stored, stored_name(holder, image.sha256))
    if not holder.root:
        raise Refused(f"Dataset {holder.name} lists names without pixels; {image.name} can not be shown.")
    return Path(holder.root) / image.name


def read_image_file(*, image: Image) -> bytes:
    """The bytes of an image's file; raises OSError where it is gone and Refused where it never was."""
    source = image_source(image)
    return source.read_bytes() if isinstance(source, Path) else source()


def stored_name(dataset: Dataset, sha256: str) -> str:
    """The name in storage of a copied file: by its content, so that it tells nothing and repeats are safe."""
    return f"datasets/{dataset.name}/{sha256[:2]}/{sha256}"


def copy_to_storage(*, dataset: Dataset, sha256: str, content: bytes) -> None:
    """Put a file's bytes into storage unless they are there."""
    name = stored_name(dataset, sha256)
    if default_storage.exists(name):
        return
    saved = default_storage.save(name, ContentFile(content))
    if saved != name:
        # Somebody else saved the same content in between, and storage gave ours another name.
        default_storage.delete(saved)


def _read_stored(name: str) -> bytes:
    with default_storage.open(name) as file:
        content: bytes = file.read()
    return content
