"""The board of turned verdicts as pictures: the page's rows in the page's order, drawn like the gallery's."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from django.contrib.auth.models import User

from studyapp.analysis.verdicts import Verdict
from studyapp.exports import gallery_boards
from studyapp.exports.gallery_boards import AT_ONCE, MOST, BoardFormat, BoardWords, study_title
from studyapp.exports.gallery_panels import NOT_STORED, Panel, read_pixels
from studyapp.exports.judged import JudgedQuestions
from studyapp.exports.kept_report import study_report
from studyapp.exports.turned_board import (
    ORDERS,
    OUTCOMES,
    BoardChoice,
    BoardRow,
    board_choice,
    board_rows,
    chosen_rows,
    classifiers_of_board,
)
from studyapp.exports.turned_rows import NOT_EXPLAINED, PICTURES, TurnedRow, turned_rows
from studyapp.models import Job, Study
from studyapp.services.attacks.stored_pictures import clean_name
from studyapp.services.jobs import ChunkPlan, start_job
from studyapp.services.plans import protocol_of
from studyapp.services.refusals import Refused

KIND = "turned_board"
# Three pages of the PDF; the page has the rest, and a bundle that is kept for every answer stays small.
IN_BUNDLE = 24


@dataclass(frozen=True, slots=True)
class TurnedBoard:
    """The rows of a study's board from the answers of one mode, as they were chosen; `of` so many."""

    study: Study
    mode: str
    choice: BoardChoice
    rows: Sequence[BoardRow]
    of: int

    def pictures(self) -> Iterator[gallery_boards.BoardRow]:
        """The rows to be drawn, read from storage as they are asked for."""
        for start in range(0, len(self.rows), AT_ONCE):
            for row in turned_rows(self.study, self.rows[start : start + AT_ONCE]):
                yield gallery_boards.BoardRow(_panels(row), first=_labels(row), second=_votes(row))

    def words(self) -> BoardWords:
        """Heading and source: study and mode, what was compared, how it is sorted, the protocol's hash."""
        choice = self.choice
        many = f"{self.of:,} image{'' if self.of == 1 else 's'}"
        said = [
            f"{OUTCOMES[choice.outcome]}, from {choice.first} to {choice.second}",
            ORDERS[choice.order].lower(),
            many if len(self.rows) == self.of else f"{len(self.rows):,} of {many}",
            *([choice.classifier] if choice.classifier else []),
            f"protocol SHA-256 {self.study.protocol_sha256[:16]}",
        ]
        return BoardWords(title=study_title(self.study, self.mode), source=" · ".join(said))


def turned_board(study: Study, mode: str, choice: BoardChoice) -> TurnedBoard:
    """The board of the present answers."""
    rows = board_rows(study, study_report(study=study, mode=mode).questions)
    return _chosen(study, mode, choice, rows)


def board_of_bundle(study: Study, mode: str, questions: JudgedQuestions) -> TurnedBoard | None:
    """The board as its page opens, at most the first 24 images; None where no verdict turned."""
    usual = board_choice({}, protocol=protocol_of(study), classifiers=())
    board = _chosen(study, mode, usual, board_rows(study, questions))
    return replace(board, rows=board.rows[:IN_BUNDLE]) if board.rows else None


def _chosen(study: Study, mode: str, choice: BoardChoice, rows: Sequence[BoardRow]) -> TurnedBoard:
    chosen = chosen_rows(rows, choice)
    return TurnedBoard(study, mode, choice, chosen, len(chosen))


def start_turned_board(board: TurnedBoard, *, file_format: BoardFormat, created_by: User) -> Job:
    """The job that draws a long board, kept under `board_name`. Raises Refused for more than 2,000 images."""
    many = len(board.rows)
    if many > MOST:
        raise Refused(
            f"{many:,} images came out this way and a board holds at most {MOST:,}: choose another outcome "
            "or one classifier."
        )
    parameters = {
        "study": board.study.name,
        "mode": board.mode,
        "format": file_format,
        **board.choice.values(),
    }
    return start_job(
        kind=KIND,
        title=f"Verdicts that turned in {board.study.title}"[:160] + f": board of {many:,} images",
        chunks=[ChunkPlan(parameters, many)],
        parameters=parameters,
        created_by=created_by,
    )


def choice_of_job(study: Study, job: Job) -> BoardChoice:
    """What a job was started for."""
    classifiers = classifiers_of_board(study)
    return board_choice(job.parameters, protocol=protocol_of(study), classifiers=classifiers)


def board_of_job(study: Study, job: Job) -> TurnedBoard:
    """The board that a job was started for, of the answers that there are now."""
    return turned_board(study, str(job.parameters["mode"]), choice_of_job(study, job))


def _panels(row: TurnedRow) -> tuple[Panel, ...]:
    explained = (row.explained.get("clean"), row.explained.get("adversarial"))
    names = (clean_name(row.image.key), row.image.file, *(each.file if each else "" for each in explained))
    missing = (NOT_STORED, NOT_STORED, *(NOT_STORED if each else NOT_EXPLAINED for each in explained))
    return tuple(_panel(*each) for each in zip(PICTURES, names, missing, strict=True))


def _panel(title: str, name: str, missing: str) -> Panel:
    """A stored picture; one that went bad is said, and keeps no bundle from being written."""
    try:
        return Panel(title, read_pixels(name), missing)
    except (OSError, SyntaxError, ValueError):  # what Pillow raises for files that are no pictures
        return Panel(title, None, "can not be read")


def _labels(row: TurnedRow) -> str:
    said = f"predicted {row.predicted}"
    if row.probability is not None:
        said += f" {row.probability:.3f}"
    parts = [f"labelled {row.true}", said]
    if row.steps is not None:
        parts.append(f"flipped at step {row.steps}")
    return " · ".join([*parts, row.votes.classifier])


def _votes(row: TurnedRow) -> str:
    """The votes of every arm in the study's order, then the image."""
    parts = [
        f"{votes.arm} {votes.positive}/{votes.received} {Verdict(votes.verdict).word}"
        for votes in row.votes.votes.values()
    ]
    return " · ".join([*parts, row.image.image.name])
