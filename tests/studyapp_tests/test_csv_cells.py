"""Text cells that a spreadsheet would take for formulas, and their way back."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from studyapp.exports.tabular import Column, Table
from studyapp.exports.writing import table_csv
from studyapp.services.csv_cells import guarded, unguarded
from studyapp.services.csv_rows import records_of


@pytest.mark.parametrize("text", ["=1+1", "+cmd|' /C calc'!A0", "-@x", "@SUM(1)", "\t=1", "'=1", "''-x"])
def test_a_text_that_would_be_a_formula_gets_an_apostrophe(text: str) -> None:
    assert guarded(text) == f"'{text}"


@pytest.mark.parametrize("cell", [-1, -0.5, None, True, "", "bee", "a=b", "it's", "'", "-0.25 1e-05 +3", "-"])
def test_numbers_and_other_texts_stay(cell: object) -> None:
    assert guarded(cell) == cell


@given(st.text(alphabet=st.sampled_from("'=+-@\t a1.e"), max_size=8))
def test_whatever_is_written_is_read_back(text: str) -> None:
    assert unguarded(guarded(text)) == text


def test_an_exported_table_is_read_as_it_was(tmp_path: Path) -> None:
    table = Table(
        "t", "T", (Column("name", "A name."), Column("value", "A value.")), (("=x", -1.5), ("-y", 2))
    )
    text = table_csv(table)
    assert [row["name"] for row in csv.DictReader(io.StringIO(text))] == ["'=x", "'-y"]
    (tmp_path / "t.csv").write_text(text)
    assert [fields[:2] for _, fields in records_of(tmp_path / "t.csv")] == [
        *(["name", "value"], ["=x", "-1.5"], ["-y", "2"])
    ]
