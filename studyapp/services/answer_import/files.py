"""Answers collected elsewhere, read from CSV into compact columns: a million rows in a few megabytes."""

from __future__ import annotations

from array import array
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from studyapp.analysis.arrays import FloatArray, IntArray
from studyapp.services.answer_import.mturk_columns import answer_columns, is_mturk, mturk_column
from studyapp.services.csv_rows import Column, at_line, records_of
from studyapp.services.refusals import Refused

IMAGE = Column("image", ("path", "file", "filename", "image_id"), required=True)
# Which of a class's names the column holds is known from its header; "label" may hold any of them.
LABELS = (
    Column("class_index", ("index", "label_index")),
    Column("wnid", ("synset",)),
    Column("class_name", ("name",)),
    Column("label", ("class", "category")),
)
PARTICIPANT = Column("participant", ("worker", "rater", "expert", "subject"), required=True)
ANSWER = Column("answer", ("value", "response", "choice"), required=True)
SECONDS = Column("seconds", ("rt", "time"))

_LONGEST_VALUE = 40
_MTURK_REJECTED = "Rejected"


@dataclass(frozen=True, slots=True, eq=False)
class TextColumn:
    """A column of texts: each different text once, the line it first stands in, and a code per row."""

    texts: tuple[str, ...]
    first_lines: tuple[int, ...]
    codes: IntArray


@dataclass(frozen=True, slots=True, eq=False)
class AnswerFile:
    """The rows of a file of answers; `labelled_by` is the header that the labels stand under."""

    path: Path
    labelled_by: str
    panel: str
    image: TextColumn
    label: TextColumn
    participant: TextColumn
    value: TextColumn
    seconds: FloatArray | None
    lines: IntArray
    rejected: int

    @property
    def rows(self) -> int:
        """Answers in the file."""
        return len(self.lines)


@dataclass(slots=True)
class _Texts:
    """Builds a TextColumn row by row."""

    known: dict[str, int]
    lines: list[int]
    codes: array[int]

    def add(self, text: str, line: int) -> None:
        code = self.known.get(text)
        if code is None:
            code = self.known[text] = len(self.lines)
            self.lines.append(line)
        self.codes.append(code)

    def column(self) -> TextColumn:
        codes = np.frombuffer(self.codes, dtype=np.int32) if self.codes else np.zeros(0, dtype=np.int32)
        return TextColumn(tuple(self.known), tuple(self.lines), codes)


@dataclass(frozen=True, slots=True)
class _Layout:
    """Where a file's header has what we need; `answer` gives the answer of a record."""

    image: int
    label: int
    labelled_by: str
    participant: int
    answer: Callable[[Sequence[str]], str]
    seconds: int | None
    status: int | None
    panel: str


def read_answers(path: Path) -> AnswerFile:
    """Read a CSV of image, label, participant, answer[, seconds], or a Mechanical Turk batch.

    Raises Refused, naming the line, for whatever is malformed; nothing is taken from such a file.
    Assignments that were rejected on Mechanical Turk are left out and counted.
    """
    records = records_of(path)
    header = next(records, None)
    if header is None:
        raise Refused(f"{path.name} is empty; its first line must name the columns.")
    names = [name.strip() for name in header[1]]
    layout = _layout(path, names)
    image, label, participant, value = (_Texts({}, [], array("i")) for _ in range(4))
    seconds, lines = array("d"), array("i")
    rejected = 0
    width = len(names)
    for line, fields in records:
        if len(fields) != width:
            raise Refused(at_line(path, line, f"{len(fields)} fields where the header has {width}; mend it."))
        if layout.status is not None and fields[layout.status] == _MTURK_REJECTED:
            rejected += 1
            continue
        answer = layout.answer(fields).strip()
        who = fields[layout.participant].strip()
        if not answer or not who:
            what = "participant" if answer else "answer"
            raise Refused(at_line(path, line, f"the {what} is empty; fill it in or take the line out."))
        if len(answer) > _LONGEST_VALUE:
            raise Refused(at_line(path, line, f"answer {answer[:50]!r}... is longer than {_LONGEST_VALUE}."))
        image.add(fields[layout.image].strip(), line)
        label.add(fields[layout.label].strip(), line)
        participant.add(who, line)
        value.add(answer, line)
        lines.append(line)
        if layout.seconds is not None:
            seconds.append(_seconds(path, line, fields[layout.seconds].strip()))
    return AnswerFile(
        path=path,
        labelled_by=layout.labelled_by,
        panel=layout.panel,
        image=image.column(),
        label=label.column(),
        participant=participant.column(),
        value=value.column(),
        seconds=np.frombuffer(seconds, dtype=np.float64) if seconds else None,
        lines=np.frombuffer(lines, dtype=np.int32) if lines else np.zeros(0, dtype=np.int32),
        rejected=rejected,
    )


def _layout(path: Path, names: list[str]) -> _Layout:
    repeated = {name for name in names if names.count(name) > 1 and name}
    if repeated:
        raise Refused(at_line(path, 1, f"the column {min(repeated)!r} is there twice; rename one."))
    if is_mturk(names):
        return _mturk_layout(path, names)
    label = next((found for found in LABELS if found.position_in(names) is not None), None)
    if label is None:
        raise Refused(at_line(path, 1, "no column says the class; name one class_index, wnid or label."))
    answer = _required(path, names, ANSWER)
    return _Layout(
        image=_required(path, names, IMAGE),
        label=_found(label.position_in(names)),
        labelled_by=label.name,
        participant=_required(path, names, PARTICIPANT),
        answer=lambda fields: fields[answer],
        seconds=SECONDS.position_in(names),
        status=None,
        panel="import",
    )


def _mturk_layout(path: Path, names: list[str]) -> _Layout:
    """A batch-result CSV: `Input.*` hold image and label, `Answer.*` what the worker chose."""
    label = next((found for found in LABELS if mturk_column(names, found) is not None), None)
    image = mturk_column(names, IMAGE)
    if label is None or image is None:
        given = ", ".join(name for name in names if name.startswith("Input.")) or "none"
        what = (
            "image (Input.image)" if image is None else "class (Input.label, Input.wnid, Input.class_index)"
        )
        raise Refused(at_line(path, 1, f"no input column says the {what}; there are: {given}. Rename one."))
    return _Layout(
        image=image,
        label=_found(mturk_column(names, label)),
        labelled_by=label.name,
        participant=names.index("WorkerId"),
        answer=answer_columns(path, names),
        seconds=names.index("WorkTimeInSeconds") if "WorkTimeInSeconds" in names else None,
        status=names.index("AssignmentStatus") if "AssignmentStatus" in names else None,
        panel="mturk",
    )


def _required(path: Path, names: list[str], column: Column) -> int:
    position = column.position_in(names)
    if position is None:
        known = " or ".join((column.name, *column.aliases))
        raise Refused(at_line(path, 1, f"there is no column {known} among {', '.join(names)}; name it."))
    return position


def _found(position: int | None) -> int:
    assert position is not None
    return position


def _seconds(path: Path, line: int, text: str) -> float:
    """Seconds; NaN where none are given."""
    if not text:
        return float("nan")
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0 <= value < float("inf"):
        raise Refused(
            at_line(path, line, f"seconds {text!r} is no number from 0 on; mend it or leave it out.")
        )
    return value
