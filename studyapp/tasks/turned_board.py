"""Long boards of turned verdicts, drawn by a job and kept in storage."""

from __future__ import annotations

from typing import cast

from django.core.files.storage import default_storage

from studyapp.exports.gallery_boards import BoardFormat, board_name
from studyapp.exports.gallery_drawing import board_archive
from studyapp.exports.turned_pictures import KIND, board_of_job
from studyapp.models import AdversarialImage, Chunk, Study
from studyapp.services.jobs import JobFailure
from studyapp.services.stored_files import put_file
from studyapp.tasks.board_pictures import ensure_clean
from studyapp.tasks.chunks import job_function


@job_function(KIND)
def draw_turned_board(chunk: Chunk) -> None:
    """Draw the board of a job from the answers that there are now; one that is there is left as it is."""
    name = board_name(chunk.job)
    if default_storage.exists(name):
        return
    study = Study.objects.select_related("dataset").filter(name=chunk.job.parameters["study"]).first()
    if study is None:
        raise JobFailure(
            f"There is no study {chunk.job.parameters['study']} any more.",
            "It may have been deleted; cancel this job.",
        )
    board = board_of_job(study, chunk.job)
    rows = AdversarialImage.objects.filter(pk__in=[row.adversarial for row in board.rows])
    for row in rows.select_related("image__dataset", "run__classifier"):
        ensure_clean(row)
    file_format = cast(BoardFormat, chunk.job.parameters["format"])
    put_file(name, board_archive(board.pictures(), board.words(), file_format))
