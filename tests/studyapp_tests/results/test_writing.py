"""Tables as text: the same digits everywhere, and a reason for every empty cell."""

from __future__ import annotations

import csv
import io
import json

import pytest
from django.template.loader import render_to_string
from hypothesis import given
from hypothesis import strategies as st

from studyapp.analysis.withheld import Bounds, Withheld
from studyapp.exports.columns import positions_in
from studyapp.exports.display import shown
from studyapp.exports.tabular import Cell, Column, Table, interval_column
from studyapp.exports.writing import latex_escaped, table_csv, table_json, table_latex
from studyapp.views.shown_tables import ROWS_SHOWN, shown_table

COLUMNS = (
    Column("classifier", "Name."),
    Column("images", "Images.", "count"),
    Column("error", "Error.", "share", "fraction of 1"),
    interval_column("interval", "Of the error.", beside="error"),
    Column("votes", "By number.", "counts", parts=("0", "1")),
)


def table(*rows: tuple[Cell, ...]) -> Table:
    return Table("errors", "Errors & more", COLUMNS, rows, note="50 % of them_all")


def test_pairs_and_counts_are_columns_of_their_own_in_csv() -> None:
    lines = table_csv(table(("a", 50000, 0.25096, (0.24, 0.26), (3, 4)))).splitlines()
    assert lines[0] == "classifier,images,error,interval_low,interval_high,votes_0,votes_1,remarks"
    assert lines[1] == "a,50000,0.25096,0.24,0.26,3,4,"


def test_a_withheld_cell_is_empty_and_says_why() -> None:
    withheld = table(("a", 8, Withheld("closed early"), None, Withheld("closed early")))
    row = next(csv.DictReader(io.StringIO(table_csv(withheld))))
    assert (row["error"], row["votes_0"]) == ("", "")
    assert row["remarks"] == "error: closed early; votes: closed early"
    (plain,) = json.loads(table_json(withheld))["rows"]
    assert plain["error"] is None
    assert plain["withheld"]["error"] == {"reason": "closed early"}


def test_bounds_take_the_place_of_a_number_that_is_not_known() -> None:
    bounded = table(("a", 8, Bounds(0.1, 0.2, "too few answers"), None, (0, 1)))
    (plain,) = json.loads(table_json(bounded))["rows"]
    assert plain["withheld"]["error"] == {"reason": "too few answers", "bounds": [0.1, 0.2]}
    assert "10.00--20.00" in table_latex(bounded)
    assert "too few answers" in table_latex(bounded)


def test_latex_prints_names_as_they_stand() -> None:
    text = table_latex(table(("net_50% & ^co$t~{#}\\", 1234567, 0.5, (0.4, 0.6), (1, 2))))
    assert r"net\_50\% \& \textasciicircum{}co\$t\textasciitilde{}\{\#\}\textbackslash{}" in text
    assert r"1\,234\,567" in text
    assert r"50.00 {\small [40.00--60.00]}" in text
    assert r"50 \% of them\_all" in text


@given(st.text())
def test_escaped_text_has_no_bare_special_character(text: str) -> None:
    bare = latex_escaped(text)
    for command in (r"\textbackslash{}", r"\textasciitilde{}", r"\textasciicircum{}", r"\textless{}"):
        bare = bare.replace(command, "")
    for command in (r"\textgreater{}", r"\textquotedbl{}", r"\ldots{}", r"\,", "$-$"):
        bare = bare.replace(command, "")
    for escaped in (r"\&", r"\%", r"\$", r"\#", r"\_", r"\{", r"\}"):
        bare = bare.replace(escaped, "")
    assert not set(bare) & set('&%$#_{}~^\\<>"')


def test_a_table_refuses_a_row_of_the_wrong_length() -> None:
    with pytest.raises(ValueError, match="2 cells, the table 5 columns"):
        table(("a", 1))


def test_an_interval_below_zero_is_not_read_as_three_minus_signs() -> None:
    column = Column("d", "Difference.", "pair", "fraction of 1")
    assert shown((-0.2, -0.1), column) == "−20.00 to −10.00"
    assert shown((0.1, 0.2), column) == "10.00–20.00"


@given(st.lists(st.integers(0, 50), unique=True), st.lists(st.integers(0, 50)))
def test_positions_are_those_of_a_plain_search(keys: list[int], wanted: list[int]) -> None:
    import numpy as np

    ordered = sorted(keys)
    found = positions_in(np.array(ordered, dtype=np.int64), np.array(wanted, dtype=np.int64))
    assert found.tolist() == [ordered.index(each) if each in ordered else -1 for each in wanted]


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        (ROWS_SHOWN, None),
        (ROWS_SHOWN + 1, "One more row is in the files."),
        (ROWS_SHOWN + 2, "2 more rows are in the files."),
    ],
)
def test_a_page_says_how_many_rows_are_in_the_files_alone(rows: int, said: str | None) -> None:
    table = Table("people", "People", (Column("participant", "Pseudonym."),), (("person",),) * rows)
    page = render_to_string("results/_table_rows.html", {"table": shown_table(table, lambda *named: "")})
    assert said in page if said else "in the files" not in page
