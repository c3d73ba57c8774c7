"""CSV files of researchers, read so that whatever is wrong is named with its line."""

from __future__ import annotations

import csv
import gzip
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from studyapp.services.csv_cells import unguarded
from studyapp.services.refusals import Refused


@dataclass(frozen=True, slots=True)
class CsvTable:
    """The columns of a CSV file that were asked for, found under whichever of their names it uses."""

    path: Path
    columns: tuple[str, ...]
    rows: tuple[CsvRow, ...]


@dataclass(frozen=True, slots=True)
class CsvRow:
    """One record: the line it ends at and its values in the order of `CsvTable.columns`."""

    line: int
    values: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Column:
    """A column by our name and the other names it is known under."""

    name: str
    aliases: tuple[str, ...] = ()
    required: bool = False

    def position_in(self, header: Sequence[str]) -> int | None:
        """Where the header has it, under its first name that fits; None where it has not."""
        for name in (self.name, *self.aliases):
            if name in header:
                return header.index(name)
        return None


def at_line(path: Path, line: int, what: str) -> str:
    """`labels.csv, line 12: what`, as every complaint about a CSV begins."""
    return f"{path.name}, line {line}: {what}"


def read_csv(path: Path, columns: Sequence[Column]) -> CsvTable:
    """Read a UTF-8 CSV with a header; columns that nobody asked for are ignored.

    Raises Refused, naming the line, when the file is missing, no text, without a required column,
    or a record has too few or too many fields.
    """
    found: list[tuple[str, int]] = []
    rows: list[CsvRow] = []
    for line, fields in records_of(path):
        if not found:
            found = _found_columns(path, [field.strip() for field in fields], columns)
            width = len(fields)
            continue
        if len(fields) != width:
            raise Refused(
                at_line(path, line, f"{len(fields)} fields where the header has {width}; mend the line.")
            )
        rows.append(CsvRow(line, tuple(fields[position].strip() for _, position in found)))
    if not found:
        raise Refused(f"{path.name} is empty; its first line must name the columns.")
    return CsvTable(path=path, columns=tuple(name for name, _ in found), rows=tuple(rows))


def records_of(path: Path) -> Iterator[tuple[int, list[str]]]:
    """The records of a UTF-8 CSV, header included, with the line each ends at; blank lines are left out.

    A name that ends in .gz is read as a gzip file. Raises Refused, naming the line, when the file is missing,
    no text, or quoted wrongly.
    """
    open_text = gzip.open if path.suffix == ".gz" else open
    try:
        with open_text(path, "rt", newline="", encoding="utf-8-sig") as file:
            reader = csv.reader(file, strict=True)
            try:
                for fields in reader:
                    if fields:
                        yield reader.line_num, [unguarded(field) for field in fields]
            except csv.Error as problem:
                raise Refused(at_line(path, reader.line_num, f"{problem}; mend the line.")) from problem
            except UnicodeDecodeError as problem:
                raise Refused(
                    at_line(path, reader.line_num + 1, "is not UTF-8 text; save the file as UTF-8.")
                ) from problem
    except (gzip.BadGzipFile, EOFError, zlib.error) as problem:
        raise Refused(f"{path} is no whole gzip file ({problem}); fetch it again.") from problem
    except OSError as problem:
        raise Refused(f"{path} can not be read ({problem.strerror}); check the path.") from problem


def _found_columns(path: Path, header: list[str], columns: Sequence[Column]) -> list[tuple[str, int]]:
    repeated = {name for name in header if header.count(name) > 1 and name}
    if repeated:
        raise Refused(at_line(path, 1, f"the column {min(repeated)!r} is there twice; rename one."))
    found = []
    for column in columns:
        position = column.position_in(header)
        if position is not None:
            found.append((column.name, position))
        elif column.required:
            raise Refused(
                at_line(
                    path,
                    1,
                    f"there is no column {' or '.join((column.name, *column.aliases))} among "
                    f"{', '.join(header)}; name it in the header.",
                )
            )
    return found
