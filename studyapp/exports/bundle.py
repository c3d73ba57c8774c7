"""The export bundle: everything a reader needs to check a study, the same bytes every time."""

from __future__ import annotations

import csv
import hashlib
import json
import shutil
import tempfile
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from studyapp.exports import question_listing, replicates
from studyapp.exports.dictionary import (
    DICTIONARY,
    DICTIONARY_COLUMNS,
    dictionary_rows,
    files_of_bundle,
)
from studyapp.exports.kind_tables import has_table
from studyapp.exports.listings import AGGREGATES_ONLY, listings_of
from studyapp.exports.report import Computed, compute_report
from studyapp.exports.results_json import results_json
from studyapp.exports.tabular import Column
from studyapp.exports.turned_pictures import board_of_bundle
from studyapp.exports.versions import versions
from studyapp.exports.writing import csv_lines, table_json, table_latex
from studyapp.models import Study
from studyapp.protocol.canonical import canonical_json
from studyapp.services.csv_cells import guarded
from studyapp.services.plans import protocol_of

MANIFEST = "manifest.json"
_README = """Second Look: export of study {name}
{title}

Mode of the answers: {mode}{warning}
Protocol SHA-256: {protocol}

Begin with tables/{first}.csv and figures/. {evidence}
data_dictionary.csv says what every column means; manifest.json holds the SHA-256 of every file.
"""
_EVIDENCE = """answers.csv and questions.csv hold what they are made of.
People appear under pseudonyms only."""
_AGGREGATES_ONLY = """Perceived attributes of people are published as aggregates only:
answers.csv, which would say who saw what in which image, is left out; questions.csv lists the images."""


# Where a reader begins, by kind of study.
_FIRST_TABLE = {
    "adversarial": "adversarial_accuracy",
    "prototype_assignment": "assignment_success",
    "attributes": "audit_rates",
    "same_content": "same_content_agreement",
}


class NotABundleError(Exception):
    """The folder to write to holds something else."""


@dataclass(frozen=True, slots=True)
class WrittenFile:
    """One file of the bundle as the manifest lists it."""

    path: str
    size: int
    sha256: str


def export_bundle(
    *, study: Study, mode: str, folder: Path, progress: Callable[[str], None] = lambda path: None
) -> tuple[WrittenFile, ...]:
    """Write the bundle into `folder`; an earlier bundle there is replaced, anything else is refused.

    Written aside first, so that a reader never meets half of one. `progress` hears of every file.
    """
    folder = folder.resolve()
    if folder.exists() and not _may_replace(folder):
        raise NotABundleError(
            f"{folder} is there and is no export bundle; name a new or an empty folder, or empty it first"
        )
    computed = compute_report(study=study, mode=mode)
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=f".{folder.name}.") as aside:
        writer = _Writer(Path(aside) / "bundle", progress)
        _write_all(writer, study, mode, computed)
        files = writer.finish(study, mode)
        if folder.exists():
            shutil.rmtree(folder)
        (Path(aside) / "bundle").rename(folder)
    return files


def _may_replace(folder: Path) -> bool:
    if not folder.is_dir():
        return False
    return not any(folder.iterdir()) or (folder / MANIFEST).is_file()


class _Writer:
    """Writes files under a folder and remembers their digests."""

    def __init__(self, folder: Path, progress: Callable[[str], None]) -> None:
        self.folder = folder
        self.files: list[WrittenFile] = []
        self._progress = progress

    def text(self, path: str, parts: str | Iterable[str]) -> None:
        """A text file, from one string or piece by piece."""
        self.data(path, (part.encode() for part in ([parts] if isinstance(parts, str) else parts)))

    def data(self, path: str, parts: Iterable[bytes]) -> None:
        """A file of bytes, piece by piece; only one piece is in memory."""
        target = self.folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        digest, size = hashlib.sha256(), 0
        with target.open("wb") as out:
            for part in parts:
                out.write(part)
                digest.update(part)
                size += len(part)
        self.files.append(WrittenFile(path, size, digest.hexdigest()))
        self._progress(path)

    def rows(self, path: str, columns: Sequence[Column], rows: Iterable[Sequence[str | int | float]]) -> None:
        """A CSV file, row by row."""
        names = [name for column in columns for name in column.csv_names]
        self.text(path, _csv(names, rows))

    def finish(self, study: Study, mode: str) -> tuple[WrittenFile, ...]:
        """Write the manifest of everything written before."""
        files = sorted(self.files, key=lambda file: file.path)
        document = {
            "study": study.name,
            "mode": mode,
            "protocol_sha256": study.protocol_sha256,
            "files": [{"path": file.path, "bytes": file.size, "sha256": file.sha256} for file in files],
        }
        self.text(MANIFEST, json.dumps(document, ensure_ascii=False, indent=1) + "\n")
        return (*files, self.files[-1])


class _Line:
    """A file that hands back what is written to it."""

    def write(self, text: str) -> str:
        return text


def _csv(names: Sequence[str], rows: Iterable[Sequence[str | int | float]]) -> Iterable[str]:
    writer = csv.writer(_Line(), lineterminator="\n")
    yield writer.writerow(names)
    for row in rows:
        yield writer.writerow([guarded(cell) for cell in row])


def _write_all(writer: _Writer, study: Study, mode: str, computed: Computed) -> None:
    # matplotlib: only where something is drawn
    from studyapp.exports.drawing import drawn
    from studyapp.exports.gallery_drawing import board_file

    report = computed.report
    warning = "" if mode == "real" else " (NOT real answers)"
    writer.text(
        "README.txt",
        _README.format(
            name=study.name,
            title=study.title,
            mode=mode,
            warning=warning,
            protocol=study.protocol_sha256,
            first=_FIRST_TABLE.get(study.kind, "rectified_error"),
            evidence=_AGGREGATES_ONLY if study.kind in AGGREGATES_ONLY else _EVIDENCE,
        ),
    )
    for listing in listings_of(study):
        writer.rows(listing.path, listing.columns, listing.rows(study, mode))
    writer.rows(
        "questions.csv",
        question_listing.COLUMNS,
        question_listing.question_rows(study, report.questions, mode),
    )
    writer.rows("bootstrap_draws.csv", replicates.COLUMNS, replicates.replicate_rows(computed.arms))
    for table in (each for each in report.tables.values() if has_table(study.kind, each.name)):
        writer.text(f"tables/{table.name}.csv", csv_lines(table))
        writer.text(f"tables/{table.name}.json", table_json(table))
        writer.text(f"tables/{table.name}.tex", table_latex(table))
    for figure in report.figures():
        writer.data(f"figures/{figure.name}.svg", [drawn(figure, "svg")])
        writer.data(f"figures/{figure.name}.png", [drawn(figure, "png")])
        writer.text(f"figures/{figure.name}.csv", csv_lines(figure.data()))
    board = board_of_bundle(study, mode, report.questions)
    if board is not None:
        pictures, words = list(board.pictures()), board.words()
        writer.data("figures/turned_verdicts.png", [board_file(pictures, words, "png")])
        writer.data("figures/turned_verdicts.pdf", [board_file(pictures, words, "pdf")])
    writer.text("results.json", results_json(report))
    writer.text("protocol.toml", study.protocol_text)
    writer.text("protocol.json", canonical_json(protocol_of(study)))
    writer.text("versions.json", json.dumps(versions(), indent=1) + "\n")
    writer.rows(DICTIONARY, DICTIONARY_COLUMNS, dictionary_rows(files_of_bundle(study), kind=study.kind))
