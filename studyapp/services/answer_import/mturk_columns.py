"""The columns of Mechanical Turk's batch-result CSVs: `Input.*`, `Answer.*`, `WorkerId` and so on."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from studyapp.services.csv_rows import Column, at_line
from studyapp.services.refusals import Refused

_TRUE = {"true", "on", "1"}


def is_mturk(names: Sequence[str]) -> bool:
    """Whether a header is that of a batch-result CSV."""
    return "WorkerId" in names and any(name.startswith("Answer.") for name in names)


def mturk_column(names: Sequence[str], column: Column) -> int | None:
    """Where `Input.<name>` of a column stands, also `Input.image_url`; None where it does not."""
    for name in (column.name, *column.aliases):
        for spelling in (f"Input.{name}", f"Input.{name}_url"):
            if spelling in names:
                return names.index(spelling)
    return None


def answer_columns(path: Path, names: Sequence[str]) -> Callable[[Sequence[str]], str]:
    """How a record's answer is read: one column that holds it, or one true/false column per answer.

    Crowd HTML writes radio buttons as `Answer.<question>.<answer>` with one `true` among them; other
    `Answer.*` columns (comments) are passed over where one is called `Answer.answer`.
    """
    answers = [name for name in names if name.startswith("Answer.")]
    for preferred in ("Answer.answer", "Answer.value", "Answer.choice", "Answer.response"):
        if preferred in answers:
            place = names.index(preferred)
            return lambda fields: fields[place]
    buttons = [name for name in answers if name.count(".") == 2]
    questions = {name.split(".")[1] for name in buttons}
    if len(questions) == 1:
        places = [(names.index(name), name.split(".")[2]) for name in buttons]

        def pressed(fields: Sequence[str]) -> str:
            chosen = [value for place, value in places if fields[place].strip().lower() in _TRUE]
            return chosen[0] if len(chosen) == 1 else ""

        return pressed
    if len(answers) == 1:
        place = names.index(answers[0])
        return lambda fields: fields[place]
    raise Refused(
        at_line(path, 1, f"which of {', '.join(answers)} is the answer? Rename that column Answer.answer.")
    )
