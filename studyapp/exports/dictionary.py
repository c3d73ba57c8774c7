"""The data dictionary: every file of a bundle and every column of its CSV files, in words."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from studyapp.exports import question_listing, replicates
from studyapp.exports.figures import FIGURE_COLUMNS
from studyapp.exports.kind_tables import KIND_OF_TABLE, empty_own_tables
from studyapp.exports.listings import LISTINGS, listings_of
from studyapp.exports.report import TABLE_BUILDERS
from studyapp.exports.study_table import COLUMNS as STUDY_COLUMNS
from studyapp.exports.tabular import Column
from studyapp.exports.writing import REMARKS, REMARKS_MEANING
from studyapp.models import Study

DICTIONARY = "data_dictionary.csv"


@dataclass(frozen=True, slots=True)
class DescribedFile:
    """A CSV file of the bundle: its path (or what stands for it), what it holds, its columns.

    `kind`: the only kind of study whose bundles have it; empty for all.
    """

    path: str
    description: str
    columns: tuple[Column, ...]
    kind: str = ""


OTHER_FILES: tuple[tuple[str, str], ...] = (
    ("README.txt", "What this bundle is and where to begin."),
    ("results.json", "Every table as `results --json` prints it; errors are fractions of 1."),
    ("protocol.toml", "The protocol file as it was given."),
    ("protocol.json", "Its canonical form, defaults filled in; its SHA-256 is the protocol's digest."),
    ("versions.json", "Versions of this code and of the libraries that computed the tables."),
    ("manifest.json", "Size and SHA-256 of every other file."),
    ("tables/<table>.json", "The same table as JSON, with the meaning of its columns."),
    ("tables/<table>.tex", "The same table for LaTeX (needs booktabs)."),
    ("figures/<figure>.svg", "The figure, text as paths."),
    ("figures/<figure>.png", "The same figure, 200 dots per inch."),
)
OF_ATTACKED: tuple[tuple[str, str], ...] = (
    (
        "figures/turned_verdicts.png",
        "Of attacked images: the board of verdicts that turned as its page opens, at most 24 images.",
    ),
    ("figures/turned_verdicts.pdf", "The same board, eight images a page."),
)
DICTIONARY_COLUMNS = (
    Column("file", "Path in the bundle."),
    Column("column", "Name of the column; empty for the file itself."),
    Column("unit", "Unit of the numbers."),
    Column("description", "What it means."),
)
REMARKS_COLUMN = Column(REMARKS, REMARKS_MEANING)


def described_files() -> tuple[DescribedFile, ...]:
    """Every CSV file that a bundle can hold, in the order of the dictionary."""
    tables = [
        DescribedFile("tables/study.csv", "What the tables rest on.", (*STUDY_COLUMNS, REMARKS_COLUMN)),
        *(
            DescribedFile(
                f"tables/{table.name}.csv",
                f"{table.title}.",
                (*table.columns, REMARKS_COLUMN),
                KIND_OF_TABLE.get(table.name, ""),
            )
            for table in (
                *empty_own_tables(),
                *(build([]) for build in TABLE_BUILDERS),
            )
        ),
    ]
    return (
        *(DescribedFile(each.path, each.description, each.columns, each.kind) for each in LISTINGS),
        DescribedFile(
            "questions.csv", "Every question with its votes and verdict.", question_listing.COLUMNS
        ),
        DescribedFile("bootstrap_draws.csv", "The bootstrap draws behind the intervals.", replicates.COLUMNS),
        *tables,
        DescribedFile(
            "figures/<figure>.csv", "The numbers of the figure.", (*FIGURE_COLUMNS, REMARKS_COLUMN)
        ),
        DescribedFile(DICTIONARY, "This dictionary.", DICTIONARY_COLUMNS),
    )


def files_of_bundle(study: Study) -> tuple[DescribedFile, ...]:
    """Those of a study's bundle: its raw rows, the tables of its kind, and what every bundle has."""
    rows = {each.path for each in LISTINGS} - {each.path for each in listings_of(study)}
    return tuple(
        each for each in described_files() if each.kind in ("", study.kind) and each.path not in rows
    )


def dictionary_rows(files: Sequence[DescribedFile], *, kind: str) -> Iterator[tuple[str, str, str, str]]:
    """One row per file of a bundle of that kind of study, and one per column of its CSV."""
    for path, description in (*OTHER_FILES, *(OF_ATTACKED if kind == "adversarial" else ())):
        yield path, "", "", description
    for file in files:
        yield file.path, "", "", file.description
        for column in file.columns:
            for name, part in zip(column.csv_names, column.parts or ("",), strict=True):
                yield file.path, name, column.unit, _meaning(column, part)


def dictionary_markdown() -> str:
    """The same for the documentation."""
    lines = [
        "# Data dictionary of an export bundle",
        "",
        "`export_study STUDY FOLDER` writes these files. Shares are fractions of 1; times are ISO 8601",
        "with their zone; an empty cell of a table has its reason in the column `remarks`. A bundle has",
        "the files of its study's kind, the same for every study of that kind, and its own",
        "`data_dictionary.csv` describes those alone. Generated from the code; a test holds it complete.",
        "",
    ]
    lines += [f"- `{path}`: {description}" for path, description in (*OTHER_FILES, *OF_ATTACKED)]
    for file in described_files():
        lines += [
            "",
            f"## `{file.path}`",
            "",
            file.description + (f" Only of studies of kind `{file.kind}`." if file.kind else ""),
            "",
            "| column | unit | meaning |",
            "| --- | --- | --- |",
        ]
        for column in file.columns:
            for name, part in zip(column.csv_names, column.parts or ("",), strict=True):
                lines.append(f"| `{name}` | {column.unit} | {_meaning(column, part)} |")
    return "\n".join(lines) + "\n"


def _meaning(column: Column, part: str) -> str:
    return f"{column.description} ({part.replace('_', ' ')})" if part else column.description
