"""A study's bundle as one zip in storage, for downloading from a page."""

from __future__ import annotations

import tempfile
import zipfile
from pathlib import Path

from django.core.files.base import File
from django.core.files.storage import default_storage

from studyapp.exports.bundle import export_bundle
from studyapp.exports.kept_report import answers_state
from studyapp.models import Study

EXPORT = "export_study"
# Zip files carry a time for each entry; this one is the earliest they can, so that bytes repeat.
_NO_TIME = (1980, 1, 1, 0, 0, 0)
_PIECE = 1 << 20


def archive_name(study: Study, mode: str) -> str:
    """Where the bundle of the present answers is, or will be, in storage."""
    return f"exports/{study.name}/{mode}-{answers_state(study, mode)}.zip"


def archive_exists(study: Study, mode: str) -> bool:
    """Whether the bundle of the present answers is there to be downloaded."""
    return default_storage.exists(archive_name(study, mode))


def store_archive(*, study: Study, mode: str) -> str:
    """Write the bundle of the present answers into storage, unless it is there; returns its name."""
    name = archive_name(study, mode)
    if default_storage.exists(name):
        return name
    with tempfile.TemporaryDirectory(prefix="second-look-export.") as aside:
        folder = Path(aside) / f"{study.name}-{mode}"
        files = export_bundle(study=study, mode=mode, folder=folder)
        packed = Path(aside) / "bundle.zip"
        with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
            for file in files:
                entry = zipfile.ZipInfo(f"{folder.name}/{file.path}", date_time=_NO_TIME)
                entry.compress_type = zipfile.ZIP_DEFLATED
                with (folder / file.path).open("rb") as source, archive.open(entry, "w") as target:
                    while piece := source.read(_PIECE):
                        target.write(piece)
        with packed.open("rb") as content:
            return default_storage.save(name, File(content))
