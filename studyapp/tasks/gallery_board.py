"""Long boards of the review gallery, drawn by a job and kept in storage."""

from __future__ import annotations

from typing import cast

from django.core.files.storage import default_storage
from django.http import QueryDict

from studyapp.exports.gallery_boards import KIND, BoardFormat, board_name, board_rows, board_words
from studyapp.exports.gallery_drawing import board_archive
from studyapp.models import AdversarialImage, Chunk
from studyapp.services.gallery.filters import read_filter
from studyapp.services.gallery.opening import gallery
from studyapp.services.jobs import JobFailure
from studyapp.services.refusals import Refused
from studyapp.services.stored_files import put_file
from studyapp.tasks.board_pictures import ensure_clean
from studyapp.tasks.chunks import job_function


@job_function(KIND)
def draw_board(chunk: Chunk) -> None:
    """Draw the board of a job; one that is there already is left as it is."""
    name = board_name(chunk.job)
    if default_storage.exists(name):
        return
    kind, _, subject = str(chunk.payload["gallery"]).partition("/")
    try:
        scope = gallery(kind, subject)
    except Refused as refusal:
        raise JobFailure(str(refusal), "It may have been deleted; cancel this job.") from refusal
    wanted = read_filter(QueryDict(str(chunk.payload["filter"])).dict()).wanted
    keys = list(chunk.payload["rows"])
    if not scope.of_explanations:
        for row in AdversarialImage.objects.filter(pk__in=keys).select_related(
            "image__dataset", "run__classifier"
        ):
            ensure_clean(row)
    content = board_archive(
        board_rows(scope, wanted, keys),
        board_words(scope, wanted, len(keys)),
        cast(BoardFormat, chunk.payload["format"]),
    )
    put_file(name, content)
