"""Long exports: the bundle of a study as a zip in storage."""

from __future__ import annotations

from studyapp.exports.archive import EXPORT, store_archive
from studyapp.models import Chunk, Study
from studyapp.services.studies.bootstrap import ensure_bootstrap_draw
from studyapp.tasks.chunks import job_function


@job_function(EXPORT)
def export_study(chunk: Chunk) -> None:
    """Write the bundle of the answers that there are now; one that is there already is left as it is."""
    study = Study.objects.select_related("dataset").get(pk=chunk.payload["study"])
    ensure_bootstrap_draw(study=study)
    store_archive(study=study, mode=str(chunk.payload["mode"]))
